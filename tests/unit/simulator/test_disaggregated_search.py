"""Disaggregated deployments in the search: proposed when allowed, never broken, never in the way of what was there."""

import shlex
from dataclasses import replace

import pytest
import yaml
from feasibility import violations
from hypothesis import given, settings
from hypothesis import strategies as st
from search_doubles import CPU, cluster, engine_option, gpu_device, group, node, search_case

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops.disaggregation import BOOTSTRAP_PORT
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Evaluation
from budsim.simulator.deployment import node_group_configurations, result_row
from budsim.simulator.disaggregated_search import COUNTS, pool_candidates
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.objective import CaseEvaluator, num_devices
from budsim.simulator.plain_json import to_plain
from budsim.simulator.pool_manifests import render_deployment
from budsim.simulator.ranking import replicas_needed
from budsim.simulator.search_methods import search_by
from budsim.simulator.search_space import EvolutionParameters, SearchLimits

ALLOWED = SearchLimits(allow_disaggregated=True)
TINY = {
    "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 16, "vocab_size": 128256,
    "hidden_size": 2048, "head_dim": 64, "parameters": 1_235_814_400,
}  # fmt: skip
FEW = EvolutionParameters(population_size=10, generations=2, max_evaluations=60)


def engine(name):
    return engine_option(engine=name, version={"sglang": "0.5.23"}.get(name, "0.19.0"))


def case_of(*sizes, concurrency=16, limits=ALLOWED, **changes):
    return search_case(group(*sizes), concurrency, limits=limits, **changes)


def found(case, method="heuristic"):
    return search_by(method, case, HeuristicPredictor(), parameters=FEW)


def pools_of(outcome):
    return [item for item in outcome.evaluations if item.candidate.prefill]


def row_of(case, item):
    return result_row(item, case, model_name="meta-llama/Llama-3.2-1B")


def document(*sizes):
    return cluster(*(node(f"n{index}", gpu_device(count)) for index, count in enumerate(sizes)))


def test_nothing_is_disaggregated_unless_allowed():
    case = case_of(4, limits=SearchLimits())
    assert not pools_of(found(case))
    assert list(found(case).evaluations) == [
        item for item in found(case_of(4)).evaluations if item.candidate.prefill is None
    ]


@pytest.mark.parametrize("method", ["heuristic", "regressor"])
def test_both_methods_propose_the_same_pools(method):
    case = case_of(4)
    proposed = {item.candidate for item in pools_of(found(case, method))}
    assert proposed
    assert proposed == {item.candidate for item in pools_of(found(case, "heuristic"))}


