import json
import math
import uuid

import pytest
from feasibility import violations
from search_doubles import (
    CPU,
    AnalyticPredictor,
    cluster,
    engine_option,
    gpu_device,
    group,
    node,
    search_case,
)

from budsim.perf_model.workload import SloTargets
from budsim.simulator.deployment import (
    COLUMN_LENGTHS,
    cluster_metrics,
    deployment_configuration,
    distinct_rows,
    fit_column,
    node_group_configuration,
    result_row,
)
from budsim.simulator.direct_search import search

MODEL = "meta-llama/Llama-3.2-1B"
TINY_CONFIG = {
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "num_attention_heads": 32,
    "head_dim": 64,
    "vocab_size": 128256,
    "hidden_size": 2048,
    "parameters": 1_235_814_400,  # Llama-3.2-1B as published: the tiny test model has its shape
}

# simulation_results of the low-level design, section 4.1.1, less what the database fills in.
DESIGN_COLUMNS = {
    "model_name", "model_version", "input_tokens", "output_tokens", "target_concurrency", "target_ttft",
    "target_throughput_per_user", "target_e2e_latency", "cluster_id", "node_id", "node_name", "device_id",
    "device_name", "device_type", "device_model", "raw_name", "available_count", "cores", "mem_per_gpu_in_gb",
    "hbm_bandwidth_in_gb_per_sec", "intra_node_bandwidth_in_gb_per_sec", "intra_node_min_message_latency",
    "peak_fp16_tflops", "peak_i8_tflops", "peak_i4_tflops", "inter_node_bandwidth_in_gb_per_sec", "engine",
    "engine_image", "engine_version", "tool_calling_parser_type", "reasoning_parser_type", "architecture_family",
    "chat_template", "supports_lora", "supports_pipeline_parallelism", "top_k_configs", "is_blacklisted",
}  # fmt: skip
NULLABLE = {
    "device_model", "raw_name", "cores", "engine_version", "tool_calling_parser_type", "reasoning_parser_type",
    "architecture_family", "chat_template", "supports_lora", "supports_pipeline_parallelism", "top_k_configs",
}  # fmt: skip


def rows(case=None, **fields):
    case = case or search_case(**fields)
    found = search(case, AnalyticPredictor())
    return [result_row(item, case, model_name=MODEL, search_step=step) for step, item in enumerate(found.evaluations)]


def test_a_row_has_the_designs_columns_and_no_null_where_none_is_allowed():
    row = rows()[0]
    assert set(row) >= DESIGN_COLUMNS
    assert set(row) - DESIGN_COLUMNS == {"config_hash"}
    assert all(row[name] is not None for name in DESIGN_COLUMNS - NULLABLE)


def test_rows_are_json_without_nan():
    for row in rows(concurrency=20):
        assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_stored_configurations_keep_the_platforms_keys_and_bytes():
    stored = rows()[0]["top_k_configs"]
    for name in (
        "config", "total_memory", "weight_memory", "kv_cache_memory", "ttft", "e2e_latency", "throughput_per_user",
        "concurrency", "error_rate", "cost_per_million_tokens", "hardware_mode", "performance_penalty", "meets_targets",
        "search_step", "max_loras",
    ):  # fmt: skip
        assert name in stored
    assert {"concurrency", "target_device", "model"} <= set(stored["config"])
    assert stored["total_memory"] > 2e9


@pytest.mark.parametrize("free", [(4, 4), (8,), (2, 1, 1)])
@pytest.mark.parametrize("concurrency", [1, 7, 32])
def test_every_row_passes_the_independent_judge(free, concurrency):
    document = cluster(*(node(f"n{index}", gpu_device(count)) for index, count in enumerate(free)))
    targets = SloTargets(ttft_ms=6.0, throughput_per_user_tps=500.0, e2e_latency_s=0.3)
    for row in rows(devices=group(*free), concurrency=concurrency, targets=targets):
        assert violations(row, document, TINY_CONFIG, usd_per_device_hour=2.0) == []


def test_the_judge_is_not_blind():
    document = cluster(node("n0", gpu_device(4)), node("n1", gpu_device(4)))
    spoilt = rows(concurrency=8)[0]
    spoilt["top_k_configs"]["placement"] *= 9
    spoilt["top_k_configs"]["error_rate"] = 0.4
    spoilt["top_k_configs"]["kv_cache_memory"] *= 3
    assert len(violations(spoilt, document, TINY_CONFIG, usd_per_device_hour=7.0)) >= 5


def test_node_groups_are_what_the_platform_validates():
    for row in rows(concurrency=20):
        found = node_group_configuration(row, 17)
        assert found["config_id"] == "17"
        assert found["labels"] == {"device_name": "Round 80GB", "concurrency": str(row["top_k_configs"]["concurrency"])}
        assert found["type"] == "cuda"
        assert found["engine_type"] == "vllm"
        assert found["args"]["tensor-parallel-size"] == found["tp_size"]
        assert found["args"]["pipeline-parallel-size"] == found["pp_size"]
        assert found["args"]["model"] == MODEL
        assert found["args"]["max-num-seqs"] >= row["top_k_configs"]["concurrency"]
        assert found["memory"] == pytest.approx(row["top_k_configs"]["total_memory"] / 1e9)
        assert found["weight_memory_gb"] + found["kv_cache_memory_gb"] <= found["memory"]
        assert found["image"] == "example/vllm-cuda:1"
        assert isinstance(found["replicas"], int)


