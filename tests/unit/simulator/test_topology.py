import copy
import json

import pytest
from search_doubles import CPU, GAUDI, GPU, SMALL_GPU, catalog, cluster, cpu_device, gpu_device, node

from budsim.commons.errors import InvalidRequestError, PayloadTooLargeError
from budsim.simulator import cluster_document
from budsim.simulator.topology import group_devices, parse_clusters


def parsed(document):
    clusters, problems = parse_clusters(document)
    assert problems == ()
    return clusters


def groups(document, mode="dedicated", **options):
    return group_devices(parsed(document)[0], hardware_mode=mode, catalog=options.pop("catalog", catalog()), **options)


def only_group(document, mode="dedicated", **options):
    found = groups(document, mode, **options)
    assert len(found.groups) == 1, found
    return found.groups[0]


class TestParsing:
    document = cluster(node("n1", gpu_device()))

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda c: [c],
            lambda c: c,
            lambda c: {"clusters": [c]},
            lambda c: json.dumps([c]),
            lambda c: json.dumps([c]).encode(),
            lambda c: json.dumps(json.dumps([c])),
        ],
    )
    def test_every_wrapping_of_the_document_reads_the_same(self, wrap):
        assert parsed(wrap(self.document)) == parsed([self.document])

    def test_extra_keys_change_nothing(self):
        noisy = copy.deepcopy(self.document)
        noisy["region"] = "eu"
        noisy["nodes"][0]["kernel"] = {"version": [6, 8]}
        noisy["nodes"][0]["devices"][0]["serial"] = None
        assert parsed([noisy]) == parsed([self.document])

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("available_count", "many"),
            ("available_count", 1.5),
            ("available_count", -1),
            ("available_count", None),
            ("mem_per_GPU_in_GB", "80 GB"),
            ("mem_per_GPU_in_GB", float("nan")),
            ("core_utilization_percent", []),
            ("name", 7.5),
            ("type", None),
        ],
    )
    def test_a_field_of_the_wrong_kind_is_named_by_its_path(self, path, value):
        broken = cluster(node("n0"), node("n1", gpu_device(**{path: value})))
        clusters, problems = parse_clusters([broken])
        assert clusters == ()
        assert problems[0].path == f"clusters[0].nodes[1].devices[0].{path}"
        assert problems[0].cluster_id == "c1"

    def test_one_unreadable_cluster_never_hides_the_others(self):
        good = cluster(node("n1", gpu_device()), name="good")
        clusters, problems = parse_clusters([cluster(node("n", {"type": "cuda"}), name="bad"), 5, good])
        assert [item.cluster_id for item in clusters] == ["good"]
        assert [problem.path for problem in problems] == ["clusters[0].nodes[0].devices[0].name", "clusters[1]"]

    def test_repeated_ids_are_refused(self):
        clusters, problems = parse_clusters([self.document, self.document])
        assert len(clusters) == 1
        assert problems[0].path == "clusters[1].id"
        _, problems = parse_clusters([cluster(node("n1"), node("n1"))])
        assert problems[0].path == "clusters[0].nodes[1].id"

    @pytest.mark.parametrize("document", ["{", "7", 7, None, "[" * 100_000])
    def test_what_is_no_list_of_clusters_is_an_error(self, document):
        with pytest.raises(InvalidRequestError):
            parse_clusters(document)

    def test_sizes_are_limited(self, monkeypatch):
        monkeypatch.setattr(cluster_document, "MAX_CLUSTERS", 2)
        with pytest.raises(PayloadTooLargeError):
            parse_clusters([cluster(name=str(index)) for index in range(3)])
        monkeypatch.setattr(cluster_document, "MAX_DOCUMENT_BYTES", 10)
        with pytest.raises(PayloadTooLargeError):
            parse_clusters(json.dumps([self.document]))
        monkeypatch.setattr(cluster_document, "MAX_DEVICES_PER_NODE", 1)
        _, problems = parse_clusters([cluster(node("n", gpu_device(), gpu_device()))])
        assert problems[0].path == "clusters[0].nodes[0].devices"

    @pytest.mark.parametrize(
        ("vendor", "device_type"), [("NVIDIA", "cuda"), ("AMD", "rocm"), ("Intel", "hpu"), ("", "cuda")]
    )
    def test_the_generic_gpu_type_is_read_from_the_vendor(self, vendor, device_type):
        device = gpu_device(vendor=vendor) | {"type": "gpu"}
        assert parsed([cluster(node("n", device))])[0].nodes[0].devices[0].device_type == device_type

    def test_figures_that_the_platform_injects_are_not_a_datasheet(self):
        injected = gpu_device(peak_fp16_TFLOPS=10, hbm_bandwidth_in_GB_per_sec=100, peak_i8_TFLOPS=20)
        device = parsed([cluster(node("n", injected))])[0].nodes[0].devices[0]
        assert device.declared_flops == ()
        assert device.declared_bandwidth_bytes_per_s is None