@pytest.mark.parametrize(
    ("sizes", "load"),
    [
        ((4,), {}),
        ((8, 8), {}),
        ((2, 1, 1), {}),
        ((4,), {"concurrency": 1}),
        ((4, 4), {"workload": Workload(2048, 64, LoadMode.POISSON, request_rate=3.0)}),
        ((4,), {"limits": replace(ALLOWED, spare_replicas=1)}),
    ],
)
def test_every_proposal_is_deployable(sizes, load):
    case = case_of(*sizes, **load)
    items = pools_of(found(case))
    assert items
    for item in items:
        row = row_of(case, item)
        stored = row["top_k_configs"]
        problems = violations(
            row, document(*sizes), None if case.workload.request_rate else TINY, case.usd_per_device_hour
        )
        if case.limits.spare_replicas:
            problems = [text for text in problems if text != "one replica is idle" and "per million" not in text]
        if case.workload.request_rate:
            problems = [
                text for text in problems if "under" not in text and "per million" not in text and "idle" not in text
            ]
        assert problems == [], (stored["tp_size"], stored["replicas"], stored["prefill"]["instances"])


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    concurrency=st.integers(1, 80),
    isl=st.sampled_from([64, 700, 6000]),
    osl=st.sampled_from([2, 90, 400]),
    name=st.sampled_from(["vllm", "sglang"]),
)
def test_every_proposal_of_any_case_is_deployable(sizes, concurrency, isl, osl, name):
    case = case_of(*sizes, concurrency=concurrency, isl=isl, osl=osl, engine=engine(name))
    items = list(pool_candidates(case))
    assert (sum(sizes) < 2) == (not items)
    evaluator = CaseEvaluator(case, HeuristicPredictor())
    for answer in evaluator.evaluate(items[:: max(1, len(items) // 8)]):
        if isinstance(answer, Evaluation):
            row = row_of(case, answer)
            assert list(violations(row, document(*sizes), TINY, case.usd_per_device_hour)) == []
            assert answer.cost_per_hour_usd <= 2.0 * sum(sizes)


def test_pools_never_share_a_device():
    case = case_of(3, 2)
    for item in pools_of(found(case)):
        stored = row_of(case, item)["top_k_configs"]
        used = dict.fromkeys(("n0", "n1"), 0)
        for stage in [*stored["placement"], *stored["prefill"]["placement"]]:
            used[stage["node_id"]] += stage["count"]
        assert used["n0"] <= 3
        assert used["n1"] <= 2
        assert sum(used.values()) == stored["num_devices"] == num_devices(item)


def test_the_price_is_that_of_both_pools():
    case = case_of(8)
    for item in pools_of(found(case)):
        assert item.cost_per_hour_usd == pytest.approx(2.0 * item.candidate.num_devices)
        per_hour = item.output_tps * 3600
        assert item.cost_per_million_tokens_usd == pytest.approx(item.cost_per_hour_usd / per_hour * 1e6)


def test_a_budget_and_a_limit_of_replicas_count_both_pools():
    cheap = pools_of(found(case_of(8, limits=replace(ALLOWED, max_usd_per_hour=6.0))))
    assert cheap
    assert max(item.candidate.num_devices for item in cheap) <= 3
    few = pools_of(found(case_of(8, limits=replace(ALLOWED, max_replicas=3))))
    assert few
    assert all(item.candidate.replicas + item.candidate.prefill.instances <= 3 for item in few)


def test_spare_instances_are_in_both_pools():
    case = case_of(8, limits=replace(ALLOWED, spare_replicas=1))
    for item in pools_of(found(case)):
        assert min(item.candidate.replicas, item.candidate.prefill.instances) >= 2


def test_more_devices_never_take_an_answer_away():
    small = {item.candidate for item in pools_of(found(case_of(2, 2)))}
    large = {item.candidate for item in pools_of(found(case_of(2, 2, 2)))}
    assert small <= large


def test_the_numbers_of_instances_are_those_that_are_tried():
    for candidate in pool_candidates(case_of(8, concurrency=64)):
        assert candidate.replicas in COUNTS
        assert candidate.prefill.instances in COUNTS


def test_without_prefill_in_the_way_tokens_come_faster_than_on_as_many_replicas():
    case = case_of(8, concurrency=64, workload=Workload(8000, 200, concurrency=64))
    outcome = found(case)
    best = min(pools_of(outcome), key=lambda item: item.prediction.tpot_ms_mean)
    same = [i for i in outcome.evaluations if i.candidate.prefill is None and num_devices(i) <= num_devices(best)]
    assert best.prediction.tpot_ms_mean < min(
        item.prediction.tpot_ms_mean for item in same if item.candidate.plan == best.candidate.plan
    )


def test_a_failed_deployment_is_not_proposed_again_and_others_are():
    case = case_of(4)
    rows = [row_of(case, item) for item in pools_of(found(case))]
    hashes = frozenset({rows[0]["config_hash"]})
    again = replace(case, exclusions=replace(case.exclusions, config_hashes=hashes))
    left = {row_of(again, item)["config_hash"] for item in pools_of(found(again))}
    assert left == {row["config_hash"] for row in rows} - hashes


@pytest.mark.parametrize(
    ("case", "word"),
    [
        (search_case(group(2, device=CPU), 4, limits=ALLOWED), "not on cpu"),
        (search_case(group(4), 4, limits=ALLOWED, engine=engine("latentbud")), "latentbud"),
        (search_case(replace(group(4), hardware_mode="shared"), 4, limits=ALLOWED), "devices of their own"),
    ],
)
def test_where_pools_are_not_possible_the_reason_is_told(case, word):
    outcome = found(case)
    assert not pools_of(outcome)
    assert any(word in rejection.reason for rejection in outcome.rejections)


def test_targets_are_judged_on_the_whole_deployment():
    case = case_of(8, targets=SloTargets(output_tps=1.0, ttft_ms=1e6))
    assert all(item.meets_targets for item in pools_of(found(case)))
    never = found(case_of(8, targets=SloTargets(ttft_ms=0.001)))
    assert not any(item.meets_targets for item in pools_of(never))


def test_a_stored_deployment_is_not_stretched():
    case = case_of(8)
    row = row_of(case, pools_of(found(case))[0])
    assert replicas_needed(row, None) == row["top_k_configs"]["replicas"]
    assert replicas_needed(row, 1) == row["top_k_configs"]["replicas"]
    assert replicas_needed(row, 100_000) is None


def groups_of(name="vllm", prefill=1):
    case = case_of(8, engine=engine(name), workload=Workload(8000, 64, concurrency=32))
    item = next(item for item in pools_of(found(case)) if item.candidate.prefill.instances == prefill)
    return item, node_group_configurations(row_of(case, item), 7)


@pytest.mark.parametrize("name", ["vllm", "sglang"])
def test_both_pools_are_launched_with_their_roles(name):
    item, (decode, prefill) = groups_of(name, 2)
    assert (decode["role"], prefill["role"]) == ("decode", "prefill")
    assert (decode["replicas"], prefill["replicas"]) == (item.candidate.replicas, 2)
    if name == "vllm":
        assert "NixlConnector" in decode["args"]["kv-transfer-config"] == prefill["args"]["kv-transfer-config"]
    else:
        assert decode["args"]["disaggregation-mode"] == "decode"
        assert prefill["args"]["disaggregation-mode"] == "prefill"
    text = render_deployment([decode, prefill], "command")
    commands = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(commands) == decode["replicas"] + prefill["replicas"] + 1
    router = shlex.split(commands[-1])
    assert router.count("--prefill") == prefill["replicas"]
    assert router.count("--decode") == decode["replicas"]
    assert (str(BOOTSTRAP_PORT) in router) == (name == "sglang")


@pytest.mark.parametrize("name", ["vllm", "sglang"])
def test_compose_gives_every_server_devices_of_its_own_and_the_router_their_names(name):
    _, groups = groups_of(name)
    services = yaml.safe_load(render_deployment(groups, "compose"))["services"]
    devices = [
        number
        for service in services.values()
        if "deploy" in service
        for number in service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
    ]
    assert sorted(devices) == sorted(set(devices))
    assert len(devices) == sum(item["replicas"] * item["tp_size"] for item in groups)
    router = next(service for key, service in services.items() if key.endswith("-router"))
    for host in (key for key in services if not key.endswith("-router")):
        assert any(f"//{host}:" in word for word in router["entrypoint"])


def test_kubernetes_addresses_every_server():
    _, groups = groups_of()
    documents = list(yaml.safe_load_all(render_deployment(groups, "kubernetes")))
    sets = [item for item in documents if item["kind"] == "StatefulSet"]
    services = {item["metadata"]["name"] for item in documents if item["kind"] == "Service"}
    router = next(item for item in documents if item["kind"] == "Deployment")
    words = router["spec"]["template"]["spec"]["containers"][0]["command"]
    assert len(sets) == 2
    for item in sets:
        name = item["metadata"]["name"]
        assert item["spec"]["serviceName"] == name in services
        for index in range(item["spec"]["replicas"]):
            assert any(word.startswith(f"http://{name}-{index}.{name}:") for word in words)
        env = item["spec"]["template"]["spec"]["containers"][0]["env"]
        assert any(entry["name"] == "VLLM_NIXL_SIDE_CHANNEL_HOST" for entry in env)


def test_forms_without_pools_say_so():
    _, groups = groups_of()
    for form in ("kserve", "llm-d"):
        with pytest.raises(UnsupportedError, match="two pools"):
            render_deployment(groups, form)
    with pytest.raises(InvalidRequestError, match="format"):
        render_deployment(groups, "nothing")
    with pytest.raises(InvalidRequestError, match="role"):
        render_deployment(groups[:1], "command")


def test_the_stored_row_is_plain_json():
    case = case_of(4)
    row = row_of(case, pools_of(found(case))[0])
    assert to_plain(row["top_k_configs"]) == row["top_k_configs"]
    assert row["top_k_configs"]["num_devices"] <= 4
