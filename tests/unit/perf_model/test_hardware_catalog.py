"""Laws of the device catalogue and of matching names to it."""

from __future__ import annotations

import string
import time
from dataclasses import replace
from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from budsim.commons.errors import InvalidRequestError, UnknownHardwareError
from budsim.perf_model.hardware_catalog import (
    DEVICE_TYPES,
    FLOP_FORMATS,
    DeviceSpec,
    HardwareCatalog,
    parse_catalog,
    parse_match_rules,
)
from budsim.perf_model.hardware_names import normalize_pci_id, parse_device_name

GIB = 2**30
DOCUMENT = yaml.load(files("budsim.perf_model").joinpath("hardware_catalog.yaml").read_bytes(), Loader=yaml.CSafeLoader)
CATALOG = HardwareCatalog(parse_catalog(DOCUMENT), parse_match_rules(DOCUMENT))
SPEC_FIELDS = set(DeviceSpec.__dataclass_fields__)


def each_device():
    return pytest.mark.parametrize("spec", CATALOG.devices, ids=lambda spec: spec.name)


# ------------------------------------------------------------------------------------------------------------- the rows


@pytest.mark.parametrize(
    ("name", "bf16_tflops", "bandwidth_tb_s", "memory_gib", "num_units", "tdp_watts"),
    [  # vendors' datasheets, dense
        ("NVIDIA H100 SXM 80GB", 989, 3.35, 79.65, 132, 700),
        ("NVIDIA A100 SXM4 80GB", 312, 2.039, 80, 108, 400),
        ("NVIDIA H200 SXM 141GB", 989, 4.8, 140.4, 132, 700),
        ("NVIDIA L40S", 362, 0.864, 44.99, 142, 350),
        ("NVIDIA L4", 121, 0.3, 22.49, 58, 72),
        ("NVIDIA B200 SXM 180GB", 2250, 7.7, 179.1, 148, 1000),
        ("AMD Instinct MI300X", 1307.4, 5.3, 191.98, 304, 750),
        ("Intel Gaudi2 HL-225 (OAM)", 432, 2.46, 96, 24, 600),
    ],
)
def test_rows_equal_the_datasheets(name, bf16_tflops, bandwidth_tb_s, memory_gib, num_units, tdp_watts):
    spec = CATALOG.get(name)
    assert spec.peak_flops["bf16"] == pytest.approx(bf16_tflops * 1e12, rel=2e-3)
    assert spec.memory_bandwidth_bytes_per_s == pytest.approx(bandwidth_tb_s * 1e12, rel=1e-3)
    assert spec.memory_bytes == pytest.approx(memory_gib * GIB, rel=1e-3)
    assert spec.num_units == num_units
    assert spec.tdp_watts == tdp_watts


def test_fp8_of_h100_is_dense_and_twice_its_bf16():
    peaks = CATALOG.get("NVIDIA H100 SXM 80GB").peak_flops
    assert peaks["fp8"] == pytest.approx(1979e12, rel=1e-3)
    assert peaks["fp8"] == pytest.approx(2 * peaks["bf16"], rel=1e-3)


def test_all_kinds_of_devices_are_there():
    counts = {kind: sum(spec.device_type == kind for spec in CATALOG.devices) for kind in DEVICE_TYPES}
    assert counts == {"cuda": 52, "rocm": 12, "hpu": 4, "cpu": 31, "xpu": 3, "tpu": 3}


@each_device()
def test_lower_precision_is_never_slower(spec):
    peaks = spec.peak_flops
    for higher, lower in (("bf16", "fp8"), ("fp8", "fp4"), ("fp32", "tf32"), ("tf32", "bf16"), ("fp32", "bf16")):
        if higher in peaks and lower in peaks:
            assert peaks[lower] >= peaks[higher]


@each_device()
def test_roofline_balance_is_physical(spec):
    peak = spec.peak_flops.get("bf16") or spec.peak_flops.get("fp16") or spec.peak_flops["fp32"]
    flops_per_byte = peak / spec.memory_bandwidth_bytes_per_s
    assert 10 <= flops_per_byte <= 1000


@each_device()
def test_memory_is_within_eight_percent_of_the_label_or_the_nodes(spec):
    if spec.device_type == "cpu":
        assert spec.memory_bytes is None
    else:
        assert spec.nominal_memory_gb * 0.99e9 <= spec.memory_bytes <= spec.nominal_memory_gb * GIB * 1.001


