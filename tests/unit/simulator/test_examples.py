"""Models that people ask for, on every example cluster: a deployment that passes an independent check, or a reason."""

import json
from pathlib import Path

import pytest
from feasibility import violations

import budsim

EXAMPLES = Path(__file__).parents[3] / "examples"
ISL, OSL, CONCURRENCY = 1024, 256, 32

# Facts from the publishers' model cards and configs, written out so that nothing of the code under test is used:
# checkpoint bytes (parameters x bytes of the published format), and KV bytes that every token costs at least, over all
# devices: full-attention layers x 2 x KV heads x head width x 2 bytes. MLA's latent vector is copied to every TP rank.
MODELS = {
    "meta-llama/Llama-3.1-8B": {"weight_bytes": 8_030_261_248 * 2, "kv_bytes": 32 * 2 * 8 * 128 * 2},
    "meta-llama/Llama-3.3-70B-Instruct": {"weight_bytes": 70_553_706_496 * 2, "kv_bytes": 80 * 2 * 8 * 128 * 2},
    "Qwen/Qwen3-30B-A3B": {"weight_bytes": 30_532_122_624 * 2, "kv_bytes": 48 * 2 * 4 * 128 * 2},
    "deepseek-ai/DeepSeek-V3": {"weight_bytes": 671_026_419_200, "kv_bytes": 61 * (512 + 64), "is_mla": True},
    "google/gemma-3-27b-it": {"weight_bytes": 27_009_346_304 * 2, "kv_bytes": 10 * 2 * 16 * 128 * 2},
    "openai/gpt-oss-120b": {"weight_bytes": 63_000_000_000, "kv_bytes": 18 * 2 * 8 * 64 * 2},
}


def cluster_files():
    return sorted(path for path in EXAMPLES.glob("*.json") if path.name != "clusters.json")


def documents():
    for path in cluster_files():
        parsed = json.loads(path.read_text())
        yield from parsed if isinstance(parsed, list) else [parsed]


@pytest.mark.parametrize("model", MODELS)
def test_every_example_cluster_gets_a_deployment_that_can_run_or_a_reason(model):
    facts, by_id = MODELS[model], {document["id"]: document for document in documents()}
    outcome = budsim.simulate(
        model, clusters=list(by_id.values()), input_tokens=ISL, output_tokens=OSL, concurrency=CONCURRENCY
    )
    answered = {item["cluster_id"] for item in outcome.recommendations}
    for cluster_id, document in by_id.items():
        rows = [row for row in outcome.rows if row["cluster_id"] == cluster_id]
        groups = [group for group in outcome.groups if group.cluster_id == cluster_id]
        assert cluster_id in answered or any(group.why_nothing for group in groups) or outcome.reasons
        for row in rows:
            assert violations(row, document) == []
            assert memory_shortfalls(row, facts) == []


def memory_shortfalls(row, facts):
    stored = row["top_k_configs"]
    tp, pp = stored["tp_size"], stored["pp_size"]
    device_bytes = row["mem_per_gpu_in_gb"] * 1e9
    # A stage's share can be below the even one (embeddings sit at the ends); 8 % covers the largest vocabulary here.
    least_weights = 0.92 * facts["weight_bytes"] / (tp * pp)
    kv_ranks = pp if facts.get("is_mla") else tp * pp
    least_kv = 0.9 * stored["concurrency"] * (ISL + OSL) * facts["kv_bytes"] / kv_ranks
    found = []
    if stored["weight_memory"] < least_weights:
        found.append(f"weights {stored['weight_memory']:.3g} are under {least_weights:.3g}")
    if stored["config"]["kv_cache_dtype"] != "fp8" and stored["kv_cache_memory"] < least_kv / (1 if pp == 1 else 1.5):
        found.append(f"KV cache {stored['kv_cache_memory']:.3g} is under {least_kv:.3g}")
    if least_weights + least_kv / 2 > device_bytes:
        found.append(f"{least_weights + least_kv:.3g} bytes are needed, a device has {device_bytes:.3g}")
    if stored["total_memory"] > device_bytes:
        found.append(f"{stored['total_memory']:.3g} bytes are allocated, a device has {device_bytes:.3g}")
    return found


def test_the_largest_model_is_refused_with_figures_where_it_cannot_fit():
    outcome = budsim.simulate("deepseek-ai/DeepSeek-V3", clusters=EXAMPLES / "l40s.json", concurrency=4)
    assert not outcome.recommendations
    assert any("GiB" in reason or "GB" in reason for reason in outcome.reasons)
