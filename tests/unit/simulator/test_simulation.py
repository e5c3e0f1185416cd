import json
from dataclasses import replace
from pathlib import Path

import pytest
from feasibility import violations
from search_doubles import GPU, AnalyticPredictor, catalog, cluster, cpu_device, gpu_device, node, tiny_arch

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import InvalidRequestError, UnknownModelError
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.group_task import GroupOutcome, GroupTask
from budsim.simulator.search_space import EvolutionParameters, Exclusions, SearchLimits
from budsim.simulator.simulation import (
    SimulationRequest,
    check_request,
    plan_tasks,
    search_group,
    simulate,
)
from budsim.simulator.topology import parse_clusters

EXAMPLES = Path(__file__).parents[3] / "examples"


def request(**fields):
    load = fields.pop("workload", Workload(512, 128, concurrency=fields.pop("concurrency", 8)))
    return SimulationRequest("tiny", load, **fields)


def clusters(*documents):
    found, problems = parse_clusters(list(documents))
    assert problems == ()
    return found


def run(asked, found, devices=None, **options):
    return simulate(
        asked,
        found,
        resolve_model=lambda _: tiny_arch(),
        catalog=devices or catalog(),
        predictor=options.pop("predictor", AnalyticPredictor()),
        **options,
    )


GPUS = cluster(node("n1", gpu_device(4)), node("n2", gpu_device(4)), name="gpus")
CPUS = cluster(node("n3", cpu_device()), name="cpus")
BUSY = cluster(node("n4", gpu_device(4, available=0)), name="busy")


@pytest.mark.parametrize("method", ["heuristic", "regressor"])
def test_every_row_says_why_it_ranks_where_it_does(method):
    asked = request(targets=SloTargets(ttft_ms=100.0))
    outcome = run(asked, clusters(GPUS), method=method)
    first = outcome.rows[0]["top_k_configs"]
    assert first["binding"] in ("memory", "ttft")
    assert f"{first['binding']} binds" in first["reason"]
    assert "cheapest" in first["reason"]
    front = outcome.groups[0].front
    assert front[0]["cost_per_million_tokens"] == min(point["cost_per_million_tokens"] for point in front)
    assert all(point["reason"] and point["binding"] for point in front)
    free = run(request(), clusters(GPUS), method=method).rows[0]["top_k_configs"]
    assert free["binding"] is None
    assert "no target is set" in free["reason"]
    assert GroupOutcome.from_dict(outcome.groups[0].to_dict()) == outcome.groups[0]
    missed = run(request(targets=SloTargets(ttft_ms=0.001)), clusters(GPUS), method=method)
    assert "misses least: ttft" in missed.rows[0]["top_k_configs"]["reason"]


def test_every_cluster_gets_one_recommendation_best_first():
    outcome = run(request(), clusters(CPUS, GPUS))
    assert {item["cluster_id"] for item in outcome.recommendations} == {"gpus", "cpus"}
    costs = [item["metrics"]["cost_per_million_tokens"] for item in outcome.recommendations]
    assert costs == sorted(costs)
    assert outcome.reasons == ()


def test_a_cluster_that_has_nothing_never_fails_the_others():
    outcome = run(request(), clusters(BUSY, GPUS))
    assert [item["cluster_id"] for item in outcome.recommendations] == ["gpus"]
    assert "Cluster busy: no devices are free in dedicated mode" in outcome.reasons[0]


def test_no_recommendation_at_all_says_why():
    outcome = run(request(), clusters(BUSY))
    assert outcome.recommendations == ()
    assert outcome.reasons
    unknown = run(request(cluster_id="elsewhere"), clusters(GPUS))
    assert unknown.reasons == ("Cluster elsewhere is not known.",)
    assert run(request(), ()).reasons == ("No cluster is known.",)


def test_targets_out_of_reach_are_recommended_up_to_the_threshold_and_say_so():
    asked = request(targets=SloTargets(ttft_ms=0.9, throughput_per_user_tps=10.0))
    outcome = run(asked, clusters(GPUS))
    metrics = outcome.recommendations[0]["metrics"]
    assert metrics["meets_targets"] is False
    assert metrics["misses"][0]["target"] == "ttft"
    strict = run(replace(asked, error_rate_threshold=0.0), clusters(GPUS))
    assert strict.recommendations == ()
    assert "over the threshold 0" in strict.reasons[0]


def test_remedies_that_claim_to_be_verified_work_when_followed():
    asked = request(targets=SloTargets(throughput_per_user_tps=300.0), concurrency=40)
    outcome = run(asked, clusters(cluster(node("n1", gpu_device(1)), name="one")))
    found = {remedy.kind: remedy for remedy in outcome.groups[0].remedies}
    assert {"relax_targets", "concurrency", "add_devices"} <= set(found)
    fewer = replace(asked, workload=replace(asked.workload, concurrency=found["concurrency"].changes["concurrency"]))
    one = clusters(cluster(node("n1", gpu_device(1)), name="one"))
    assert run(fewer, one).groups[0].meets_targets
    nodes = [node(f"m{index}", gpu_device(1)) for index in range(1 + found["add_devices"].changes["nodes"])]
    assert run(asked, clusters(cluster(*nodes, name="more"))).groups[0].meets_targets
    relaxed = SloTargets(throughput_per_user_tps=found["relax_targets"].changes["throughput_per_user"])
    assert run(replace(asked, targets=relaxed), one).groups[0].meets_targets