def test_cost_per_million_tokens_is_not_multiplied_by_the_replicas():
    row = next(item for item in rows(concurrency=8) if item["top_k_configs"]["replicas"] > 1)
    found = node_group_configuration(row, 1)
    assert found["cost_per_million_tokens"] == row["top_k_configs"]["cost_per_million_tokens"]


def test_a_deployment_repeats_its_groups_figures_at_the_top():
    row = rows(concurrency=20)[0]
    found = deployment_configuration(row, 5)
    assert found["id"] == row["cluster_id"]
    assert found["nodes"] is None
    assert len(found["node_groups"]) == 1
    assert found["concurrency"] == found["replica"] * row["top_k_configs"]["concurrency"] >= 20
    assert found["supports_pipeline_parallelism"] is True


def test_metrics_name_the_concurrency_and_not_the_replicas():
    row = next(item for item in rows(concurrency=20) if item["top_k_configs"]["replicas"] == 2)
    metrics = cluster_metrics(row)["metrics"]
    assert metrics["device_types"][0]["num_replicas"] == 2
    assert metrics["device_types"][0]["concurrency"] == metrics["concurrency"] == 20
    assert metrics["cost_per_hour_usd"] == row["top_k_configs"]["cost_per_hour_usd"]


def test_fewer_replicas_cost_less_per_hour():
    row = next(item for item in rows(concurrency=20) if item["top_k_configs"]["replicas"] == 2)
    half = cluster_metrics(row, replicas=1)["metrics"]
    assert half["replica"] == 1
    assert half["concurrency"] == 10
    assert half["cost_per_hour_usd"] == row["top_k_configs"]["cost_per_hour_usd"] / 2


def test_an_unknown_price_is_said_and_never_free():
    row = rows(usd_per_device_hour=None, price_source="no price is known")[0]
    metrics = cluster_metrics(row)["metrics"]
    assert metrics["cost_known"] is False
    assert metrics["cost_per_hour_usd"] is None
    assert metrics["cost_source"] == "no price is known"


def test_cpu_rows_count_the_cores_of_the_node():
    devices = group(2, 2, device=CPU, device_type="cpu_high", cores_per_device=55.0)
    row = rows(search_case(devices, 2, engine=engine_option("cpu_high")))[0]
    assert row["cores"] == 110
    assert row["device_type"] == "cpu_high"
    assert node_group_configuration(row, 1)["cores"] == 110


def test_long_texts_are_cut_to_their_columns():
    long_name = "x" * 400 + "/models/the-model"
    case = search_case(group(2, device_type="cuda"), engine=engine_option(chat_template="t" * 900))
    found = search(case, AnalyticPredictor())
    row = result_row(found.best, case, model_name=long_name)
    assert all(len(row[name]) <= limit for name, limit in COLUMN_LENGTHS.items() if row[name] is not None)
    assert row["model_name"].endswith("/models/the-model")
    assert row["top_k_configs"]["config"]["model"] == long_name
    assert fit_column("engine_version", "1" * 60) == "1" * 50
    assert fit_column("cores", 8) == 8


def test_one_row_per_distinct_configuration():
    found = rows(concurrency=12)
    assert len({row["config_hash"] for row in found}) == len(found)
    assert distinct_rows(found + found) == found


def test_placement_is_told_node_by_node():
    stored = next(row for row in rows(concurrency=8) if row["top_k_configs"]["pp_size"] > 1)["top_k_configs"]
    assert sum(stored["devices_by_node"].values()) == stored["tp_size"] * stored["pp_size"] * stored["replicas"]
    assert 1 <= stored["nodes_spanned"] <= 2


def test_ids_of_any_kind_are_text_on_the_wire():
    row = rows()[0]
    for row_id in (3, "3", uuid.UUID(int=3)):
        assert isinstance(node_group_configuration(row, row_id)["config_id"], str)


def test_every_number_of_the_wire_shapes_is_finite():
    def numbers(value):
        if isinstance(value, dict):
            return [number for item in value.values() for number in numbers(item)]
        if isinstance(value, list):
            return [number for item in value for number in numbers(item)]
        return [value] if isinstance(value, float) else []

    for row in rows(concurrency=20, targets=SloTargets(ttft_ms=0.001)):
        for shape in (cluster_metrics(row), deployment_configuration(row, 1)):
            assert all(math.isfinite(number) for number in numbers(shape))


def test_memory_headroom_is_stored_for_feedback():
    stored = rows(devices=group(2))[0]["top_k_configs"]
    assert stored["memory_headroom"] == pytest.approx(80e9 - stored["total_memory"])
