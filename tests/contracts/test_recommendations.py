"""Recommendations over HTTP: every figure is the predictor's and the memory engine's, and every refusal says why."""

import math

import pandas as pd
import pytest

import budsim
from budsim.simulator import points_table

SMALL = {"batch_sizes": [1, 16], "model_categories": ["8B"], "models_per_category": 1}


def ask(client, unique_id="chat_support", path="recommendations", **body):
    return client.post(f"/api/usecases/{unique_id}/{path}", json=body)


def configurations(answer):
    return [
        (model, batch)
        for category in answer["recommendations"]
        for model in category["recommended_models"]
        for batch in model["batch_configurations"]
    ]


def options(answer):
    return [option for _, batch in configurations(answer) for option in batch["hardware_options"]]


@pytest.fixture(scope="module")
def answer(client):
    found = ask(client, batch_sizes=[1, 16, 64])
    assert found.status_code == 200, found.text
    return found.json()


def test_every_figure_is_what_predict_and_memory_say_of_the_same_point(answer):
    found = options(answer)
    assert len(found) > 50
    points = pd.DataFrame([option["point"] for option in found])
    predicted = budsim.predict(points).to_dict("records")
    remembered = points_table.estimate_memory(points).to_dict("records")
    for option, prediction, memory in zip(found, predicted, remembered, strict=True):
        assert prediction["status"] == memory["status"] == "ok", (option["point"], prediction["reason"])
        performance = {name: value for name, value in option["performance"].items() if name not in UNLIKE}
        assert performance == {name: pytest.approx(prediction[name], rel=1e-12) for name in performance}
        assert option["memory"] == {name: pytest.approx(memory[name], rel=1e-12) for name in option["memory"]}
        assert option["estimated_ttft"] == pytest.approx(prediction["ttft_ms_p50"] / 1e3)
        assert option["estimated_e2e"] == pytest.approx(prediction["e2e_s_p50"])
        assert memory["max_concurrency"] * option["point"]["max_model_len"] >= option["point"]["concurrency"]


UNLIKE = {"confidence", "basis", "intervals"}


def test_required_memory_is_what_the_calculator_says(client, answer):
    for model, batch in configurations(answer)[:6]:
        asked = {"model_id": model["checkpoint"], "precision": "fp16", "batch_size": batch["batch_size"],
                 "seq_length": 2048, "decode_length": 300}  # fmt: skip
        calculated = client.post("/api/models/calculate", json=asked).json()
        assert batch["memory_required_gb"] == pytest.approx(calculated["total_memory_gb"])


def test_fewest_chips_come_first_then_the_fullest(answer):
    for _, batch in configurations(answer):
        keys = [(option["nodes_required"], -(option["utilization"] or 0)) for option in batch["hardware_options"]]
        assert keys == sorted(keys)
        assert len(keys) <= 5


def test_chips_are_whole_and_hold_the_load(answer):
    for option in options(answer):
        assert option["nodes_required"] == option["tensor_parallel"] * option["pipeline_parallel"]
        if option["utilization"] is not None:
            assert 10 <= option["utilization"] <= 100
        if option["memory_per_chip"]:
            least = math.ceil(option["memory_required_gb_per_chip"] / (1.08 * option["memory_per_chip"]))
            assert least == 1


def test_slo_is_the_documents_rule(answer):
    bounds = answer["usecase"]
    for option in options(answer):
        kept = option["estimated_ttft"] <= bounds["ttft_max"] and option["estimated_e2e"] <= bounds["e2e_max"]
        assert option["meets_slo"] == kept
    for _, batch in configurations(answer):
        assert batch["meets_slo"] == any(option["meets_slo"] for option in batch["hardware_options"])


def test_missing_bounds_hold(client):
    found = ask(client, "batch_labels", **SMALL).json()
    assert all(option["meets_slo"] for option in options(found))
    assert all(option["slo"] == {"ttft": None, "e2e": None, "inter_token": None} for option in options(found))