def test_fp8_is_offered_only_where_the_device_has_it_and_it_helps():
    asked = request(targets=SloTargets(throughput_per_user_tps=900.0), concurrency=1)
    found = clusters(cluster(node("n1", gpu_device(1)), name="one"))
    assert "precision" not in {item.kind for item in run(asked, found).groups[0].remedies}
    fp8_device = replace(GPU, peak_flops={**GPU.peak_flops, "fp8": 6e14})
    outcome = run(asked, found, catalog(fp8_device)).groups[0]
    assert not outcome.meets_targets
    assert "precision" in {item.kind for item in outcome.remedies}


def test_what_is_met_needs_no_remedy():
    assert run(request(), clusters(GPUS)).groups[0].remedies == ()


def test_memory_is_named_when_nothing_fits():
    huge = tiny_arch(num_hidden_layers=400, hidden_size=8192, intermediate_size=32768, num_attention_heads=64)
    outcome = simulate(
        request(),
        clusters(GPUS),
        resolve_model=lambda _: huge,
        catalog=catalog(),
        predictor=AnalyticPredictor(),
    )
    assert outcome.recommendations == ()
    kinds = {item.kind for item in outcome.groups[0].remedies}
    assert kinds & {"memory", "add_devices"}
    assert "GB" in outcome.reasons[0]


def test_tasks_and_outcomes_survive_json():
    plan = plan_tasks(request(precisions=(None, "fp8")), clusters(GPUS, CPUS), arch=tiny_arch(), catalog=catalog())
    for task in plan.tasks:
        revived = GroupTask.from_dict(json.loads(json.dumps(task.to_dict(), allow_nan=False)))
        assert revived == task
        outcome = search_group(task, predictor=AnalyticPredictor())
        assert search_group(revived, predictor=AnalyticPredictor()) == outcome
        assert GroupOutcome.from_dict(json.loads(json.dumps(outcome.to_dict(), allow_nan=False))) == outcome
    assert len({task.task_key for task in plan.tasks}) == len(plan.tasks) == 2


def test_requests_survive_json():
    asked = request(
        targets=SloTargets(ttft_ms=5.0, ttft_percentile=99),
        limits=SearchLimits(max_replicas=3, allow_intra_node_pp=False),
        engine_overrides={"block_size": 32},
        assumptions={"output_tokens": 512},
        device_types=("cuda",),
    )
    assert SimulationRequest.from_dict(json.loads(json.dumps(asked.to_dict()))) == asked


def test_the_whole_answer_is_json_without_nan():
    outcome = run(request(assumptions={"concurrency": 10}), clusters(GPUS, CPUS, BUSY))
    answer = json.loads(json.dumps(outcome.to_dict(), allow_nan=False))
    assert answer["assumptions"]["concurrency"] == 10
    assert len(answer["recommendations"]) == 2


def test_the_same_question_gets_the_same_answer():
    first, second = (run(request(), clusters(GPUS, CPUS)).to_dict() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (("cuda",), {"cuda"}),
        (("cpu",), {"cpu_high"}),
        (("cpu_high",), {"cpu_high"}),
        (("gpu",), {"cuda"}),
        ((), {"cuda", "cpu_high"}),
        (("hpu",), set()),
    ],
)
def test_device_types_narrow_the_search(types, expected):
    plan = plan_tasks(request(device_types=types), clusters(GPUS, CPUS), arch=tiny_arch(), catalog=catalog())
    assert {task.group.device_type for task in plan.tasks} == expected


def test_device_names_narrow_the_search():
    plan = plan_tasks(request(device_names=("80gb",)), clusters(GPUS, CPUS), arch=tiny_arch(), catalog=catalog())
    assert [task.group.spec for task in plan.tasks] == [GPU]
    assert "none of them is one that was asked for (80gb)" in plan.reasons[0]


def test_an_engine_nobody_has_is_a_reason_not_a_crash():
    outcome = run(request(engines=("tgi",)), clusters(GPUS))
    assert outcome.recommendations == ()
    assert "no tgi serves this model" in outcome.reasons[0]


def test_a_task_that_cannot_be_searched_tells_its_error():
    outcome = run(request(engine_version="0.0.1"), clusters(GPUS))
    assert outcome.recommendations == ()
    assert "outside the versions" in outcome.groups[0].error
    wrong = run(request(engine_overrides={"block_sise": 32}), clusters(GPUS))
    assert "block_sise" in wrong.reasons[0]


