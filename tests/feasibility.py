"""An independent judge of deployment rows: can this really be deployed, and do its own figures agree with each other?

Own arithmetic on plain dictionaries. Nothing of the code under test is imported, so a shared mistake cannot hide.
"""

import math


def free_devices(cluster, device_type, device_name, mode="dedicated"):
    """Free devices per node id of one cluster document, by the platform's dedicated and shared rules."""
    free = {}
    for node in cluster["nodes"]:
        if node.get("status") is not True:
            continue
        for device in node.get("devices") or []:
            if device["type"] != device_type or device["name"] != device_name:
                continue
            if device_type.startswith("cpu") and node.get("is_master"):
                continue
            free[node["id"]] = free.get(node["id"], 0) + _usable(device, mode)
    return {node_id: count for node_id, count in free.items() if count}


def _usable(device, mode):
    is_cpu = device["type"].startswith("cpu")
    memory = device.get("mem_per_GPU_in_GB", device.get("memory_gb"))
    if mode == "shared":
        taken = device.get("utilized_memory_gb", 0) if is_cpu else device.get("memory_allocated_gb")
        return int(taken is not None and memory - taken > 0)
    if device["available_count"] <= 0:
        return 0
    if device["type"] == "cpu_high":
        cores = device.get("cores") or 0
        if not cores or (device.get("utilized_cores") or 0) / cores >= 0.05:
            return 0
    elif not is_cpu and (device.get("core_utilization_percent") or device.get("memory_utilization_percent")):
        return 0
    return device.get("socket_count", 1) if is_cpu else device["available_count"]


def placement_violations(row, cluster):
    """Stages on one node each, no device twice, every stage of every replica there."""
    stored = row["top_k_configs"]
    free = free_devices(cluster, row["device_type"], row["device_name"], stored["hardware_mode"])
    used, stages = {}, set()
    for stage in stored["placement"]:
        used[stage["node_id"]] = used.get(stage["node_id"], 0) + stage["count"]
        stages.add((stage["replica"], stage["stage"]))
        if stage["count"] != stored["tp_size"]:
            yield f"stage {stage} does not use {stored['tp_size']} devices"
    if stored.get("prefill"):
        yield from _prefill_placement_violations(stored, used)
    for node_id, count in used.items():
        if count > free.get(node_id, 0):
            yield f"node {node_id} lends {count} devices and has {free.get(node_id, 0)}"
    if len(stages) != len(stored["placement"]):
        yield "a stage is placed twice"
    if stages != {(r, s) for r in range(stored["replicas"]) for s in range(stored["pp_size"])}:
        yield f"{len(stages)} stages placed for {stored['replicas']} replicas of PP {stored['pp_size']}"
    if stored["replicas"] > stored["max_replicas"]:
        yield f"{stored['replicas']} replicas, at most {stored['max_replicas']} fit"


def _prefill_placement_violations(stored, used):
    """Every stage of every prefill instance is placed; adds its devices to those used by node."""
    pool = stored["prefill"]
    for stage in pool["placement"]:
        used[stage["node_id"]] = used.get(stage["node_id"], 0) + stage["count"]
    placed = {(stage["replica"], stage["stage"]) for stage in pool["placement"]}
    if placed != {(r, s) for r in range(pool["instances"]) for s in range(pool["pp_size"])}:
        yield f"{len(placed)} prefill stages placed for {pool['instances']} instances of PP {pool['pp_size']}"
    if any(stage["count"] != pool["tp_size"] for stage in pool["placement"]):
        yield f"a prefill stage does not use {pool['tp_size']} devices"
    if stored["num_devices"] != sum(used.values()):
        yield f"{stored['num_devices']} devices are said, {sum(used.values())} are used"


def load_violations(row):
    """The replicas carry the target concurrency, and the engine's limits allow it."""
    stored = row["top_k_configs"]
    config = stored["config"]
    if stored["replicas"] * stored["concurrency"] < row["target_concurrency"]:
        yield f"{stored['replicas']} x {stored['concurrency']} requests are under {row['target_concurrency']}"
    if (stored["replicas"] - 1) * stored["concurrency"] >= row["target_concurrency"]:
        yield "one replica is idle"
    if config["max_num_seqs"] < stored["concurrency"]:
        yield f"max_num_seqs {config['max_num_seqs']} is under the concurrency {stored['concurrency']}"
    if config["max_model_len"] < row["input_tokens"] + row["output_tokens"]:
        yield f"max_model_len {config['max_model_len']} is under input + output"


