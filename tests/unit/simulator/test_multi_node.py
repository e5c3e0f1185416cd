"""A replica on several nodes: one process on each, told apart by rank, with one head that all others find."""

import json
import shlex
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from search_doubles import AnalyticPredictor, group, search_case

from budsim.commons.errors import UnsupportedError
from budsim.engine_ops import EngineOption, sglang, vllm
from budsim.engine_ops.arguments import parser_problems
from budsim.perf_model.parallelism import ParallelPlan
from budsim.simulator.candidate import StagePlacement
from budsim.simulator.deployment import node_group_configuration, result_row
from budsim.simulator.direct_search import search
from budsim.simulator.manifests import render
from budsim.simulator.placement import nodes_spanned, place, pods_per_replica

LLM_D = json.loads((Path(__file__).parents[2] / "golden" / "llmd_values.schema.json").read_text())
ENGINES = [("vllm", "0.8.5"), ("vllm", "0.11.0"), ("vllm", "0.19.0"), ("vllm", "0.32.0"), ("sglang", "0.5.23")]
TEMPLATE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["size", "workerTemplate"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "restartPolicy": {"enum": ["RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None"]},
        "leaderTemplate": {"type": "object"},
        "workerTemplate": {"type": "object"},
    },
}


def spanning(engine="vllm", version="0.32.0", pods=2, **changes):
    """A node group of TP 2 x PP 4 whose replicas are cut into ``pods``."""
    option = EngineOption(engine, version, "cuda", f"example/{engine}:1", supports_pipeline_parallelism=True)
    case = search_case(engine=option)
    best = search(case, AnalyticPredictor()).evaluations[0]
    found = node_group_configuration(result_row(best, case, model_name="org/Model-70B"), 1)
    names = ("tensor-parallel-size", "pipeline-parallel-size") if engine == "vllm" else ("tp-size", "pp-size")
    args = {**found["args"], **dict(zip(names, (2, 4), strict=True))}
    sizes = {"tp_size": 2, "pp_size": 4, "nodes_spanned": 2, "pods_per_replica": pods, "args": args, "replicas": 3}
    return {**found, **sizes, **changes}


def flags(words):
    """The flags of a command line with their values."""
    pairs = list(zip(words, [*words[1:], "--"], strict=True))
    return {word[2:]: "" if value.startswith("--") else value for word, value in pairs if word.startswith("--")}


def test_parts_are_equal_hold_whole_stages_and_lie_on_one_node_each():
    placed = place(group(3, 3), ParallelPlan(1, pp_size=4), 1)
    assert (nodes_spanned(placed), pods_per_replica(placed)) == (2, 4)  # 3 + 1 stages: parts of one stage
    placed = place(group(2, 2), ParallelPlan(1, pp_size=4), 1)
    assert (nodes_spanned(placed), pods_per_replica(placed)) == (2, 2)
    placed = place(group(8), ParallelPlan(2, pp_size=4), 1)
    assert (nodes_spanned(placed), pods_per_replica(placed)) == (1, 1)
    assert pods_per_replica(()) == 1


def test_the_parts_fit_every_replica_whatever_nodes_it_lies_on():
    whole = [StagePlacement(0, stage, "a", 2) for stage in range(4)]
    cut = [StagePlacement(1, stage, "b" if stage < 2 else "c", 2) for stage in range(4)]
    assert pods_per_replica((*whole, *cut)) == 2


@pytest.mark.parametrize(("engine", "version"), ENGINES)
def test_every_node_has_its_own_command_and_the_parser_takes_it(engine, version):
    lines = render(spanning(engine, version), "command").splitlines()
    assert [line.startswith("# node ") for line in lines] == [True, False] * 2
    commands = [shlex.split(line) for line in lines[1::2]]
    if version in ("0.8.5", "0.11.0"):
        head, worker = (words[-1] for words in commands)
        assert "--distributed-executor-backend ray" in head
        assert "--pipeline-parallel-size 4" in head
        assert worker == "exec ray start --address=$HEAD_ADDRESS:6379 --block"
        return
    assert [flags(words)["node-rank"] for words in commands] == ["0", "1"]
    assert {flags(words)["nnodes"] for words in commands} == {"2"}
    address = {"vllm": "master-addr", "sglang": "dist-init-addr"}[engine]
    assert all(flags(words)[address].startswith("$HEAD_ADDRESS") for words in commands)
    facts = {"vllm": vllm, "sglang": sglang}[engine].arguments_of(version)
    assert set(flags(commands[1])) <= set(facts)
    numbers = {"nnodes": 2, "node-rank": 1, address: "10.0.0.1"}
    assert parser_problems(numbers, facts, version) == []
    if engine == "vllm":
        assert [("headless" in flags(words)) for words in commands] == [False, True]
        assert "headless" in facts