def test_contexts_longer_than_the_model_are_told_per_group():
    outcome = run(request(workload=Workload(200_000, 100, concurrency=1)), clusters(GPUS))
    assert "context length" in outcome.reasons[0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"workload": Workload(0, 10, concurrency=1)}, "input_tokens"),
        ({"workload": Workload(10, 0, concurrency=1)}, "output_tokens"),
        ({"workload": Workload(10, 10)}, "concurrency"),
        ({"workload": Workload(10, 10, concurrency=0)}, "concurrency"),
        ({"workload": Workload(10, 10, concurrency=10**9)}, "concurrency"),
        ({"workload": Workload(10, 10, LoadMode.POISSON)}, "request_rate"),
        ({"workload": Workload(float("nan"), 10, concurrency=1)}, "input_tokens"),
        ({"workload": Workload(10, 10, LoadMode.POISSON, request_rate=float("inf"))}, "request_rate"),
        ({"targets": SloTargets(ttft_ms=float("nan"))}, "ttft_ms"),
        ({"targets": SloTargets(e2e_latency_s=-1.0)}, "e2e_latency_s"),
        ({"targets": SloTargets(output_tps=float("inf"))}, "output_tps"),
        ({"limits": SearchLimits(max_usd_per_hour=float("nan"))}, "max_usd_per_hour"),
        ({"top_k": 0}, "top_k"),
        ({"objective": "fun"}, "objective"),
        ({"hardware_mode": "borrowed"}, "hardware_mode"),
    ],
)
def test_values_that_cannot_be_served_are_refused_by_name(fields, field):
    with pytest.raises(InvalidRequestError) as caught:
        check_request(request(**fields))
    assert caught.value.param == {"field": field}


def test_an_unknown_model_stops_the_run():
    def resolve(name):
        raise UnknownModelError(f"{name} is not known.")

    with pytest.raises(UnknownModelError):
        simulate(request(), clusters(GPUS), resolve_model=resolve, catalog=catalog(), predictor=AnalyticPredictor())


def test_feedback_of_one_cluster_does_not_touch_another():
    twin = {**GPUS, "id": "twin"}
    first = run(request(), clusters(GPUS, twin))
    digest = first.rows[0]["config_hash"]
    excluded = {"gpus": Exclusions(frozenset({digest}))}
    again = run(request(), clusters(GPUS, twin), exclusions=excluded)
    assert digest not in {row["config_hash"] for row in again.rows if row["cluster_id"] == "gpus"}
    assert digest in {row["config_hash"] for row in again.rows if row["cluster_id"] == "twin"}


def test_shared_mode_recommends_part_used_devices_even_without_free_count():
    device = gpu_device(1, available=0, memory_allocated_gb=40.0, hardware_mode="time-slicing")
    found = clusters(cluster(node("n1", device), name="shared"))
    metrics = run(request(hardware_mode="shared"), found).recommendations[0]["metrics"]
    assert metrics["hardware_mode"] == "shared"
    assert (metrics["tp_size"], metrics["pp_size"], metrics["error_rate"]) == (1, 1, 0.0)
    assert metrics["ttft"] > 0
    assert run(request(), found).recommendations == ()


def test_top_k_bounds_the_rows_of_a_task():
    assert len(run(request(top_k=2), clusters(GPUS)).rows) == 2


class TestExamples:
    names = ("h100", "a100", "l40s", "mi300x", "gaudi2", "gaudi3", "xeon", "mixed", "part-used")

    def all(self):
        return json.loads((EXAMPLES / "clusters.json").read_text())

    def test_ids_and_names_are_unique_and_every_file_is_in_the_collection(self):
        documents = self.all()
        assert len({item["id"] for item in documents}) == len({item["name"] for item in documents}) == len(documents)
        node_ids = [item["id"] for document in documents for item in document["nodes"]]
        assert len(set(node_ids)) == len(node_ids)
        assert [json.loads((EXAMPLES / f"{name}.json").read_text())[0] for name in self.names] == documents

    @pytest.mark.parametrize("mode", ["dedicated", "shared"])
    def test_every_row_for_every_example_passes_the_independent_judge(self, mode):
        documents = {item["id"]: item for item in self.all()}
        found, problems = parse_clusters(self.all())
        assert problems == ()
        outcome = run(request(hardware_mode=mode), found, hardware_catalog())
        expected = set(documents) if mode == "dedicated" else {row["cluster_id"] for row in outcome.rows}
        assert {item["cluster_id"] for item in outcome.recommendations} == expected
        for row in outcome.rows:
            assert violations(row, documents[row["cluster_id"]]) == []

    def test_every_row_of_the_genetic_search_passes_the_independent_judge(self):
        documents = {item["id"]: item for item in self.all()}
        found, _ = parse_clusters(self.all())
        few = EvolutionParameters(population_size=16, generations=3, max_evaluations=150)
        outcome = run(request(evolution=few), found, hardware_catalog(), method="regressor")
        assert {item["cluster_id"] for item in outcome.recommendations} == set(documents)
        for row in outcome.rows:
            assert violations(row, documents[row["cluster_id"]]) == []

    def test_every_example_device_is_in_the_catalogue(self):
        found, _ = parse_clusters(self.all())
        plan = plan_tasks(request(), found, arch=tiny_arch(), catalog=hardware_catalog())
        reasons = {item.reason for dropped in plan.dropped.values() for item in dropped}
        assert not [reason for reason in reasons if "catalogue" in reason.lower() or "similar" in reason.lower()]
        assert plan.reasons == ()