def memory_violations(row, model):
    """Weights and KV cache of a dense GQA model, worked out from its config, fit what the row says and the device has.

    ``model``: a Hugging Face config plus ``parameters``.
    """
    stored = row["top_k_configs"]
    tp, pp = stored["tp_size"], stored["pp_size"]
    element = 2
    if stored["config"]["precision"] in ("bf16", "fp16"):
        share = model["parameters"] * element / (tp * pp)
        # With PP the fullest stage may be one without the embedding and the head.
        inner = (model["parameters"] - 2 * model["vocab_size"] * model["hidden_size"]) * element / (tp * pp)
        if stored["weight_memory"] < 0.98 * (share if pp == 1 else inner):
            yield f"weights {stored['weight_memory']:.3g} B per device are under an even share of {share:.3g} B"
        if tp == pp == 1 and not math.isclose(stored["weight_memory"], share, rel_tol=0.02):
            yield f"weights {stored['weight_memory']:.3g} B differ from the model's {share:.3g} B"
    # Stages differ by one layer, and the fullest device need not be the one with most layers (embeddings, head).
    fewest, most = model["num_hidden_layers"] // pp, math.ceil(model["num_hidden_layers"] / pp)
    heads = max(1, model["num_key_value_heads"] / tp)
    tokens = row["input_tokens"] + row["output_tokens"]
    kv_of_layer = 2 * heads * model["head_dim"] * element * tokens * stored["concurrency"]
    low, high = 0.98 * fewest * kv_of_layer, 1.25 * most * kv_of_layer
    if stored["config"].get("kv_cache_dtype") in ("bf16", "fp16") and not low <= stored["kv_cache_memory"] <= high:
        yield f"KV cache {stored['kv_cache_memory']:.4g} B is not within {low:.4g} and {high:.4g} B"
    if stored["total_memory"] < stored["weight_memory"] + stored["kv_cache_memory"]:
        yield "total memory is under weights + KV cache"
    buffer = 1e9 if stored["total_memory"] <= 10e9 else 2e9
    if stored["total_memory"] >= (row["mem_per_gpu_in_gb"] * 1e9 - buffer) * 0.95:
        yield f"{stored['total_memory']:.4g} B do not fit {row['mem_per_gpu_in_gb']:.4g} GB less the platform's buffer"
    if model["num_attention_heads"] % tp:
        yield f"TP {tp} does not divide {model['num_attention_heads']} heads"
    if stored.get("prefill"):
        yield from _prefill_violations(row, model)


def _prefill_violations(row, model):
    """A prefill instance holds its weights and the longest prompt, fits the device, and can hand its heads over."""
    stored, pool = row["top_k_configs"], row["top_k_configs"]["prefill"]
    tp, element = pool["tp_size"], 2
    if stored["config"]["precision"] in ("bf16", "fp16"):
        share = model["parameters"] * element / (tp * pool["pp_size"])
        if not 0.98 * share <= pool["weight_memory"] <= 1.1 * share + 2 * model["vocab_size"] * model["hidden_size"]:
            yield f"prefill weights {pool['weight_memory']:.3g} B are not about {share:.3g} B"
    heads = max(1, model["num_key_value_heads"] / tp)
    prompt = 2 * heads * model["head_dim"] * element * row["input_tokens"] * model["num_hidden_layers"]
    if pool["kv_cache_memory"] < 0.98 * prompt:
        yield f"the prefill pool's cache of {pool['kv_cache_memory']:.3g} B does not hold a prompt of {prompt:.3g} B"
    if pool["total_memory"] < pool["weight_memory"] + pool["kv_cache_memory"]:
        yield "prefill memory is under weights + KV cache"
    buffer = 1e9 if pool["total_memory"] <= 10e9 else 2e9
    if pool["total_memory"] >= (row["mem_per_gpu_in_gb"] * 1e9 - buffer) * 0.95:
        yield f"{pool['total_memory']:.4g} B of prefill do not fit {row['mem_per_gpu_in_gb']:.4g} GB"
    if pool["config"]["max_model_len"] < row["input_tokens"]:
        yield "max_model_len of the prefill pool is under the input"
    if row["engine"] == "vllm" and stored["tp_size"] % tp:
        yield f"decode TP {stored['tp_size']} is not a multiple of prefill TP {tp}"
    roles = [side["launch"]["args"] for side in (stored, pool)]
    if row["engine"] == "vllm" and not all("kv-transfer-config" in args for args in roles):
        yield "a pool has no connector"
    if row["engine"] == "sglang" and [args.get("disaggregation-mode") for args in roles] != ["decode", "prefill"]:
        yield "the pools have no modes"


