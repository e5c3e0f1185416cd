"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.

Key: (engine, device family, load). ``*`` as engine: the kernels of a family, shared by all engines; ``*`` as
family: the host side of an engine, shared by all families. The most specific entry that names it gives a
constant. Held-out errors: docs/accuracy.md.
"""

from __future__ import annotations

FITTED: dict[tuple[str, str, str], dict[str, float]] = {
    ("*", "*", "served"): {
        "step_overhead_s": 0.00116, "prefill_overhead_s": 0.005329, "prefill_launch_s": 0.0001575,
        "sequence_overhead_s": 2.086e-05, "arrival_delay_s": 0.01014, "arrival_lag_steps": 0.5357,
    },
    ("*", "*", "static"): {
        "step_overhead_s": 0.003696, "prefill_overhead_s": 0.003566, "prefill_launch_s": 7.799e-05,
        "sequence_overhead_s": 1.054e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("*", "ada", "served"): {
        "memory_efficiency": 0.8377, "kv_efficiency": 0.9054, "kv_narrow_efficiency": 0.831, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6223, "narrow_efficiency": 0.7256, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8942, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.3114,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7496, "expert_tile_rows": 54.93, "half_rate_tokens": 99.57, "attention_efficiency":
        0.4806, "attention_half_tokens": 249.5, "latent_decode_efficiency": 0.6, "link_efficiency": 0.4122,
        "collective_latency_s": 6.989e-06, "layer_overhead_s": 2.446e-05, "moe_overhead_s": 2.478e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "ampere", "served"): {
        "memory_efficiency": 0.7785, "kv_efficiency": 0.6608, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.741, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 78.18, "attention_efficiency": 0.55,
        "attention_half_tokens": 450.8, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5564,
        "collective_latency_s": 5.059e-06, "layer_overhead_s": 2.933e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("*", "blackwell", "served"): {
        "memory_efficiency": 0.7823, "kv_efficiency": 0.8548, "kv_narrow_efficiency": 0.909, "latent_efficiency":
        0.724, "compute_efficiency": 0.671, "narrow_efficiency": 0.7339, "fp4_efficiency": 0.4761,
        "packed_efficiency": 0.8009, "expert_memory_efficiency": 0.8912, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4438, "expert_block_efficiency": 0.1493, "expert_fp4_efficiency": 0.2923,
        "expert_packed_efficiency": 0.1629, "routing_evenness": 0.6907, "expert_tile_rows": 60.98, "half_rate_tokens":
        90.5, "attention_efficiency": 0.5373, "attention_half_tokens": 1252, "latent_decode_efficiency": 0.944,
        "link_efficiency": 0.4635, "collective_latency_s": 6.04e-06, "layer_overhead_s": 2.528e-05, "moe_overhead_s":
        2.507e-05, "mla_overhead_s": 2.722e-05,
    },
    ("*", "cdna", "served"): {
        "memory_efficiency": 0.4239, "kv_efficiency": 0.6036, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.45, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5473, "expert_compute_efficiency": 0.2486, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55.39, "half_rate_tokens": 40.01, "attention_efficiency": 0.25,
        "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6189,
        "collective_latency_s": 5.261e-06, "layer_overhead_s": 3.866e-05, "moe_overhead_s": 2.574e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "cpu", "served"): {
        "memory_efficiency": 0.3765, "kv_efficiency": 0.3507, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.3057, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 19.99, "attention_efficiency": 0.09007,
        "attention_half_tokens": 49.97, "latent_decode_efficiency": 0.6, "link_efficiency": 0.7806,
        "collective_latency_s": 6.293e-05, "layer_overhead_s": 6.132e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("*", "gaudi", "served"): {
        "memory_efficiency": 0.8556, "kv_efficiency": 0.6196, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6187, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.62, "attention_efficiency": 0.4005,
        "attention_half_tokens": 998.9, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6093,
        "collective_latency_s": 5.074e-06, "layer_overhead_s": 2.932e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("*", "hopper", "served"): {
        "memory_efficiency": 0.8848, "kv_efficiency": 0.8281, "kv_narrow_efficiency": 0.8124, "latent_efficiency":
        0.9018, "compute_efficiency": 0.7522, "narrow_efficiency": 0.7267, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7963, "expert_memory_efficiency": 0.8116, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency":
        0.3065, "expert_block_efficiency": 0.2301, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2739,
        "routing_evenness": 0.3605, "expert_tile_rows": 47.29, "half_rate_tokens": 40.01, "attention_efficiency":
        0.5927, "attention_half_tokens": 1040, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6339,
        "collective_latency_s": 5.164e-06, "layer_overhead_s": 3.943e-05, "moe_overhead_s": 3.092e-05,
        "mla_overhead_s": 2.037e-05,
    },
    ("*", "turing", "served"): {
        "memory_efficiency": 0.7109, "kv_efficiency": 0.5829, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.5267, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.57, "attention_efficiency": 0.3009,
        "attention_half_tokens": 249.4, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5034,
        "collective_latency_s": 7.105e-06, "layer_overhead_s": 2.517e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("deepspeed", "*", "static"): {
        "step_overhead_s": 0.001446, "prefill_overhead_s": 0.003545, "prefill_launch_s": 7.804e-05,
        "sequence_overhead_s": 9.626e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed", "gaudi", "served"): {
        "memory_efficiency": 0.8822, "kv_efficiency": 0.6219, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6208, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.58, "attention_efficiency": 0.4006,
        "attention_half_tokens": 998.8, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6081,
        "collective_latency_s": 5.082e-06, "layer_overhead_s": 2.925e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 21 points; median error in-sample e2e 7.7 %
    ("deepspeed", "gaudi", "static"): {
        "step_overhead_s": 0.002605, "prefill_overhead_s": 0.003543, "prefill_launch_s": 7.805e-05,
        "sequence_overhead_s": 9.52e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed-mii", "*", "static"): {
        "step_overhead_s": 0.007514, "prefill_overhead_s": 0.003594, "prefill_launch_s": 7.799e-05,
        "sequence_overhead_s": 1.238e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed-mii", "ampere", "served"): {
        "memory_efficiency": 0.7675, "kv_efficiency": 0.6652, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7333, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 78.39, "attention_efficiency": 0.5499,
        "attention_half_tokens": 450.9, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5555,
        "collective_latency_s": 5.066e-06, "layer_overhead_s": 2.94e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 24 points; median error in-sample e2e 13.7 %
    ("deepspeed-mii", "ampere", "static"): {
        "step_overhead_s": 0.008134, "prefill_overhead_s": 0.003597, "prefill_launch_s": 7.799e-05,
        "sequence_overhead_s": 1.259e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "*", "static"): {
        "step_overhead_s": 0.01227, "prefill_overhead_s": 0.003565, "prefill_launch_s": 7.799e-05,
        "sequence_overhead_s": 1.055e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "ampere", "served"): {
        "memory_efficiency": 0.7574, "kv_efficiency": 0.6604, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7403, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 78.26, "attention_efficiency": 0.55,
        "attention_half_tokens": 450.8, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5564,
        "collective_latency_s": 5.059e-06, "layer_overhead_s": 2.94e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 23 points; median error in-sample e2e 10.9 %
    ("llama.cpp", "ampere", "static"): {
        "step_overhead_s": 0.01614, "prefill_overhead_s": 0.003565, "prefill_launch_s": 7.799e-05,
        "sequence_overhead_s": 1.055e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "cdna", "served"): {
        "memory_efficiency": 0.4003, "kv_efficiency": 0.6036, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4499, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5395, "expert_compute_efficiency": 0.2484, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55.46, "half_rate_tokens": 40.01, "attention_efficiency": 0.25,
        "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6189,
        "collective_latency_s": 5.26e-06, "layer_overhead_s": 3.872e-05, "moe_overhead_s": 2.578e-05,
        "mla_overhead_s": 2e-05,
    },
    # 23 points; median error in-sample e2e 26.1 %
    ("llama.cpp", "cdna", "static"): {
        "step_overhead_s": 0.02225, "prefill_overhead_s": 0.003564, "prefill_launch_s": 7.799e-05,
        "sequence_overhead_s": 1.055e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "hopper", "served"): {
        "memory_efficiency": 0.8951, "kv_efficiency": 0.8286, "kv_narrow_efficiency": 0.8124, "latent_efficiency":
        0.9018, "compute_efficiency": 0.7521, "narrow_efficiency": 0.7267, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7963, "expert_memory_efficiency": 0.7989, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency":
        0.3065, "expert_block_efficiency": 0.2301, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2739,
        "routing_evenness": 0.3605, "expert_tile_rows": 47.3, "half_rate_tokens": 40.01, "attention_efficiency":
        0.5927, "attention_half_tokens": 1040, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6339,
        "collective_latency_s": 5.163e-06, "layer_overhead_s": 3.941e-05, "moe_overhead_s": 3.098e-05,
        "mla_overhead_s": 2.037e-05,
    },
    # 35 points; median error in-sample e2e 8.3 %
    ("llama.cpp", "hopper", "static"): {
        "step_overhead_s": 0.01175, "prefill_overhead_s": 0.003566, "prefill_launch_s": 7.8e-05,
        "sequence_overhead_s": 1.055e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("sglang", "*", "served"): {
        "step_overhead_s": 0.0006462, "prefill_overhead_s": 0.003906, "prefill_launch_s": 0.0001301,
        "sequence_overhead_s": 2.275e-05, "arrival_delay_s": 0.01086, "arrival_lag_steps": 0.8388,
    },
    # 41 points; median error in-sample tpot 10.9 %, ttft 41.0 %
    ("sglang", "blackwell", "served"): {
        "memory_efficiency": 0.7569, "kv_efficiency": 0.8375, "kv_narrow_efficiency": 0.8906, "latent_efficiency":
        0.7094, "compute_efficiency": 0.6587, "narrow_efficiency": 0.7276, "fp4_efficiency": 0.4754,
        "packed_efficiency": 0.8009, "expert_memory_efficiency": 0.8599, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4438, "expert_block_efficiency": 0.1452, "expert_fp4_efficiency": 0.2878,
        "expert_packed_efficiency": 0.1629, "routing_evenness": 0.7098, "expert_tile_rows": 61.64, "half_rate_tokens":
        90.67, "attention_efficiency": 0.5297, "attention_half_tokens": 1247, "latent_decode_efficiency": 0.944,
        "link_efficiency": 0.4425, "collective_latency_s": 6.035e-06, "layer_overhead_s": 2.546e-05, "moe_overhead_s":
        2.529e-05, "mla_overhead_s": 2.741e-05, "step_overhead_s": 0.0006425, "prefill_overhead_s": 0.003803,
        "prefill_launch_s": 0.0001273, "sequence_overhead_s": 2.436e-05, "arrival_delay_s": 0.011,
        "arrival_lag_steps": 20,
    },
    # 28 points; median error in-sample tpot 5.1 %, ttft 14.5 %
    ("sglang", "hopper", "served"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.8388, "kv_narrow_efficiency": 0.8124, "latent_efficiency":
        0.9018, "compute_efficiency": 0.7499, "narrow_efficiency": 0.7267, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7963, "expert_memory_efficiency": 0.8116, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency":
        0.3065, "expert_block_efficiency": 0.2301, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2739,
        "routing_evenness": 0.3605, "expert_tile_rows": 47.29, "half_rate_tokens": 39.99, "attention_efficiency":
        0.593, "attention_half_tokens": 1040, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6469,
        "collective_latency_s": 5.128e-06, "layer_overhead_s": 3.832e-05, "moe_overhead_s": 3.092e-05,
        "mla_overhead_s": 2.037e-05, "step_overhead_s": 0.0006067, "prefill_overhead_s": 0.003844, "prefill_launch_s":
        0.00013, "sequence_overhead_s": 2.141e-05, "arrival_delay_s": 0.01086, "arrival_lag_steps": 0.9195,
    },
    ("tgi", "*", "served"): {
        "step_overhead_s": 0.006526, "prefill_overhead_s": 0.004937, "prefill_launch_s": 0.0001473,
        "sequence_overhead_s": 0.0008553, "arrival_delay_s": 0.01239, "arrival_lag_steps": 0.6371,
    },
    # 33 points; median error in-sample tpot 13.6 %, ttft 22.1 %
    ("tgi", "ampere", "served"): {
        "memory_efficiency": 0.8067, "kv_efficiency": 0.6592, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7254, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 77.67, "attention_efficiency": 0.5499,
        "attention_half_tokens": 451, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5504,
        "collective_latency_s": 5.086e-06, "layer_overhead_s": 2.952e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.008075, "prefill_overhead_s": 0.005195, "prefill_launch_s": 0.0001516,
        "sequence_overhead_s": 0.001111, "arrival_delay_s": 0.01394, "arrival_lag_steps": 1.208,
    },
    # 30 points; median error in-sample tpot 13.3 %, ttft 13.2 %
    ("tgi", "hopper", "served"): {
        "memory_efficiency": 0.8889, "kv_efficiency": 0.8229, "kv_narrow_efficiency": 0.8124, "latent_efficiency":
        0.9018, "compute_efficiency": 0.6792, "narrow_efficiency": 0.7267, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7963, "expert_memory_efficiency": 0.8116, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency":
        0.3065, "expert_block_efficiency": 0.2301, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2739,
        "routing_evenness": 0.3605, "expert_tile_rows": 47.29, "half_rate_tokens": 40.12, "attention_efficiency":
        0.5915, "attention_half_tokens": 1042, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6326,
        "collective_latency_s": 5.167e-06, "layer_overhead_s": 3.936e-05, "moe_overhead_s": 3.092e-05,
        "mla_overhead_s": 2.037e-05, "step_overhead_s": 0.006124, "prefill_overhead_s": 0.004718, "prefill_launch_s":
        0.0001423, "sequence_overhead_s": 0.0006926, "arrival_delay_s": 0.01076, "arrival_lag_steps": 1.746,
    },
    # 8 points; median error in-sample tpot 15.1 %, ttft 19.5 %
    ("tgi", "turing", "served"): {
        "memory_efficiency": 0.718, "kv_efficiency": 0.5811, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.5431, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.52, "attention_efficiency": 0.301,
        "attention_half_tokens": 249.4, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5164,
        "collective_latency_s": 7.116e-06, "layer_overhead_s": 2.519e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.006821, "prefill_overhead_s": 0.004864, "prefill_launch_s": 0.0001473,
        "sequence_overhead_s": 0.001227, "arrival_delay_s": 0.01294, "arrival_lag_steps": 0.5436,
    },
    ("trtllm", "*", "served"): {
        "step_overhead_s": 0.0004185, "prefill_overhead_s": 0.007308, "prefill_launch_s": 0.0003957,
        "sequence_overhead_s": 7.459e-06, "arrival_delay_s": 0.02321, "arrival_lag_steps": 0.6939,
    },
    ("trtllm", "*", "static"): {
        "step_overhead_s": 0.001452, "prefill_overhead_s": 0.002974, "prefill_launch_s": 7.469e-05,
        "sequence_overhead_s": 7.298e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("trtllm", "ada", "served"): {
        "memory_efficiency": 0.8559, "kv_efficiency": 0.9422, "kv_narrow_efficiency": 0.8633, "latent_efficiency":
        0.9, "compute_efficiency": 0.6455, "narrow_efficiency": 0.7521, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.9085, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3129, "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.86, "half_rate_tokens": 99.13, "attention_efficiency":
        0.4812, "attention_half_tokens": 249.4, "latent_decode_efficiency": 0.6, "link_efficiency": 0.4247,
        "collective_latency_s": 6.979e-06, "layer_overhead_s": 2.441e-05, "moe_overhead_s": 2.476e-05,
        "mla_overhead_s": 2e-05,
    },
    # 17 points; median error in-sample e2e 14.0 %, ttft 40.3 %
    ("trtllm", "ada", "static"): {
        "step_overhead_s": 0.001408, "prefill_overhead_s": 0.002956, "prefill_launch_s": 7.469e-05,
        "sequence_overhead_s": 7.133e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("trtllm", "ampere", "served"): {
        "memory_efficiency": 0.7743, "kv_efficiency": 0.655, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.748, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 78.44, "attention_efficiency": 0.5507,
        "attention_half_tokens": 450.7, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5539,
        "collective_latency_s": 5.076e-06, "layer_overhead_s": 2.944e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 45 points; median error in-sample e2e 9.9 %, ttft 8.7 %
    ("trtllm", "ampere", "static"): {
        "step_overhead_s": 0.00147, "prefill_overhead_s": 0.002961, "prefill_launch_s": 7.469e-05,
        "sequence_overhead_s": 7.319e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 62 points; median error in-sample tpot 15.2 %, ttft 31.3 %
    ("trtllm", "blackwell", "served"): {
        "memory_efficiency": 0.8307, "kv_efficiency": 0.8324, "kv_narrow_efficiency": 0.8851, "latent_efficiency":
        0.704, "compute_efficiency": 0.6569, "narrow_efficiency": 0.7246, "fp4_efficiency": 0.4577,
        "packed_efficiency": 0.8009, "expert_memory_efficiency": 0.9111, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4768, "expert_block_efficiency": 0.1382, "expert_fp4_efficiency": 0.2944,
        "expert_packed_efficiency": 0.1629, "routing_evenness": 0.6984, "expert_tile_rows": 61.56, "half_rate_tokens":
        90.85, "attention_efficiency": 0.5503, "attention_half_tokens": 1247, "latent_decode_efficiency": 0.938,
        "link_efficiency": 0.4595, "collective_latency_s": 5.923e-06, "layer_overhead_s": 2.407e-05, "moe_overhead_s":
        2.418e-05, "mla_overhead_s": 2.949e-05, "step_overhead_s": 0.0003219, "prefill_overhead_s": 0.006202,
        "prefill_launch_s": 0.0003228, "sequence_overhead_s": 6.696e-06, "arrival_delay_s": 0.02022,
        "arrival_lag_steps": 6.693,
    },
    # 213 points; median error in-sample tpot 6.8 %, ttft 18.7 %
    ("trtllm", "hopper", "served"): {
        "memory_efficiency": 0.9127, "kv_efficiency": 0.8998, "kv_narrow_efficiency": 0.8505, "latent_efficiency":
        0.9018, "compute_efficiency": 0.7972, "narrow_efficiency": 0.7567, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7802, "expert_memory_efficiency": 0.8711, "expert_compute_efficiency": 0.4208, "expert_narrow_efficiency":
        0.3031, "expert_block_efficiency": 0.2342, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2897,
        "routing_evenness": 0.3406, "expert_tile_rows": 44.54, "half_rate_tokens": 39.88, "attention_efficiency":
        0.5938, "attention_half_tokens": 1040, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6412,
        "collective_latency_s": 5.256e-06, "layer_overhead_s": 4.074e-05, "moe_overhead_s": 3.202e-05,
        "mla_overhead_s": 2.037e-05, "step_overhead_s": 0.0004857, "prefill_overhead_s": 0.008905, "prefill_launch_s":
        0.0005367, "sequence_overhead_s": 7.416e-06, "arrival_delay_s": 0.02937, "arrival_lag_steps": 0.7652,
    },
    # 67 points; median error in-sample e2e 9.1 %, ttft 23.5 %
    ("trtllm", "hopper", "static"): {
        "step_overhead_s": 0.001333, "prefill_overhead_s": 0.002945, "prefill_launch_s": 7.434e-05,
        "sequence_overhead_s": 7.151e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "*", "static"): {
        "step_overhead_s": 0.01754, "prefill_overhead_s": 0.003664, "prefill_launch_s": 7.835e-05,
        "sequence_overhead_s": 1.086e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "ampere", "served"): {
        "memory_efficiency": 0.7851, "kv_efficiency": 0.66, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.726, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 78.2, "attention_efficiency": 0.5497,
        "attention_half_tokens": 450.9, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5534,
        "collective_latency_s": 5.066e-06, "layer_overhead_s": 2.942e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 20 points; median error in-sample e2e 13.4 %, ttft 10.3 %
    ("unstated", "ampere", "static"): {
        "step_overhead_s": 0.021, "prefill_overhead_s": 0.003665, "prefill_launch_s": 7.835e-05,
        "sequence_overhead_s": 1.088e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "hopper", "served"): {
        "memory_efficiency": 0.9043, "kv_efficiency": 0.828, "kv_narrow_efficiency": 0.8124, "latent_efficiency":
        0.9018, "compute_efficiency": 0.7463, "narrow_efficiency": 0.7267, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7963, "expert_memory_efficiency": 0.8116, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency":
        0.3065, "expert_block_efficiency": 0.2301, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2739,
        "routing_evenness": 0.3605, "expert_tile_rows": 47.29, "half_rate_tokens": 40.01, "attention_efficiency":
        0.5926, "attention_half_tokens": 1040, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6314,
        "collective_latency_s": 5.165e-06, "layer_overhead_s": 3.942e-05, "moe_overhead_s": 3.092e-05,
        "mla_overhead_s": 2.037e-05,
    },
    # 21 points; median error in-sample e2e 10.8 %, ttft 12.8 %
    ("unstated", "hopper", "static"): {
        "step_overhead_s": 0.01742, "prefill_overhead_s": 0.003674, "prefill_launch_s": 7.839e-05,
        "sequence_overhead_s": 1.088e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("vllm", "*", "served"): {
        "step_overhead_s": 0.0007072, "prefill_overhead_s": 0.008878, "prefill_launch_s": 0.0002137,
        "sequence_overhead_s": 1.026e-05, "arrival_delay_s": 0.009145, "arrival_lag_steps": 0.6692,
    },
    ("vllm", "*", "static"): {
        "step_overhead_s": 0.00275, "prefill_overhead_s": 0.00352, "prefill_launch_s": 7.802e-05,
        "sequence_overhead_s": 4.042e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("vllm", "ampere", "served"): {
        "memory_efficiency": 0.7893, "kv_efficiency": 0.6562, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7357, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 78.28, "attention_efficiency": 0.55,
        "attention_half_tokens": 450.9, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5557,
        "collective_latency_s": 5.062e-06, "layer_overhead_s": 2.932e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 23 points; median error in-sample e2e 7.7 %
    ("vllm", "ampere", "static"): {
        "step_overhead_s": 0.002745, "prefill_overhead_s": 0.003518, "prefill_launch_s": 7.802e-05,
        "sequence_overhead_s": 4.282e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 120 points; median error in-sample tpot 11.0 %, ttft 15.2 %
    ("vllm", "blackwell", "served"): {
        "memory_efficiency": 0.7736, "kv_efficiency": 0.8802, "kv_narrow_efficiency": 0.9115, "latent_efficiency":
        0.7537, "compute_efficiency": 0.6692, "narrow_efficiency": 0.7337, "fp4_efficiency": 0.4725,
        "packed_efficiency": 0.8018, "expert_memory_efficiency": 0.9151, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4584, "expert_block_efficiency": 0.1455, "expert_fp4_efficiency": 0.287,
        "expert_packed_efficiency": 0.1768, "routing_evenness": 0.669, "expert_tile_rows": 56.06, "half_rate_tokens":
        90.48, "attention_efficiency": 0.5295, "attention_half_tokens": 1254, "latent_decode_efficiency": 0.944,
        "link_efficiency": 0.4539, "collective_latency_s": 6.205e-06, "layer_overhead_s": 2.64e-05, "moe_overhead_s":
        2.579e-05, "mla_overhead_s": 2.583e-05, "step_overhead_s": 0.0006906, "prefill_overhead_s": 0.008814,
        "prefill_launch_s": 0.0002201, "sequence_overhead_s": 9.186e-06, "arrival_delay_s": 0.00884,
        "arrival_lag_steps": 2.74,
    },
    ("vllm", "cdna", "served"): {
        "memory_efficiency": 0.4319, "kv_efficiency": 0.6041, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.45, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5494, "expert_compute_efficiency": 0.2487, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55.38, "half_rate_tokens": 40.01, "attention_efficiency": 0.25,
        "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6188,
        "collective_latency_s": 5.291e-06, "layer_overhead_s": 3.902e-05, "moe_overhead_s": 2.578e-05,
        "mla_overhead_s": 2e-05,
    },
    # 24 points; median error in-sample e2e 10.9 %
    ("vllm", "cdna", "static"): {
        "step_overhead_s": 0.006233, "prefill_overhead_s": 0.003522, "prefill_launch_s": 7.803e-05,
        "sequence_overhead_s": 4.059e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 17 points; median error in-sample tpot 5.7 %, ttft 28.3 %
    ("vllm", "cpu", "served"): {
        "memory_efficiency": 0.3575, "kv_efficiency": 0.3568, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.3126, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 19.99, "attention_efficiency": 0.09128,
        "attention_half_tokens": 49.96, "latent_decode_efficiency": 0.6, "link_efficiency": 0.7785,
        "collective_latency_s": 6.326e-05, "layer_overhead_s": 6.147e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.002405, "prefill_overhead_s": 0.01119, "prefill_launch_s": 0.0002137,
        "sequence_overhead_s": 0.0001086, "arrival_delay_s": 0.009217, "arrival_lag_steps": 1.798,
    },
    # 91 points; median error in-sample tpot 5.2 %, ttft 11.2 %
    ("vllm", "hopper", "served"): {
        "memory_efficiency": 0.8146, "kv_efficiency": 0.7835, "kv_narrow_efficiency": 0.7879, "latent_efficiency":
        0.9036, "compute_efficiency": 0.7972, "narrow_efficiency": 0.7244, "fp4_efficiency": 0.5, "packed_efficiency":
        0.809, "expert_memory_efficiency": 0.7084, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency":
        0.3065, "expert_block_efficiency": 0.2167, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2837,
        "routing_evenness": 0.3516, "expert_tile_rows": 43.17, "half_rate_tokens": 40.06, "attention_efficiency":
        0.5854, "attention_half_tokens": 1041, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6315,
        "collective_latency_s": 5.272e-06, "layer_overhead_s": 4.14e-05, "moe_overhead_s": 3.051e-05,
        "mla_overhead_s": 2.041e-05, "step_overhead_s": 0.0006725, "prefill_overhead_s": 0.009404, "prefill_launch_s":
        0.0002152, "sequence_overhead_s": 1.003e-05, "arrival_delay_s": 0.009249, "arrival_lag_steps": 0.4656,
    },
    # 47 points; median error in-sample e2e 8.6 %
    ("vllm", "hopper", "static"): {
        "step_overhead_s": 0.002353, "prefill_overhead_s": 0.003513, "prefill_launch_s": 7.802e-05,
        "sequence_overhead_s": 4.414e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
}  # fmt: skip