@each_device()
def test_units_and_fields_of_a_row_are_sane(spec):
    assert spec.device_type in DEVICE_TYPES
    assert set(spec.peak_flops) <= set(FLOP_FORMATS)
    assert all(1e12 < flops < 2e16 for flops in spec.peak_flops.values())
    assert 1e11 < spec.memory_bandwidth_bytes_per_s < 1e13
    assert spec.link_bytes_per_s is None or 1e10 < spec.link_bytes_per_s < 1e12
    assert spec.pcie_bytes_per_s is None or 1e10 < spec.pcie_bytes_per_s < 2e11
    assert spec.tdp_watts is None or 20 < spec.tdp_watts < 2000
    assert spec.usd_per_hour is None or 0.1 < spec.usd_per_hour < 20
    assert spec.price_usd is None or 1000 < spec.price_usd < 60_000
    assert all(normalize_pci_id(pci_id) == pci_id for pci_id in spec.pci_ids)
    assert spec.confidence in {"high", "medium", "low"}


@each_device()
def test_every_row_names_its_sources_and_its_doubtful_fields_exist(spec):
    assert spec.sources["*"]
    assert "price_usd" in spec.sources or spec.price_usd is None
    assert "usd_per_hour" in spec.sources or spec.usd_per_hour is None
    assert {field.split(".")[0] for field in spec.low_confidence_fields} <= SPEC_FIELDS


@each_device()
def test_link_group_is_given_exactly_where_a_link_has_a_speed(spec):
    assert (spec.link_bytes_per_s is None) == (spec.link_group_size is None)


def test_only_a_cpu_has_numa_domains():
    for spec in CATALOG.devices:
        assert (spec.device_type == "cpu") == (spec.numa_domains is not None)
        assert spec.numa_domains is None or spec.numa_domains == spec.numa_domain_options[0]


def test_known_conflicts_are_marked():
    disputed = {spec.name: spec.conflicts for spec in CATALOG.devices if spec.conflicts}
    assert "tdp_watts" in disputed["NVIDIA H20 96GB"]
    assert "num_units" in disputed["NVIDIA L4"]
    assert "peak_flops.bf16" in disputed["Intel Gaudi3 HL-325L (OAM)"]


def test_catalogue_is_ready_fast_enough_for_a_command_line():
    text = files("budsim.perf_model").joinpath("hardware_catalog.yaml").read_bytes()
    best_s = min(_seconds_to_load(text) for _ in range(5))
    assert best_s < 0.1


def _seconds_to_load(text: bytes) -> float:
    start = time.process_time()
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    HardwareCatalog(parse_catalog(document), parse_match_rules(document))
    return time.process_time() - start


# ------------------------------------------------------------------------------------------------------------- matching


@each_device()
def test_a_row_matches_itself_by_name_and_by_every_alias(spec):
    for spelling in (spec.name, *spec.aliases):
        assert CATALOG.match(spelling).spec is spec, spelling
        assert CATALOG.match(spelling, device_type=spec.device_type).spec is spec


@each_device()
def test_case_and_separators_do_not_matter(spec):
    for spelling in (spec.name.upper(), spec.name.lower(), spec.name.replace(" ", "-"), spec.name.replace(" ", "_")):
        assert CATALOG.match(spelling).spec is spec, spelling


@each_device()
def test_a_row_matches_by_its_pci_id_alone(spec):
    for pci_id in set(spec.pci_ids) - CATALOG.rules.shared_pci_ids:
        found = CATALOG.match("GPU", pci_id=pci_id).spec
        assert pci_id in found.pci_ids