def figure_violations(row, usd_per_device_hour=None, rel=0.02):
    """The stored figures follow from each other: Little's law, per-user rate, error rate, cost, finiteness."""
    stored = row["top_k_configs"]
    prediction = stored["prediction"]
    for name, value in prediction.items():
        if isinstance(value, float) and not math.isfinite(value):
            yield f"prediction.{name} is {value}"
    in_flight = prediction["request_throughput"] * prediction["e2e_s_mean"]
    if in_flight > stored["concurrency"] * (1 + rel):
        yield f"Little's law: {in_flight:.2f} requests in flight, {stored['concurrency']} clients"
    ordered = ["e2e_s_p50", "e2e_s_p95", "e2e_s_p99"], ["ttft_ms_p50", "ttft_ms_p90", "ttft_ms_p95", "ttft_ms_p99"]
    for names in ordered:
        values = [prediction[name] for name in names]
        if values != sorted(values):
            yield f"percentiles out of order: {dict(zip(names, values, strict=True))}"
    if not math.isclose(stored["error_rate"], recomputed_error_rate(row), abs_tol=1e-9):
        yield f"error rate {stored['error_rate']} is not {recomputed_error_rate(row)}"
    if stored["meets_targets"] != (recomputed_error_rate(row) <= 1e-9 or stored["hardware_mode"] == "shared"):
        yield "meets_targets contradicts the error rate"
    yield from _cost_violations(row, usd_per_device_hour, rel)


def _cost_violations(row, usd_per_device_hour, rel):
    stored = row["top_k_configs"]
    if stored["cost_per_hour_usd"] is None:
        return
    devices = stored["tp_size"] * stored["pp_size"] * stored["replicas"]
    if stored.get("prefill"):
        devices += stored["prefill"]["tp_size"] * stored["prefill"]["pp_size"] * stored["prefill"]["instances"]
    if usd_per_device_hour is not None and not math.isclose(stored["cost_per_hour_usd"], devices * usd_per_device_hour):
        yield f"cost per hour {stored['cost_per_hour_usd']} is not {devices} x {usd_per_device_hour}"
    tokens_per_hour = stored["prediction"]["output_tps"] * row["target_concurrency"] / stored["concurrency"] * 3600
    per_million = stored["cost_per_hour_usd"] / tokens_per_hour * 1e6
    if not math.isclose(stored["cost_per_million_tokens"], per_million, rel_tol=rel):
        yield f"cost per million {stored['cost_per_million_tokens']} is not {per_million}"


def recomputed_error_rate(row):
    """Mean over the set targets (0 = not set) of the relative miss clipped to [0, 1]; 0 in shared mode."""
    stored = row["top_k_configs"]
    if stored["hardware_mode"] == "shared":
        return 0.0
    wanted = [row["target_ttft"], row["target_throughput_per_user"], row["target_e2e_latency"]]
    figures = [stored["ttft"], stored["throughput_per_user"], stored["e2e_latency"]]
    misses = [
        figures[0] / wanted[0] - 1 if wanted[0] else None,
        None,
        figures[2] / wanted[2] - 1 if wanted[2] else None,
    ]
    if wanted[1]:
        misses[1] = 1 - figures[1] / wanted[1]
    clipped = [min(1.0, max(0.0, miss)) for miss in misses if miss is not None]
    return sum(clipped) / len(clipped) if clipped else 0.0


def violations(row, cluster, model=None, usd_per_device_hour=None):
    """Everything wrong with a row; an empty list is a deployable row."""
    found = [*placement_violations(row, cluster), *load_violations(row), *figure_violations(row, usd_per_device_hour)]
    if model is not None:
        found += memory_violations(row, model)
    return found
