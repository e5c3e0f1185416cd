"""Every form says the same deployment, and the cluster's own schemas accept it."""

import json
import shlex
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from search_doubles import CPU, AnalyticPredictor, group, search_case

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.simulator.deployment import node_group_configuration, result_row
from budsim.simulator.direct_search import search
from budsim.simulator.manifests import FORMATS, kserve_object, kubernetes_objects, llmd_values, render
from budsim.simulator.pods import DEVICE_RESOURCES, deployment_of, dns_label

GOLDEN = Path(__file__).parents[2] / "golden"
KSERVE = json.loads((GOLDEN / "kserve_inference_service.json").read_text())
LLM_D = json.loads((GOLDEN / "llmd_values.schema.json").read_text())
KUBERNETES = "1.30"
MODEL = "meta-llama/Llama-3.2-1B"


def node_group(case=None, **changes):
    case = case or search_case()
    best = search(case, AnalyticPredictor()).evaluations[0]
    return {**node_group_configuration(result_row(best, case, model_name=MODEL), 1), **changes}


def on(device_type):
    if device_type == "cpu":
        return node_group(search_case(group(2, device=CPU)))
    changed = node_group()
    return {**changed, "type": device_type}


@pytest.mark.parametrize("device_type", ["cuda", "rocm", "hpu", "cpu"])
def test_the_kubernetes_schemas_accept_deployment_and_service(device_type):
    documents = list(yaml.safe_load_all(render(on(device_type), "kubernetes")))
    assert [document["kind"] for document in documents] == ["Deployment", "Service"]
    for document in documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("device_type", ["cuda", "rocm", "hpu", "cpu"])
