"""The user's own devices."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import yaml

from budsim.commons import catalogs, config
from budsim.commons.errors import InvalidRequestError, PayloadTooLargeError, UnknownHardwareError

ACME = {
    "name": "Acme X1",
    "device_type": "cuda",
    "memory_gb": 96,
    "memory_bandwidth_gb_s": 4000,
    "bf16_tflops": 800,
}


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "settings", lambda: SimpleNamespace(data_dir=tmp_path / "data"))


@pytest.fixture
def add(tmp_path):
    def _add(*devices, name="devices.yaml"):
        path = tmp_path / name
        dump = json.dumps if name.endswith("json") else yaml.safe_dump
        path.write_text(dump({"devices": list(devices)}))
        return catalogs.add_custom_devices(path)

    return _add


def test_the_shipped_catalogue_needs_no_file_and_is_built_once():
    assert catalogs.hardware_catalog().get("Tesla T4").num_units == 40
    assert catalogs.hardware_catalog() is catalogs.hardware_catalog()


@pytest.mark.parametrize("name", ["devices.yaml", "devices.json"])
def test_an_added_device_is_matched_with_the_values_given(add, name):
    assert add(ACME, name=name) == ["Acme X1"]
    spec = catalogs.hardware_catalog().match("acme-x1", device_type="cuda").spec
    assert spec.is_custom
    assert spec.memory_bytes == 96e9
    assert spec.memory_bandwidth_bytes_per_s == 4e12
    assert spec.peak_flops == {"bf16": 8e14}


def test_a_custom_device_of_the_same_name_is_replaced(add):
    add(ACME)
    add({**ACME, "name": "ACME-X1", "memory_gb": 48})
    assert catalogs.hardware_catalog().match("Acme X1").spec.memory_bytes == 48e9


def test_adding_keeps_what_was_added_before(add):
    add(ACME)
    add({**ACME, "name": "Acme X2"})
    catalog = catalogs.hardware_catalog()
    assert [spec.name for spec in catalog.devices if spec.is_custom] == ["Acme X1", "Acme X2"]


def test_a_custom_variant_of_a_known_family_never_becomes_its_default(add):
    add({**ACME, "name": "NVIDIA H100 96GB HBM3"})
    catalog = catalogs.hardware_catalog()
    assert catalog.match("H100-96GB").spec.is_custom
    assert catalog.match("H100").spec.name == "NVIDIA H100 SXM 80GB"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Tesla T4"}, "aliases"),
        ({"name": "H100"}, "aliases"),
        ({"aliases": ["MI300X"]}, "aliases"),
        ({"name": None}, "name"),
        ({"name": "GPU"}, "name"),
        ({"name": "x" * 300}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"device_type": "gpu"}, "device_type"),
        ({"device_type": None}, "device_type"),
        ({"memory_gb": None}, "memory_gb"),
        ({"memory_gb": -1}, "memory_gb"),
        ({"memory_gb": 0}, "memory_gb"),
        ({"memory_gb": float("nan")}, "memory_gb"),
        ({"memory_gb": float("inf")}, "memory_gb"),
        ({"memory_gb": "96"}, "memory_gb"),
        ({"memory_gb": True}, "memory_gb"),
        ({"memory_gb": 96e9}, "memory_gb"),
        ({"memory_bandwidth_gb_s": None}, "memory_bandwidth_gb_s"),
        ({"bf16_tflops": None}, "bf16_tflops"),
        ({"bf16_tflops": 8e14}, "bf16_tflops"),
        ({"fp8_tflops": 400}, "fp8_tflops"),
        ({"num_units": 1.5}, "num_units"),
        ({"usd_per_hour": -3}, "usd_per_hour"),
        ({"aliases": "X1"}, "aliases"),
        ({"aliases": [{}]}, "aliases"),
        ({"pci_ids": ["zz"]}, "pci_ids"),
        ({"bandwith": 3}, "bandwith"),
        ({"device_type": "cpu"}, "memory_gb"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_added(add, change, field):
    device = {key: value for key, value in {**ACME, **change}.items() if value is not None}
    with pytest.raises(InvalidRequestError) as caught:
        add({**ACME, "name": "Good One"}, device)
    assert caught.value.param["field"] == field
    with pytest.raises(UnknownHardwareError):
        catalogs.hardware_catalog().match("Good One")


def test_two_devices_of_one_file_cannot_share_a_name(add):
    with pytest.raises(InvalidRequestError, match="taken by"):
        add(ACME, {**ACME, "memory_gb": 1})


def test_a_misspelt_field_gets_a_suggestion(add):
    with pytest.raises(InvalidRequestError, match="did you mean bf16_tflops"):
        add({**ACME, "bf16_tflop": 1})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "[]",
        "devices: []",
        "devices: 5",
        "a: [",
        "[1, 2]",
        "[" * 5000,
        "x: &a [1]\ny: *a",
        "\x00",
        "- !!python/object:os.system {}",
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InvalidRequestError):
        catalogs.add_custom_devices(path)


def test_a_file_over_the_limit_is_refused_unread(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (catalogs.MAX_CUSTOM_FILE_BYTES + 1))
    with pytest.raises(PayloadTooLargeError):
        catalogs.add_custom_devices(path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(InvalidRequestError, match=r"nowhere\.yaml"):
        catalogs.add_custom_devices(tmp_path / "nowhere.yaml")


def test_a_broken_file_of_custom_devices_says_which_file(add):
    add(ACME)
    path = catalogs.custom_devices_path()
    path.write_text("devices: [{name: Acme}]")
    with pytest.raises(InvalidRequestError, match=r"custom_devices\.yaml"):
        catalogs.hardware_catalog()