@pytest.mark.parametrize(
    ("spelling", "row"),
    [
        ("NVIDIA-A100-SXM4-80GB", "NVIDIA A100 SXM4 80GB"),
        ("NVIDIA A100 80GB PCIe", "NVIDIA A100 PCIe 80GB"),
        ("A100-80GB", "NVIDIA A100 SXM4 80GB"),
        ("A100-80", "NVIDIA A100 SXM4 80GB"),
        ("A100-40GB", "NVIDIA A100 SXM4 40GB"),
        ("A100-PCIe-40GB", "NVIDIA A100 PCIe 40GB"),
        ("H100", "NVIDIA H100 SXM 80GB"),
        ("1xH100-80GB", "NVIDIA H100 SXM 80GB"),
        ("8 x H100", "NVIDIA H100 SXM 80GB"),
        ("H100 x8", "NVIDIA H100 SXM 80GB"),
        ("h100_sxm", "NVIDIA H100 SXM 80GB"),
        ("HGX H100", "NVIDIA H100 SXM 80GB"),
        ("H100-PCIe-80GB", "NVIDIA H100 PCIe 80GB"),
        ("H100-NVL-94GB", "NVIDIA H100 NVL 94GB"),
        ("GH200-96GB", "NVIDIA GH200 96GB"),
        ("GH200-144GB", "NVIDIA GH200 144GB"),
        ("B200", "NVIDIA B200 SXM 180GB"),
        ("GB200", "NVIDIA GB200 (per GPU)"),
        ("GB300 NVL72", "NVIDIA GB300 (per GPU)"),
        ("NVIDIA-L40S-SHARED", "NVIDIA L40S"),
        ("L4", "NVIDIA L4"),
        ("T4", "Tesla T4"),
        ("V100-32GB", "Tesla V100 SXM2 32GB"),
        ("RTX A6000", "NVIDIA RTX A6000"),
        ("HL_225", "Intel Gaudi2 HL-225 (OAM)"),
        ("HL-325L", "Intel Gaudi3 HL-325L (OAM)"),
        ("Gaudi2", "Intel Gaudi2 HL-225 (OAM)"),
        ("Gaudi 3", "Intel Gaudi3 HL-325L (OAM)"),
        ("AMD Instinct MI300X OAM", "AMD Instinct MI300X"),
        ("MI300X", "AMD Instinct MI300X"),
        ("MI250X", "AMD Instinct MI250X (per GCD)"),
        ("Intel(R) Xeon(R) Platinum 8480+", "Intel Xeon Platinum 8480+"),
        ("Xeon-8480+", "Intel Xeon Platinum 8480+"),
        ("Xeon Platinum 8368", "Intel Xeon Platinum 8368"),
        ("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "Intel Xeon Platinum 8370C"),
        ("Xeon 6767P", "Intel Xeon 6767P"),
        ("Intel Xeon 6 6767P", "Intel Xeon 6767P"),
        ("AMD EPYC 9654 96-Core Processor", "AMD EPYC 9654"),
        ("EPYC-9654", "AMD EPYC 9654"),
    ],
)
def test_spellings_of_clusters_datasheets_and_drivers_match(spelling, row):
    assert CATALOG.match(spelling).spec.name == row


@pytest.mark.parametrize(
    "name",
    [
        "H1000",
        "H10",
        "A100X",
        "L40SX",
        "RTX 4090 Laptop",
        "RTX 4090 D",
        "RTX 3090 Ti",
        "RTX 6000",
        "RX 7900 XT",
        "T4G",
        "H100-96GB",
        "A100-60GB",
        "AMD H100",
        "Intel MI300X",
        "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb",
        "A100-SXM4-40GB 1g.5gb",
        "Xeon Platinum 8481C",
        "Intel Xeon Processor (SapphireRapids)",
        "8480+",
        "Gaudi",
    ],
)
def test_a_similar_device_is_never_taken_for_a_known_one(name):
    with pytest.raises(UnknownHardwareError, match="hardware add") as caught:
        CATALOG.match(name)
    assert caught.value.http_status == 400
    assert set(caught.value.near) <= {spec.name for spec in CATALOG.devices}


@pytest.mark.parametrize("name", ["", "GPU", "NVIDIA GPU", "cuda", "CPU", "AMD", "80GB", "8x", "Xeon", "EPYC", "?!"])
def test_a_generic_name_is_unknown(name):
    with pytest.raises(UnknownHardwareError):
        CATALOG.match(name)


def test_an_unknown_name_lists_near_names():
    with pytest.raises(UnknownHardwareError, match="NVIDIA H100 SXM 80GB") as caught:
        CATALOG.match("H1000")
    assert "NVIDIA H100 SXM 80GB" in caught.value.near


def test_a_name_of_several_rows_says_that_a_default_was_taken():
    match = CATALOG.match("A100-40GB")
    assert not match.exact
    assert "default variant" in match.reason
    assert "NVIDIA A100 PCIe 40GB" in match.reason
    assert CATALOG.match("A100-SXM4-40GB").exact


def test_every_family_of_several_rows_has_a_documented_default():
    for spec in CATALOG.devices:
        for spelling in (spec.name, *spec.aliases):
            family = parse_device_name(spelling).family
            rows = CATALOG._families[family]
            assert len(rows) == 1 or family in CATALOG.rules.default_variants, family


@pytest.mark.parametrize(
    ("name", "memory_bytes", "row"),
    [
        ("A100", 40e9, "NVIDIA A100 SXM4 40GB"),
        ("A100", 80 * GIB, "NVIDIA A100 SXM4 80GB"),
        ("V100", 32 * GIB, "Tesla V100 SXM2 32GB"),
        ("NVIDIA H20", 141e9, "NVIDIA H20 141GB"),
        ("H100", 94 * GIB, "NVIDIA H100 NVL 94GB"),
        ("MI250X", 128 * GIB, "AMD Instinct MI250X (OAM, 2 GCD)"),
        ("MI250", 128 * GIB, "AMD Instinct MI250 (OAM, 2 GCD)"),
    ],
)
def test_memory_chooses_the_variant(name, memory_bytes, row):
    assert CATALOG.match(name, memory_bytes=memory_bytes).spec.name == row


@each_device()
def test_a_part_used_device_still_matches_by_its_name(spec):
    if spec.memory_bytes:
        assert CATALOG.match(spec.name, memory_bytes=spec.memory_bytes * 0.1).spec is spec


def test_a_bare_mi250_is_the_card_and_its_memory_can_say_that_it_is_a_die():
    match = CATALOG.match("MI250")
    assert match.spec.name == "AMD Instinct MI250 (OAM, 2 GCD)"
    assert not match.exact
    assert "MI250X (per GCD)" in match.reason
    assert CATALOG.match("MI250", memory_bytes=64 * GIB).spec.name == "AMD Instinct MI250X (per GCD)"


def test_pci_id_chooses_the_variant_and_a_contradiction_is_told():
    assert CATALOG.match("NVIDIA A100 80GB", pci_id="10DE:20B5").spec.name == "NVIDIA A100 PCIe 80GB"
    match = CATALOG.match("H100", pci_id="10de:20b2")
    assert match.spec.name == "NVIDIA H100 SXM 80GB"
    assert "belongs to NVIDIA A100 SXM4 80GB" in match.reason


def test_pci_id_shared_by_products_identifies_none_of_them():
    with pytest.raises(UnknownHardwareError):
        CATALOG.match("A2", pci_id="10de:25b6")
    assert CATALOG.match("A16", pci_id="10de:25b6").spec.name == "NVIDIA A16 (per GPU)"


@pytest.mark.parametrize("text", ["10de:2330", "0x10DE:0x2330", "0x233010DE", " 10de-2330 "])
def test_pci_ids_are_read_in_every_form(text):
    assert normalize_pci_id(text) == "10de:2330"


def test_an_unreadable_pci_id_is_told_and_ignored():
    match = CATALOG.match("T4", pci_id="None:None")
    assert match.spec.name == "Tesla T4"
    assert "ignored" in match.reason


@given(
    name=st.one_of(
        st.sampled_from([spelling for spec in CATALOG.devices for spelling in (spec.name, *spec.aliases)]),
        st.text(string.ascii_letters + string.digits + " -_+()", max_size=30),
    ),
    pci_id=st.one_of(st.none(), st.sampled_from([pci for spec in CATALOG.devices for pci in spec.pci_ids])),
    memory_bytes=st.one_of(st.none(), st.floats(1e9, 1e12)),
    device_type=st.sampled_from(DEVICE_TYPES),
)
def test_a_match_has_the_device_type_that_was_asked_for(name, pci_id, memory_bytes, device_type):
    try:
        match = CATALOG.match(name, pci_id=pci_id, memory_bytes=memory_bytes, device_type=device_type)
    except UnknownHardwareError:
        return
    assert match.spec.device_type == device_type
    assert match.reason


@given(st.text(max_size=250))
def test_any_text_is_matched_or_refused_by_a_named_error(text):
    fields = {"hardware"}
    try:
        CATALOG.match(text)
    except InvalidRequestError as error:
        fields = {error.param["field"]}
    assert fields == {"hardware"}


def test_cpu_high_and_gpu_restrict_to_their_kinds():
    assert CATALOG.match("Xeon 8480+", device_type="cpu_high").spec.device_type == "cpu"
    assert CATALOG.match("MI300X", device_type="gpu").spec.device_type == "rocm"
    with pytest.raises(UnknownHardwareError, match="rocm device"):
        CATALOG.match("MI300X", device_type="cuda")


@pytest.mark.parametrize("memory_bytes", [0, -1, float("nan"), float("inf")])
def test_memory_that_cannot_be_is_refused_by_name(memory_bytes):
    with pytest.raises(InvalidRequestError) as caught:
        CATALOG.match("H100", memory_bytes=memory_bytes)
    assert caught.value.param == {"field": "memory_bytes"}


def test_two_rows_cannot_share_a_name():
    spec = CATALOG.get("Tesla T4")
    with pytest.raises(InvalidRequestError, match="taken by"):
        HardwareCatalog([spec, replace(spec, name="Another", aliases=("tesla-t4",))])


def test_a_custom_device_cannot_take_the_name_of_a_known_family():
    spec = CATALOG.get("Tesla T4")
    with pytest.raises(InvalidRequestError, match="taken by"):
        HardwareCatalog([*CATALOG.devices, replace(spec, name="H100", aliases=(), pci_ids=(), is_custom=True)])


def test_a_malformed_row_is_named():
    with pytest.raises(InvalidRequestError, match="Broken") as caught:
        parse_catalog({**DOCUMENT, "devices": [{"name": "Broken", "vendor": "X"}]})
    assert caught.value.param["device"] == "Broken"


def test_rows_are_hashable_so_that_they_can_key_a_cache():
    assert len({*CATALOG.devices, *CATALOG.devices}) == len(CATALOG.devices)