def test_large_models_get_no_cpu(answer):
    for model, batch in configurations(answer):
        if model["parameter_count"] > 14e9 or batch["memory_required_gb"] > 40:
            assert all(option["device_type"] != "cpu" for option in batch["hardware_options"])


def test_small_models_get_cpus_where_only_cpus_are_asked_for(client):
    found = options(ask(client, **SMALL, device_types=["cpu"]).json())
    assert found
    assert all(option["utilization"] is None for option in found)


def test_prices_are_usd_per_hour_and_the_index_stands_beside(answer, client):
    priced = [option for option in options(answer) if option["price_per_hour"]]
    assert priced
    for option in priced:
        assert option["total_cost_per_hour"] == pytest.approx(option["price_per_hour"] * option["nodes_required"])
        per_million = option["total_cost_per_hour"] / option["performance"]["output_tps"] / 3600 * 1e6
        assert option["cost_per_million_tokens_usd"] == pytest.approx(per_million)
    a100 = options(ask(client, **SMALL, hardware=["A100-80GB"]).json())
    assert {option["price_index"] for option in a100} <= {5.71, 5.54}  # the platform's formula over the datasheet
    bare = options(ask(client, **SMALL, include_pricing=False).json())
    assert all(option["price_per_hour"] is option["price_index"] is None for option in bare)


def test_names_that_are_no_hub_ids_show_what_they_stand_for(answer):
    shown = {m["model_id"]: m["checkpoint"] for c in answer["recommendations"] for m in c["recommended_models"]}
    assert shown["google/gemma-3-4B"] == "google/gemma-3-4b-it"
    assert shown["microsoft/Phi-3-mini"].startswith("microsoft/Phi-3-mini-")
    assert shown["meta-llama/meta-llama-3.1-8b"] == "meta-llama/Llama-3.1-8B"
    assert [c["model_category"] for c in answer["recommendations"]] == ["3B", "8B", "32B", "72B", "200B+"]
    assert not any(category["skipped_models"] for category in answer["recommendations"])
    assert answer["category_source"] == "table"


def test_advice_on_the_batch_size_is_the_cheapest_within_the_bounds(answer):
    for category in answer["recommendations"]:
        for model in category["recommended_models"]:
            kept = [
                option["cost_per_million_tokens_usd"]
                for batch in model["batch_configurations"]
                for option in batch["hardware_options"]
                if option["meets_slo"] and option["cost_per_million_tokens_usd"] is not None
            ]
            advice = model["batch_size_advice"]
            if kept:
                assert advice["cost_per_million_tokens_usd"] == min(kept)


def test_the_same_question_has_the_same_answer(client, answer):
    assert ask(client, batch_sizes=[1, 16, 64]).json() == answer


# ------------------------------------------------------------------------------------------------------------ refusals
def test_a_missing_use_case_is_a_404(client):
    for path in ("recommendations", "optimize-hardware"):
        found = ask(client, "nobody", path)
        assert (found.status_code, found.json()["param"]["field"]) == (404, "unique_id")
    assert client.get("/api/usecases/nobody/quick-optimization").status_code == 404


def test_an_unknown_model_is_named(client):
    found = ask(client, models=["acme/none-such-7b"])
    assert found.status_code == 400
    assert "acme/none-such-7b" in found.json()["message"]


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({"precision": "int3"}, 400, "precision"),
        ({"hardware": ["Warp Drive 9"]}, 400, "hardware"),
        ({"custom_hardware": [{"name": "X"}]}, 400, None),
        ({"batch_sizes": [0]}, 422, "batch_sizes.0"),
        ({"batch_sizes": []}, 422, "batch_sizes"),
        ({"model_categories": ["9000B"]}, 422, "model_categories.0"),
        ({"min_utilization": 101}, 422, "min_utilization"),
    ],
)
def test_a_wrong_wish_is_named(client, wish, status, field):
    found = ask(client, **wish)
    assert found.status_code == status, found.text
    if field:
        assert found.json()["param"]["field"] == field