class TestGrouping:
    def test_equal_devices_of_all_nodes_form_one_group(self):
        group = only_group(cluster(node("n1", gpu_device(8)), node("n2", gpu_device(4)), node("n3", gpu_device(2))))
        assert group.node_distribution == {"n1": 8, "n2": 4, "n3": 2}
        assert (group.total_devices, group.max_devices_per_node) == (14, 8)
        assert group.spec is GPU

    def test_unequal_devices_never_share_a_group(self):
        document = cluster(
            node("n1", gpu_device(8), gpu_device(2, name="Round 24GB", memory_gb=24)),
            node("n2", gpu_device(4) | {"type": "hpu", "name": "Round Gaudi", "raw_name": "Round Gaudi"}, cpu_device()),
        )
        found = groups(document).groups
        assert [(group.device_type, group.spec) for group in found] == [
            ("cpu_high", CPU),
            ("cuda", SMALL_GPU),
            ("cuda", GPU),
            ("hpu", GAUDI),
        ]

    def test_cpu_and_cpu_high_stay_apart(self):
        found = groups(cluster(node("n1", cpu_device()), node("n2", cpu_device(type="cpu")))).groups
        assert [group.device_type for group in found] == ["cpu", "cpu_high"]

    def test_entries_of_one_node_add_up(self):
        group = only_group(cluster(node("n1", gpu_device(1), gpu_device(1), gpu_device(1))))
        assert group.node_distribution == {"n1": 3}

    def test_nodes_that_are_not_ready_or_empty_are_dropped_with_a_reason(self):
        document = cluster(
            node("down", gpu_device(), status=False),
            node("silent", gpu_device(), status=None),
            node("empty"),
            node("up", gpu_device()),
        )
        found = groups(document)
        assert found.groups[0].node_distribution == {"up": 8}
        assert {item.node: item.reason for item in found.dropped} == {
            "down": "node is not ready (status is false)",
            "silent": "node does not report its status; it must be true",
            "empty": "node reports no devices",
        }

    def test_an_empty_cluster_has_no_groups(self):
        assert groups(cluster()) == type(groups(cluster()))((), ())

    def test_masters_lend_their_gpus_but_not_their_cpus(self):
        document = cluster(node("m", gpu_device(), cpu_device(), is_master=True))
        found = groups(document)
        assert [group.device_type for group in found.groups] == ["cuda"]
        assert "SKIP_MASTER_NODE_FOR_CPU" in found.dropped[0].reason
        both = groups(document, skip_master_node_for_cpu=False).groups
        assert [group.device_type for group in both] == ["cpu_high", "cuda"]

    def test_unknown_hardware_is_dropped_with_the_names_it_resembles(self):
        found = groups(cluster(node("n1", gpu_device(name="Round 81GB Pro", memory_gb=81))))
        assert found.groups == ()
        assert "Round 80GB" in found.dropped[0].reason

    def test_unknown_hardware_with_its_own_peaks_is_used_and_says_so(self):
        device = gpu_device(name="Prototype X", peak_fp16_TFLOPS=432, hbm_bandwidth_in_GB_per_sec=2450, memory_gb=96)
        group = only_group(cluster(node("n1", device)))
        assert group.spec.peak_flops["fp16"] == 432e12
        assert group.spec.memory_bandwidth_bytes_per_s == 2450e9
        assert group.spec.memory_bytes == 96 * 10**9
        assert "cluster's own figures" in group.match_reason

    def test_device_types_that_are_not_simulated_say_so(self):
        found = groups(cluster(node("n1", gpu_device() | {"type": "tpu"}, gpu_device() | {"type": "npu9"})))
        assert found.groups == ()
        assert all("not simulated" in item.reason for item in found.dropped)

    def test_the_driver_figure_of_the_datasheet_is_the_memory_unless_the_payload_is_a_slice(self):
        assert only_group(cluster(node("n1", gpu_device(memory_gb=79)))).memory_bytes_per_device == 80e9

    def test_sockets_are_the_devices_of_a_cpu_node(self):
        group = only_group(cluster(node("n1", cpu_device(utilized_cores=2.0, utilized_memory_gb=12))))
        assert group.total_devices == 2
        assert group.memory_bytes_per_device == 250e9
        assert group.cores_per_device == 55

    def test_order_of_the_document_does_not_change_the_groups(self):
        first, second = node("a", gpu_device(8)), node("b", gpu_device(4), cpu_device())
        assert groups(cluster(first, second)).groups == groups(cluster(second, first)).groups


class TestSharedMemoryTiers:
    def test_part_used_devices_form_nested_groups_by_free_memory(self):
        devices = [gpu_device(1, memory_allocated_gb=used) for used in (0, 20, 60)]
        found = groups(cluster(node("n1", *devices)), "shared").groups
        assert [(group.memory_bytes_per_device, group.total_devices) for group in found] == [
            (80e9, 1),
            (60e9, 2),
            (20e9, 3),
        ]

    def test_nearly_equal_free_memory_is_one_tier_of_the_smaller_size(self):
        devices = [gpu_device(1, memory_allocated_gb=used) for used in (20, 21, 22)]
        group = only_group(cluster(node("n1", *devices)), "shared")
        assert (group.memory_bytes_per_device, group.total_devices) == (58e9, 3)

    def test_a_part_used_device_is_still_matched_by_its_total_memory(self):
        group = only_group(cluster(node("n1", gpu_device(1, memory_allocated_gb=24))), "shared")
        assert group.spec is GPU

    def test_tiers_are_bounded(self):
        devices = [gpu_device(1, memory_allocated_gb=7 * step) for step in range(11)]
        found = groups(cluster(node("n1", *devices)), "shared").groups
        assert 2 <= len(found) <= 4
        assert found[-1].total_devices == 11