@pytest.mark.parametrize(("engine", "version"), ENGINES)
def test_kubernetes_starts_groups_of_pods_and_serves_from_their_leaders(engine, version):
    workload, service = yaml.safe_load_all(render(spanning(engine, version), "kubernetes"))
    assert (workload["apiVersion"], workload["kind"]) == ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")
    assert workload["spec"]["replicas"] == 3
    template = workload["spec"]["leaderWorkerTemplate"]
    jsonschema.validate(template, TEMPLATE)
    assert template["size"] == 2
    pods = [template["leaderTemplate"], template["workerTemplate"]]
    for pod in pods:
        named = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", **pod["metadata"]}, "spec": pod["spec"]}
        kubernetes_validate.validate(named, "1.30", strict=True)
        assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "4"
    leader, worker = (pod["spec"]["containers"][0] for pod in pods)
    assert "readinessProbe" in leader
    assert "readinessProbe" not in worker
    assert "$(LWS_LEADER_ADDRESS)" in " ".join(worker["command"])
    kubernetes_validate.validate(service, "1.30", strict=True)
    assert service["spec"]["selector"]["leaderworkerset.sigs.k8s.io/worker-index"] == "0"


@pytest.mark.parametrize("version", ["0.8.5", "0.32.0"])
def test_llm_d_has_one_template_whose_command_depends_on_the_rank(version):
    values = yaml.safe_load(render(spanning(version=version), "llm-d"))
    jsonschema.validate(values, LLM_D)
    assert values["multinode"] is True
    assert values["decode"]["parallelism"] == {"tensor": 2, "data": 1, "dataLocal": 1, "workers": 2}
    container = values["decode"]["containers"][0]
    assert container["command"] == ["sh", "-c"]
    script = shlex.split(container["args"][0])
    assert script[:6] == ["if", "[", "$LWS_WORKER_INDEX", "=", "0", "];"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"


@pytest.mark.parametrize(("engine", "version"), ENGINES)
def test_compose_has_a_service_for_every_node_behind_its_profile(engine, version):
    services = yaml.safe_load(render(spanning(engine, version), "compose"))["services"]
    assert list(services) == ["model-70b-node-0", "model-70b-node-1"]
    for rank, service in enumerate(services.values()):
        assert service["profiles"] == [f"node-{rank}"]
        assert service["network_mode"] == "host"
        assert "ports" not in service
        assert service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] == ["0", "1", "2", "3"]
    assert "${HEAD_ADDRESS:?}" in " ".join(services["model-70b-node-1"]["entrypoint"])


def test_a_group_that_only_says_how_many_nodes_it_spans_gets_a_pod_for_every_stage():
    old = {name: value for name, value in spanning().items() if name != "pods_per_replica"}
    workload = next(yaml.safe_load_all(render(old, "kubernetes")))
    assert workload["spec"]["leaderWorkerTemplate"]["size"] == 4


def test_an_engine_that_cannot_span_nodes_says_so():
    changed = spanning(engine_type="latentbud", args={"model-id": "org/embed"})
    with pytest.raises(UnsupportedError, match="one node only"):
        render(changed, "kubernetes")


def test_parts_that_share_a_node_take_different_devices():
    services = yaml.safe_load(render(spanning(pods=4), "compose"))["services"].values()
    taken = [service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for service in services]
    assert taken == [["0", "1"], ["2", "3"]] * 2  # two parts on each of two nodes
