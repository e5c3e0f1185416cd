"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.

Key: (engine, device family, load). ``*`` as engine: the kernels of a family, shared by all engines; ``*`` as
family: the host side of an engine, shared by all families. The most specific entry that names it gives a
constant. Held-out errors: docs/accuracy.md.
"""

from __future__ import annotations

FITTED: dict[tuple[str, str, str], dict[str, float]] = {
    ("*", "*", "served"): {
        "step_overhead_s": 0.001041, "prefill_overhead_s": 0.005819, "prefill_launch_s": 0.0001403,
        "sequence_overhead_s": 2.514e-05, "arrival_delay_s": 0.007589, "arrival_lag_steps": 2.251,
    },
    ("*", "*", "static"): {
        "step_overhead_s": 0.003347, "prefill_overhead_s": 0.003174, "prefill_launch_s": 7.435e-05,
        "sequence_overhead_s": 1.745e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("*", "ada", "served"): {
        "memory_efficiency": 0.8548, "kv_efficiency": 0.9095, "kv_narrow_efficiency": 0.8346, "latent_efficiency":
        0.9, "compute_efficiency": 0.631, "narrow_efficiency": 0.7357, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.898, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.3126,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7496, "expert_tile_rows": 54.9, "half_rate_tokens": 99.38, "attention_efficiency":
        0.481, "attention_half_tokens": 249.2, "latent_decode_efficiency": 0.6, "link_efficiency": 0.4334,
        "collective_latency_s": 6.974e-06, "layer_overhead_s": 2.418e-05, "moe_overhead_s": 2.472e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "ampere", "served"): {
        "memory_efficiency": 0.7781, "kv_efficiency": 0.6708, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6945, "narrow_efficiency": 0.6968, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8943, "expert_compute_efficiency": 0.4271, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.38, "half_rate_tokens": 77.99, "attention_efficiency":
        0.5502, "attention_half_tokens": 452.6, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5574,
        "collective_latency_s": 5.099e-06, "layer_overhead_s": 3.088e-05, "moe_overhead_s": 2.481e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "blackwell", "served"): {
        "memory_efficiency": 0.7654, "kv_efficiency": 0.8443, "kv_narrow_efficiency": 0.9117, "latent_efficiency":
        0.7322, "compute_efficiency": 0.644, "narrow_efficiency": 0.736, "fp4_efficiency": 0.4469,
        "packed_efficiency": 0.8006, "expert_memory_efficiency": 0.9139, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4376, "expert_block_efficiency": 0.1458, "expert_fp4_efficiency": 0.2957,
        "expert_packed_efficiency": 0.1606, "routing_evenness": 0.6729, "expert_tile_rows": 62.52, "half_rate_tokens":
        90.28, "attention_efficiency": 0.5362, "attention_half_tokens": 1277, "latent_decode_efficiency": 0.95,
        "link_efficiency": 0.4633, "collective_latency_s": 6.078e-06, "layer_overhead_s": 2.731e-05, "moe_overhead_s":
        2.483e-05, "mla_overhead_s": 2.511e-05,
    },
    ("*", "cdna", "served"): {
        "memory_efficiency": 0.3989, "kv_efficiency": 0.5629, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.1069, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.4803, "expert_compute_efficiency": 0.2318, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7497, "expert_tile_rows": 56.5, "half_rate_tokens": 52.16, "attention_efficiency":
        0.2486, "attention_half_tokens": 1003, "latent_decode_efficiency": 0.6, "link_efficiency": 0.583,
        "collective_latency_s": 5.322e-06, "layer_overhead_s": 4.052e-05, "moe_overhead_s": 2.596e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "cpu", "served"): {
        "memory_efficiency": 0.3824, "kv_efficiency": 0.3709, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2851, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 20, "attention_efficiency": 0.08903,
        "attention_half_tokens": 49.98, "latent_decode_efficiency": 0.6, "link_efficiency": 0.8024,
        "collective_latency_s": 6.249e-05, "layer_overhead_s": 6.12e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("*", "gaudi", "served"): {
        "memory_efficiency": 0.8681, "kv_efficiency": 0.6418, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.5924, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.88, "attention_efficiency": 0.4002,
        "attention_half_tokens": 999.8, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6073,
        "collective_latency_s": 5.284e-06, "layer_overhead_s": 3.032e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("*", "hopper", "served"): {
        "memory_efficiency": 0.8865, "kv_efficiency": 0.834, "kv_narrow_efficiency": 0.7962, "latent_efficiency":
        0.9008, "compute_efficiency": 0.7404, "narrow_efficiency": 0.7692, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7937, "expert_memory_efficiency": 0.795, "expert_compute_efficiency": 0.4214, "expert_narrow_efficiency":
        0.3021, "expert_block_efficiency": 0.2311, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2749,
        "routing_evenness": 0.3538, "expert_tile_rows": 47.45, "half_rate_tokens": 40.1, "attention_efficiency":
        0.602, "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6398,
        "collective_latency_s": 5.207e-06, "layer_overhead_s": 4.112e-05, "moe_overhead_s": 3.138e-05,
        "mla_overhead_s": 2.018e-05,
    },
    ("*", "turing", "served"): {
        "memory_efficiency": 0.6789, "kv_efficiency": 0.5229, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.577, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 38.63, "attention_efficiency": 0.3015,
        "attention_half_tokens": 249.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5834,
        "collective_latency_s": 6.853e-06, "layer_overhead_s": 2.463e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("deepspeed", "*", "static"): {
        "step_overhead_s": 0.001208, "prefill_overhead_s": 0.003166, "prefill_launch_s": 7.438e-05,
        "sequence_overhead_s": 1.777e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed", "gaudi", "served"): {
        "memory_efficiency": 0.8965, "kv_efficiency": 0.6467, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.5916, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.86, "attention_efficiency": 0.4002,
        "attention_half_tokens": 999.8, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6059,
        "collective_latency_s": 5.316e-06, "layer_overhead_s": 3.036e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 45 points; median error in-sample e2e 10.8 %
    ("deepspeed", "gaudi", "static"): {
        "step_overhead_s": 0.002158, "prefill_overhead_s": 0.003165, "prefill_launch_s": 7.439e-05,
        "sequence_overhead_s": 1.781e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed-mii", "*", "static"): {
        "step_overhead_s": 0.006909, "prefill_overhead_s": 0.003193, "prefill_launch_s": 7.436e-05,
        "sequence_overhead_s": 3.173e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed-mii", "ampere", "served"): {
        "memory_efficiency": 0.7669, "kv_efficiency": 0.6733, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6736, "narrow_efficiency": 0.6968, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8943, "expert_compute_efficiency": 0.4271, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.38, "half_rate_tokens": 78.63, "attention_efficiency":
        0.55, "attention_half_tokens": 452.7, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5553,
        "collective_latency_s": 5.11e-06, "layer_overhead_s": 3.099e-05, "moe_overhead_s": 2.481e-05,
        "mla_overhead_s": 2e-05,
    },
    # 56 points; median error in-sample e2e 13.6 %, ttft 25.5 %
    ("deepspeed-mii", "ampere", "static"): {
        "step_overhead_s": 0.007488, "prefill_overhead_s": 0.003195, "prefill_launch_s": 7.436e-05,
        "sequence_overhead_s": 3.392e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "*", "static"): {
        "step_overhead_s": 0.01155, "prefill_overhead_s": 0.003156, "prefill_launch_s": 7.437e-05,
        "sequence_overhead_s": 1.747e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "ampere", "served"): {
        "memory_efficiency": 0.7523, "kv_efficiency": 0.6704, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6934, "narrow_efficiency": 0.6968, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8943, "expert_compute_efficiency": 0.4271, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.38, "half_rate_tokens": 78.13, "attention_efficiency":
        0.5502, "attention_half_tokens": 452.6, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5574,
        "collective_latency_s": 5.099e-06, "layer_overhead_s": 3.097e-05, "moe_overhead_s": 2.481e-05,
        "mla_overhead_s": 2e-05,
    },
    # 45 points; median error in-sample e2e 11.4 %
    ("llama.cpp", "ampere", "static"): {
        "step_overhead_s": 0.01614, "prefill_overhead_s": 0.003156, "prefill_launch_s": 7.437e-05,
        "sequence_overhead_s": 1.747e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "cdna", "served"): {
        "memory_efficiency": 0.3789, "kv_efficiency": 0.563, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.1057, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.4608, "expert_compute_efficiency": 0.2314, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7497, "expert_tile_rows": 56.63, "half_rate_tokens": 52.89, "attention_efficiency":
        0.2486, "attention_half_tokens": 1003, "latent_decode_efficiency": 0.6, "link_efficiency": 0.583,
        "collective_latency_s": 5.321e-06, "layer_overhead_s": 4.06e-05, "moe_overhead_s": 2.607e-05,
        "mla_overhead_s": 2e-05,
    },
    # 46 points; median error in-sample e2e 24.8 %
    ("llama.cpp", "cdna", "static"): {
        "step_overhead_s": 0.02014, "prefill_overhead_s": 0.003155, "prefill_launch_s": 7.437e-05,
        "sequence_overhead_s": 1.747e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "hopper", "served"): {
        "memory_efficiency": 0.9103, "kv_efficiency": 0.8346, "kv_narrow_efficiency": 0.7962, "latent_efficiency":
        0.9008, "compute_efficiency": 0.7403, "narrow_efficiency": 0.7692, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7937, "expert_memory_efficiency": 0.7619, "expert_compute_efficiency": 0.4213, "expert_narrow_efficiency":
        0.3021, "expert_block_efficiency": 0.2311, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2749,
        "routing_evenness": 0.3538, "expert_tile_rows": 47.47, "half_rate_tokens": 40.1, "attention_efficiency":
        0.602, "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6398,
        "collective_latency_s": 5.205e-06, "layer_overhead_s": 4.111e-05, "moe_overhead_s": 3.154e-05,
        "mla_overhead_s": 2.018e-05,
    },
    # 75 points; median error in-sample e2e 13.8 %
    ("llama.cpp", "hopper", "static"): {
        "step_overhead_s": 0.01088, "prefill_overhead_s": 0.003155, "prefill_launch_s": 7.437e-05,
        "sequence_overhead_s": 1.747e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("sglang", "*", "served"): {
        "step_overhead_s": 0.0006421, "prefill_overhead_s": 0.003851, "prefill_launch_s": 0.0001246,
        "sequence_overhead_s": 3.055e-05, "arrival_delay_s": 0.006657, "arrival_lag_steps": 20,
    },
    # 45 points; median error in-sample tpot 11.2 %, ttft 37.1 %
    ("sglang", "blackwell", "served"): {
        "memory_efficiency": 0.7391, "kv_efficiency": 0.8282, "kv_narrow_efficiency": 0.8944, "latent_efficiency":
        0.7183, "compute_efficiency": 0.6298, "narrow_efficiency": 0.7296, "fp4_efficiency": 0.4462,
        "packed_efficiency": 0.8006, "expert_memory_efficiency": 0.9233, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4376, "expert_block_efficiency": 0.1366, "expert_fp4_efficiency": 0.2903,
        "expert_packed_efficiency": 0.1606, "routing_evenness": 0.686, "expert_tile_rows": 64.9, "half_rate_tokens":
        90.35, "attention_efficiency": 0.5243, "attention_half_tokens": 1279, "latent_decode_efficiency": 0.95,
        "link_efficiency": 0.4392, "collective_latency_s": 6.091e-06, "layer_overhead_s": 2.733e-05, "moe_overhead_s":
        2.483e-05, "mla_overhead_s": 2.514e-05, "step_overhead_s": 0.0006489, "prefill_overhead_s": 0.00384,
        "prefill_launch_s": 0.0001232, "sequence_overhead_s": 3.247e-05, "arrival_delay_s": 0.006565,
        "arrival_lag_steps": 20,
    },
    # 33 points; median error in-sample tpot 3.9 %, ttft 12.0 %
    ("sglang", "hopper", "served"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.838, "kv_narrow_efficiency": 0.7962, "latent_efficiency":
        0.9008, "compute_efficiency": 0.7537, "narrow_efficiency": 0.7692, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7937, "expert_memory_efficiency": 0.795, "expert_compute_efficiency": 0.4214, "expert_narrow_efficiency":
        0.3021, "expert_block_efficiency": 0.2311, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2749,
        "routing_evenness": 0.3538, "expert_tile_rows": 47.45, "half_rate_tokens": 40.07, "attention_efficiency":
        0.6041, "attention_half_tokens": 1001, "latent_decode_efficiency": 0.6, "link_efficiency": 0.66,
        "collective_latency_s": 5.161e-06, "layer_overhead_s": 3.984e-05, "moe_overhead_s": 3.138e-05,
        "mla_overhead_s": 2.018e-05, "step_overhead_s": 0.0006021, "prefill_overhead_s": 0.003688, "prefill_launch_s":
        0.0001244, "sequence_overhead_s": 2.937e-05, "arrival_delay_s": 0.006652, "arrival_lag_steps": 17.18,
    },
    ("tgi", "*", "served"): {
        "step_overhead_s": 0.006174, "prefill_overhead_s": 0.00594, "prefill_launch_s": 0.0001066,
        "sequence_overhead_s": 0.0009482, "arrival_delay_s": 0.01625, "arrival_lag_steps": 0.9485,
    },
    # 105 points; median error in-sample tpot 14.3 %, ttft 21.0 %
    ("tgi", "ampere", "served"): {
        "memory_efficiency": 0.8003, "kv_efficiency": 0.6704, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6454, "narrow_efficiency": 0.6968, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8943, "expert_compute_efficiency": 0.4271, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.38, "half_rate_tokens": 76.78, "attention_efficiency":
        0.5496, "attention_half_tokens": 453, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5578,
        "collective_latency_s": 5.152e-06, "layer_overhead_s": 3.11e-05, "moe_overhead_s": 2.481e-05,
        "mla_overhead_s": 2e-05, "step_overhead_s": 0.007799, "prefill_overhead_s": 0.006105, "prefill_launch_s":
        0.0001079, "sequence_overhead_s": 0.001122, "arrival_delay_s": 0.0188, "arrival_lag_steps": 0.8852,
    },
    # 86 points; median error in-sample tpot 13.4 %, ttft 17.2 %
    ("tgi", "hopper", "served"): {
        "memory_efficiency": 0.8616, "kv_efficiency": 0.8273, "kv_narrow_efficiency": 0.7962, "latent_efficiency":
        0.9008, "compute_efficiency": 0.5882, "narrow_efficiency": 0.7692, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7937, "expert_memory_efficiency": 0.795, "expert_compute_efficiency": 0.4214, "expert_narrow_efficiency":
        0.3021, "expert_block_efficiency": 0.2311, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2749,
        "routing_evenness": 0.3538, "expert_tile_rows": 47.45, "half_rate_tokens": 40.25, "attention_efficiency":
        0.5997, "attention_half_tokens": 1005, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6333,
        "collective_latency_s": 5.222e-06, "layer_overhead_s": 4.123e-05, "moe_overhead_s": 3.138e-05,
        "mla_overhead_s": 2.018e-05, "step_overhead_s": 0.006657, "prefill_overhead_s": 0.006351, "prefill_launch_s":
        0.0001022, "sequence_overhead_s": 0.0006544, "arrival_delay_s": 0.01133, "arrival_lag_steps": 1.113,
    },
    # 23 points; median error in-sample tpot 10.9 %, ttft 13.1 %
    ("tgi", "turing", "served"): {
        "memory_efficiency": 0.6822, "kv_efficiency": 0.515, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.601, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 38.48, "attention_efficiency": 0.3017,
        "attention_half_tokens": 249, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6084,
        "collective_latency_s": 6.837e-06, "layer_overhead_s": 2.459e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.005526, "prefill_overhead_s": 0.005415, "prefill_launch_s": 0.0001066,
        "sequence_overhead_s": 0.001738, "arrival_delay_s": 0.02193, "arrival_lag_steps": 0.7867,
    },
    ("trtllm", "*", "served"): {
        "step_overhead_s": 0.0003423, "prefill_overhead_s": 0.00854, "prefill_launch_s": 0.0004137,
        "sequence_overhead_s": 7.981e-06, "arrival_delay_s": 0.01107, "arrival_lag_steps": 4.128,
    },
    ("trtllm", "*", "static"): {
        "step_overhead_s": 0.00126, "prefill_overhead_s": 0.002291, "prefill_launch_s": 6.675e-05,
        "sequence_overhead_s": 9.95e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("trtllm", "ada", "served"): {
        "memory_efficiency": 0.891, "kv_efficiency": 0.95, "kv_narrow_efficiency": 0.8707, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6636, "narrow_efficiency": 0.7732, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.9164, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.3153,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.8, "half_rate_tokens": 98.77, "attention_efficiency":
        0.482, "attention_half_tokens": 249.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.4695,
        "collective_latency_s": 6.948e-06, "layer_overhead_s": 2.409e-05, "moe_overhead_s": 2.469e-05,
        "mla_overhead_s": 2e-05,
    },
    # 49 points; median error in-sample e2e 9.6 %, ttft 31.8 %
    ("trtllm", "ada", "static"): {
        "step_overhead_s": 0.001214, "prefill_overhead_s": 0.002272, "prefill_launch_s": 6.675e-05,
        "sequence_overhead_s": 9.6e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("trtllm", "ampere", "served"): {
        "memory_efficiency": 0.7782, "kv_efficiency": 0.6718, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7062, "narrow_efficiency": 0.6935, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.9089, "expert_compute_efficiency": 0.4344, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 53.77, "half_rate_tokens": 78.6, "attention_efficiency":
        0.5515, "attention_half_tokens": 452.3, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5512,
        "collective_latency_s": 5.127e-06, "layer_overhead_s": 3.112e-05, "moe_overhead_s": 2.479e-05,
        "mla_overhead_s": 2e-05,
    },
    # 107 points; median error in-sample e2e 10.3 %, ttft 13.1 %
    ("trtllm", "ampere", "static"): {
        "step_overhead_s": 0.001326, "prefill_overhead_s": 0.002288, "prefill_launch_s": 6.675e-05,
        "sequence_overhead_s": 9.997e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 81 points; median error in-sample tpot 16.4 %, ttft 30.4 %
    ("trtllm", "blackwell", "served"): {
        "memory_efficiency": 0.7916, "kv_efficiency": 0.8124, "kv_narrow_efficiency": 0.8773, "latent_efficiency":
        0.722, "compute_efficiency": 0.6065, "narrow_efficiency": 0.7288, "fp4_efficiency": 0.4032,
        "packed_efficiency": 0.8006, "expert_memory_efficiency": 0.9189, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.469, "expert_block_efficiency": 0.1367, "expert_fp4_efficiency": 0.2994,
        "expert_packed_efficiency": 0.1606, "routing_evenness": 0.6868, "expert_tile_rows": 62.16, "half_rate_tokens":
        90.45, "attention_efficiency": 0.5524, "attention_half_tokens": 1271, "latent_decode_efficiency": 0.95,
        "link_efficiency": 0.4632, "collective_latency_s": 5.988e-06, "layer_overhead_s": 2.611e-05, "moe_overhead_s":
        2.402e-05, "mla_overhead_s": 2.737e-05, "step_overhead_s": 0.00027, "prefill_overhead_s": 0.007495,
        "prefill_launch_s": 0.0003782, "sequence_overhead_s": 6.889e-06, "arrival_delay_s": 0.01127,
        "arrival_lag_steps": 7.724,
    },
    # 253 points; median error in-sample tpot 7.1 %, ttft 19.9 %
    ("trtllm", "hopper", "served"): {
        "memory_efficiency": 0.8953, "kv_efficiency": 0.8893, "kv_narrow_efficiency": 0.8273, "latent_efficiency":
        0.9008, "compute_efficiency": 0.8132, "narrow_efficiency": 0.8319, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7761, "expert_memory_efficiency": 0.8577, "expert_compute_efficiency": 0.4229, "expert_narrow_efficiency":
        0.2943, "expert_block_efficiency": 0.2323, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2884,
        "routing_evenness": 0.3309, "expert_tile_rows": 45, "half_rate_tokens": 40.02, "attention_efficiency": 0.6068,
        "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6437,
        "collective_latency_s": 5.302e-06, "layer_overhead_s": 4.226e-05, "moe_overhead_s": 3.269e-05,
        "mla_overhead_s": 2.018e-05, "step_overhead_s": 0.0003835, "prefill_overhead_s": 0.01015, "prefill_launch_s":
        0.0005099, "sequence_overhead_s": 8.142e-06, "arrival_delay_s": 0.01134, "arrival_lag_steps": 2.359,
    },
    # 123 points; median error in-sample e2e 9.3 %, ttft 21.4 %
    ("trtllm", "hopper", "static"): {
        "step_overhead_s": 0.001115, "prefill_overhead_s": 0.002231, "prefill_launch_s": 6.596e-05,
        "sequence_overhead_s": 9.643e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "*", "static"): {
        "step_overhead_s": 0.01745, "prefill_overhead_s": 0.003239, "prefill_launch_s": 7.458e-05,
        "sequence_overhead_s": 1.914e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "ampere", "served"): {
        "memory_efficiency": 0.7981, "kv_efficiency": 0.669, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6761, "narrow_efficiency": 0.6968, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8943, "expert_compute_efficiency": 0.4271, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.38, "half_rate_tokens": 77.83, "attention_efficiency":
        0.55, "attention_half_tokens": 452.6, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5529,
        "collective_latency_s": 5.106e-06, "layer_overhead_s": 3.097e-05, "moe_overhead_s": 2.481e-05,
        "mla_overhead_s": 2e-05,
    },
    # 58 points; median error in-sample e2e 13.5 %, ttft 12.7 %
    ("unstated", "ampere", "static"): {
        "step_overhead_s": 0.0207, "prefill_overhead_s": 0.003238, "prefill_launch_s": 7.458e-05,
        "sequence_overhead_s": 1.924e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "hopper", "served"): {
        "memory_efficiency": 0.9072, "kv_efficiency": 0.8337, "kv_narrow_efficiency": 0.7962, "latent_efficiency":
        0.9008, "compute_efficiency": 0.7304, "narrow_efficiency": 0.7692, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7937, "expert_memory_efficiency": 0.795, "expert_compute_efficiency": 0.4214, "expert_narrow_efficiency":
        0.3021, "expert_block_efficiency": 0.2311, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2749,
        "routing_evenness": 0.3538, "expert_tile_rows": 47.45, "half_rate_tokens": 40.1, "attention_efficiency":
        0.6018, "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.636,
        "collective_latency_s": 5.209e-06, "layer_overhead_s": 4.113e-05, "moe_overhead_s": 3.138e-05,
        "mla_overhead_s": 2.018e-05,
    },
    # 42 points; median error in-sample e2e 12.3 %, ttft 16.2 %
    ("unstated", "hopper", "static"): {
        "step_overhead_s": 0.01768, "prefill_overhead_s": 0.003247, "prefill_launch_s": 7.461e-05,
        "sequence_overhead_s": 1.924e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("vllm", "*", "served"): {
        "step_overhead_s": 0.0005114, "prefill_overhead_s": 0.01009, "prefill_launch_s": 0.0001583,
        "sequence_overhead_s": 1.761e-05, "arrival_delay_s": 0.00505, "arrival_lag_steps": 2.444,
    },
    ("vllm", "*", "static"): {
        "step_overhead_s": 0.002106, "prefill_overhead_s": 0.003092, "prefill_launch_s": 7.426e-05,
        "sequence_overhead_s": 9.088e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("vllm", "ampere", "served"): {
        "memory_efficiency": 0.7821, "kv_efficiency": 0.6709, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6944, "narrow_efficiency": 0.6968, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8943, "expert_compute_efficiency": 0.4271, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7495, "expert_tile_rows": 54.38, "half_rate_tokens": 77.99, "attention_efficiency":
        0.5502, "attention_half_tokens": 452.6, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5573,
        "collective_latency_s": 5.1e-06, "layer_overhead_s": 3.084e-05, "moe_overhead_s": 2.481e-05, "mla_overhead_s":
        2e-05,
    },
    # 58 points; median error in-sample e2e 7.1 %, ttft 18.4 %
    ("vllm", "ampere", "static"): {
        "step_overhead_s": 0.002044, "prefill_overhead_s": 0.003093, "prefill_launch_s": 7.426e-05,
        "sequence_overhead_s": 8.894e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 128 points; median error in-sample tpot 10.9 %, ttft 13.4 %
    ("vllm", "blackwell", "served"): {
        "memory_efficiency": 0.7617, "kv_efficiency": 0.8679, "kv_narrow_efficiency": 0.9269, "latent_efficiency":
        0.7592, "compute_efficiency": 0.6431, "narrow_efficiency": 0.7357, "fp4_efficiency": 0.4436,
        "packed_efficiency": 0.8013, "expert_memory_efficiency": 0.9344, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4465, "expert_block_efficiency": 0.1422, "expert_fp4_efficiency": 0.2931,
        "expert_packed_efficiency": 0.172, "routing_evenness": 0.6492, "expert_tile_rows": 58.26, "half_rate_tokens":
        90.32, "attention_efficiency": 0.5285, "attention_half_tokens": 1280, "latent_decode_efficiency": 0.95,
        "link_efficiency": 0.4531, "collective_latency_s": 6.236e-06, "layer_overhead_s": 2.881e-05, "moe_overhead_s":
        2.564e-05, "mla_overhead_s": 2.361e-05, "step_overhead_s": 0.0004995, "prefill_overhead_s": 0.01111,
        "prefill_launch_s": 0.0001601, "sequence_overhead_s": 1.506e-05, "arrival_delay_s": 0.005656,
        "arrival_lag_steps": 2.714,
    },
    ("vllm", "cdna", "served"): {
        "memory_efficiency": 0.4013, "kv_efficiency": 0.5589, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.09223, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.4885, "expert_compute_efficiency": 0.2303, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7497, "expert_tile_rows": 56.55, "half_rate_tokens": 52.97, "attention_efficiency":
        0.2485, "attention_half_tokens": 1003, "latent_decode_efficiency": 0.6, "link_efficiency": 0.579,
        "collective_latency_s": 5.36e-06, "layer_overhead_s": 4.11e-05, "moe_overhead_s": 2.596e-05, "mla_overhead_s":
        2e-05,
    },
    # 60 points; median error in-sample e2e 21.1 %
    ("vllm", "cdna", "static"): {
        "step_overhead_s": 0.004811, "prefill_overhead_s": 0.003093, "prefill_launch_s": 7.426e-05,
        "sequence_overhead_s": 0.0001264, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 25 points; median error in-sample tpot 4.5 %, ttft 17.7 %
    ("vllm", "cpu", "served"): {
        "memory_efficiency": 0.3638, "kv_efficiency": 0.3797, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2893, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 20, "attention_efficiency": 0.0901,
        "attention_half_tokens": 49.98, "latent_decode_efficiency": 0.6, "link_efficiency": 0.8027,
        "collective_latency_s": 6.277e-05, "layer_overhead_s": 6.133e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.001729, "prefill_overhead_s": 0.01278, "prefill_launch_s": 0.0001583,
        "sequence_overhead_s": 0.0002005, "arrival_delay_s": 0.005088, "arrival_lag_steps": 2.644,
    },
    # 111 points; median error in-sample tpot 6.9 %, ttft 12.8 %
    ("vllm", "hopper", "served"): {
        "memory_efficiency": 0.8336, "kv_efficiency": 0.8179, "kv_narrow_efficiency": 0.7625, "latent_efficiency":
        0.9017, "compute_efficiency": 0.8347, "narrow_efficiency": 0.7817, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8052, "expert_memory_efficiency": 0.6946, "expert_compute_efficiency": 0.4214, "expert_narrow_efficiency":
        0.3021, "expert_block_efficiency": 0.2213, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2883,
        "routing_evenness": 0.348, "expert_tile_rows": 43.15, "half_rate_tokens": 40.15, "attention_efficiency":
        0.5999, "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6467,
        "collective_latency_s": 5.357e-06, "layer_overhead_s": 4.35e-05, "moe_overhead_s": 3.073e-05,
        "mla_overhead_s": 2.02e-05, "step_overhead_s": 0.0004769, "prefill_overhead_s": 0.0096, "prefill_launch_s":
        0.0001588, "sequence_overhead_s": 1.74e-05, "arrival_delay_s": 0.004274, "arrival_lag_steps": 2.056,
    },
    # 115 points; median error in-sample e2e 5.8 %, ttft 9.4 %
    ("vllm", "hopper", "static"): {
        "step_overhead_s": 0.001803, "prefill_overhead_s": 0.003082, "prefill_launch_s": 7.425e-05,
        "sequence_overhead_s": 8.021e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
}  # fmt: skip