def test_the_kserve_predictor_is_a_pod_that_kubernetes_accepts(device_type):
    document = yaml.safe_load(render(on(device_type), "kserve"))
    assert (document["apiVersion"], document["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    jsonschema.validate(document, KSERVE)
    predictor = dict(document["spec"]["predictor"])
    assert predictor.pop("minReplicas") == predictor.pop("maxReplicas")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": document["metadata"], "spec": predictor}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    assert predictor["containers"][0]["name"] == "kserve-container"


def test_a_field_that_kserve_does_not_have_is_found():
    document = yaml.safe_load(render(node_group(), "kserve"))
    for wrong in ({"minReplica": 1}, {"minReplicas": "1"}, {"workers": {}}):
        changed = {**document, "spec": {"predictor": {**document["spec"]["predictor"], **wrong}}}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(changed, KSERVE)


@pytest.mark.parametrize("changes", [{}, {"type": "rocm"}, {"type": "hpu"}, {"tp_size": 4, "replicas": 3}])
def test_llm_d_values_are_values_of_its_chart(changes):
    values = yaml.safe_load(render(node_group(**changes), "llm-d"))
    jsonschema.validate(values, LLM_D)
    assert values["decode"]["containers"][0]["ports"][0]["containerPort"] == values["routing"]["servicePort"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "sampleApplication": {}}, LLM_D)


def test_all_forms_say_the_same_command():
    configuration = node_group()
    words = shlex.split(render(configuration, "command"))
    command = words[next(i for i, word in enumerate(words) if "=" not in word) :]
    compose = yaml.safe_load(render(configuration, "compose"))["services"]["llama-3-2-1b"]
    pod = next(yaml.safe_load_all(render(configuration, "kubernetes")))["spec"]["template"]["spec"]
    kserve = yaml.safe_load(render(configuration, "kserve"))["spec"]["predictor"]
    decode = yaml.safe_load(render(configuration, "llm-d"))["decode"]["containers"][0]
    assert command[:3] == ["vllm", "serve", MODEL]
    assert compose["entrypoint"] == pod["containers"][0]["command"] == kserve["containers"][0]["command"] == command
    assert [*decode["command"], *decode["args"]] == command


def test_a_replica_asks_for_its_devices_and_the_deployment_for_its_replicas():
    configuration = node_group(tp_size=4, replicas=3)
    document = kubernetes_objects(deployment_of(configuration))[0]
    resources = document["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"][DEVICE_RESOURCES["cuda"]] == "4"
    assert document["spec"]["replicas"] == 3
    predictor = kserve_object(deployment_of(configuration))["spec"]["predictor"]
    assert predictor["minReplicas"] == 3
    services = yaml.safe_load(render(configuration, "compose"))["services"].values()
    reserved = [service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for service in services]
    assert sorted(int(device) for devices in reserved for device in devices) == list(range(12))  # no device twice
    assert [service["ports"] for service in services] == [["8000:8000"], ["8001:8000"], ["8002:8000"]]
    assert llmd_values(deployment_of(configuration))["decode"]["parallelism"]["tensor"] == 4


def test_a_cpu_replica_asks_for_memory_and_cores_and_no_device():
    configuration = on("cpu") | {"cores": 56}
    document = next(yaml.safe_load_all(render(configuration, "kubernetes")))
    resources = document["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert set(resources["limits"]) == {"cpu", "memory"}
    assert int(resources["limits"]["memory"].removesuffix("Gi")) * 2**30 > configuration["memory"] * 1e9


def test_parsers_and_adapters_are_switched_on_where_asked_for():
    configuration = node_group(tool_calling_parser_type="llama3_json", max_loras=3)
    with_all = render(configuration, "command", with_loras=True)
    assert "--enable-auto-tool-choice --tool-call-parser llama3_json" in with_all
    assert "--enable-lora --max-loras 3 --max-lora-rank 256" in with_all
    assert "tool" not in render(configuration, "command", with_parsers=False)
    assert "lora" not in render(configuration, "command")


def test_sglang_is_launched_with_its_own_flags():
    case = search_case(engine=sglang_option())
    words = shlex.split(render(node_group(case), "command"))
    assert words[:3] == ["python3", "-m", "sglang.launch_server"]
    assert {"--model-path", "--tp-size", "--mem-fraction-static"} <= set(words)
    assert not any("_" in word for word in words if word.startswith("--"))
    with pytest.raises(UnsupportedError, match="llm-d serves vLLM"):
        render(node_group(case), "llm-d")


def sglang_option():
    from budsim.engine_ops import EngineOption

    return EngineOption("sglang", "0.5.23", "cuda", "example/sglang:1", supports_pipeline_parallelism=True)


@pytest.mark.parametrize(
    ("changes", "form", "word"),
    [
        ({"image": ""}, "command", "no container image"),
        ({"args": {}}, "command", "no model"),
        ({}, "terraform", "format must be one of"),
        ({"nodes_spanned": 2, "pods_per_replica": 2}, "kserve", "only with its own Hugging Face runtime"),
        ({"tool_calling_parser_type": "nonsense"}, "command", "no tool-call parser"),
    ],
)
def test_what_cannot_be_launched_is_refused_with_the_reason(changes, form, word):
    with pytest.raises(InvalidRequestError, match=word):
        render(node_group(**changes), form)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_same_configuration_gives_the_same_text(form):
    assert render(node_group(), form) == render(node_group(), form)


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("meta-llama/Llama-3.2-1B", "llama-3-2-1b"),
        ("/models/7b_Chat/", "model-7b-chat"),
        ("org/" + "a" * 90, "a" * 52),
        ("org/___", "model"),
    ],
)
def test_names_are_dns_labels(model, label):
    assert dns_label(model) == label


def test_words_that_yaml_would_misread_stay_text():
    configuration = node_group(envs={"A": "yes", "B": "1.0", "C": "a: b # c", "D": "null"})
    document = next(yaml.safe_load_all(render(configuration, "kubernetes")))
    envs = {item["name"]: item.get("value") for item in document["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert {name: envs[name] for name in "ABCD"} == {"A": "yes", "B": "1.0", "C": "a: b # c", "D": "null"}
