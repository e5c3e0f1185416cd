"""Models can be analysed, validated, calculated and compared; start-up logs can be handed in."""

import pytest

pytestmark = pytest.mark.integration

LLAMA = "meta-llama/Llama-3.1-8B"


def test_an_analysis_has_devices_and_lengths(client):
    answer = client.post("/models/analyze", json={"model": LLAMA, "devices": ["H100", "L4"]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["kv_bytes_per_token"] == 131072
    assert (body["attention_type"], body["attention_rating"]) == ("gqa", "good")
    h100, l4 = body["memory_by_device"]
    assert h100["tp_size"] == 1
    assert h100["max_context_tokens"] == 131072
    assert l4["starts"]
    assert l4["max_context_tokens"] < 131072
    sweep = {row["sequence_tokens"]: row["kv_cache_bytes"] for row in body["sequence_sweep"]}
    assert sweep[8192] == 8192 * 131072


def test_an_unknown_device_of_an_analysis_is_named(client):
    answer = client.post("/models/analyze", json={"model": LLAMA, "devices": ["NoSuchCard 9"]})
    assert answer.status_code == 400
    assert "NoSuchCard" in answer.text


def test_a_calculation_has_the_calculators_field_names_and_sane_figures(client):
    answer = client.post("/api/models/calculate", json={"model_id": LLAMA, "precision": "bf16"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["parameter_count"] == 8_030_261_248
    assert body["memory_breakdown"]["weight_gb"] == pytest.approx(16.06, rel=0.003)  # and 34 MB of rotary tables
    assert body["memory_breakdown"]["kv_cache_gb"] == pytest.approx(2048 * 131072 / 1e9)
    assert body["total_memory_gb"] == pytest.approx(sum(body["memory_breakdown"].values()))
    assert body["recommendations"]["can_fit_24gb_gpu"]


def test_a_config_can_be_calculated_and_a_broken_one_names_its_field(client):
    config = {
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 1024, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072,
        "vocab_size": 151936, "tie_word_embeddings": True, "max_position_embeddings": 40960,
    }  # fmt: skip
    body = client.post("/api/models/calculate", json={"config": config, "batch_size": 2, "seq_length": 1000}).json()
    assert body["memory_breakdown"]["kv_cache_gb"] == pytest.approx(2 * 1000 * 114_688 / 1e9)
    del config["hidden_size"]
    config["model_type"] = "of_our_own"  # a class that nobody knows has no defaults
    answer = client.post("/api/models/calculate", json={"config": config})
    assert answer.status_code == 400
    assert "hidden_size" in answer.text


def test_validation_answers_yes_and_no_with_the_reason(client):
    assert client.post("/api/models/validate", json={"model_id": LLAMA}).json()["valid"]
    refused = client.post("/api/models/validate", json={"model_id": "nobody/knows-this"}).json()
    assert (refused["valid"], refused["error_code"]) == (False, "UnknownModelError")
    assert client.post("/api/models/validate", json={}).status_code == 422


def test_a_folder_outside_the_registry_is_refused(client, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for body in ({"model": str(tmp_path)}, {"model": "../../etc"}):
        answer = client.post("/models/analyze", json=body)
        assert answer.status_code == 400, answer.text
    assert "MODEL_REGISTRY_DIR" in client.post("/models/analyze", json={"model": str(tmp_path)}).text


def test_a_comparison_is_not_stopped_by_an_unknown_model(client):
    body = client.post("/api/models/compare", json={"models": [LLAMA, "nobody/knows-this", "Qwen/Qwen3-0.6B"]}).json()
    assert body["by_total_memory"] == ["Qwen/Qwen3-0.6B", LLAMA]
    assert body["comparison"][1]["error"]


def test_a_start_up_log_is_read_and_nothing_is_kept_unless_wanted(client):
    log = (
        f"(EngineCore pid=1) INFO Initializing a V1 LLM engine (v0.19.0) with config: model='{LLAMA}', "
        "max_seq_len=8192, tensor_parallel_size=1\n"
        "(EngineCore pid=1) INFO [gpu_worker.py:1] Available KV cache memory: 54.00 GiB\n"
    )
    answer = client.post("/api/memory/import-log", json={"log": log, "hardware": "H100", "calibrate": False})
    assert answer.status_code == 200, answer.text
    cache = next(row for row in answer.json()["comparison"] if row["quantity"] == "KV cache")
    assert cache["logged"] == 54 * 2**30
    assert cache["predicted"] == pytest.approx(cache["logged"], rel=0.05)
    assert client.post("/api/memory/import-log", json={"log": "nothing"}).status_code == 400
    assert client.post("/api/memory/import-log", json={"log": "x" * 12_000_000}).status_code == 413