def test_no_hardware_left_is_an_answer_with_its_reasons(client):
    found = ask(client, **SMALL, manufacturers=["Acme"]).json()
    for _, batch in configurations(found):
        assert batch["hardware_options"] == []
        assert (batch["meets_slo"], batch["estimated_ttft"]) == (False, None)
        assert "excluded by your filters" in batch["reason"]
    emptied = ask(client, "chat_support", "optimize-hardware", manufacturers=["Acme"]).json()
    assert emptied["configurations"] == []
    assert "no hardware is left" in emptied["summary"]["reason"]


def test_a_sequence_beyond_the_model_is_a_reason(client):
    found = ask(client, "agent_research", models=["google/gemma-2-9b"], batch_sizes=[1]).json()
    ((_, batch),) = configurations(found)
    assert batch["hardware_options"] == []
    assert "max_model_len" in batch["reason"]


def test_hardware_of_ones_own_takes_part(client):
    own = {"name": "Acme X1 96GB", "device_type": "cuda", "memory_gb": 96, "memory_bandwidth_gb_s": 4000,
           "bf16_tflops": 800, "usd_per_hour": 0.5}  # fmt: skip
    found = options(ask(client, **SMALL, custom_hardware=[own], hardware=["Acme X1 96GB"]).json())
    assert {option["hardware_name"] for option in found} == {"Acme X1 96GB"}
    assert all(option["is_custom"] and option["price_per_hour"] == 0.5 for option in found)
    assert not any("Acme" in option["hardware_name"] for option in options(ask(client, **SMALL).json()))


# -------------------------------------------------------------------------------------------------------- optimisation
@pytest.mark.parametrize(("mode", "figure"), [("cost", "cost_per_million_tokens_usd"), ("performance", "achieved_e2e")])
def test_a_mode_sorts_what_keeps_the_bounds_by_its_figure(client, mode, figure):
    found = ask(client, "chat_support", "optimize-hardware", optimization_mode=mode, model_sizes=["8B"]).json()
    rows = found["configurations"]
    assert 0 < len(rows) <= 10
    keys = [(not row["meets_slo"], row[figure]) for row in rows]
    assert keys == sorted(keys)


def test_the_efficiency_score_is_the_price_of_a_request_less_half_its_headroom_and_balanced_sorts_by_it(client):
    rows = ask(client, "chat_support", "optimize-hardware", model_sizes=["8B"]).json()["configurations"]
    for row in rows:
        left = [1 - row[f"achieved_{bound}"] / row[f"required_{bound}"] for bound in ("ttft", "e2e")]
        assert row["efficiency_score"] == pytest.approx(row["cost_per_request"] * (1 - sum(left) / 4))
    keys = [(not row["meets_slo"], row["efficiency_score"]) for row in rows]
    assert keys == sorted(keys)
    assert len(rows) > 1


def test_no_efficiency_score_without_prices(client):
    rows = ask(client, "chat_support", "optimize-hardware", model_sizes=["8B"], include_pricing=False).json()
    assert {row["efficiency_score"] for row in rows["configurations"]} == {None}


def test_every_size_has_a_configuration_before_any_has_two(client):
    rows = ask(client, "chat_support", "optimize-hardware", max_results=5).json()["configurations"]
    assert {row["model_size"] for row in rows} == {"1B", "3B", "8B", "32B", "70B"}


def test_quick_optimisation_has_the_best_of_each_mode(client):
    found = client.get("/api/usecases/chat_support/quick-optimization", params={"model": "Qwen/Qwen3-8B"}).json()
    cost, performance, balanced = (found[mode] for mode in ("cost", "performance", "balanced"))
    assert cost["cost_per_million_tokens_usd"] <= balanced["cost_per_million_tokens_usd"]
    assert performance["achieved_e2e"] <= balanced["achieved_e2e"]
