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
        "step_overhead_s": 0.0008848, "prefill_overhead_s": 0.003431, "prefill_launch_s": 7.871e-05,
        "sequence_overhead_s": 9.715e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 224 points; median error in-sample e2e 6.7 %
    ("deepspeed", "gaudi", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.6238, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.5382,
        "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 68.15, "attention_efficiency":
        0.3977, "attention_half_tokens": 976.5, "link_efficiency": 0.5848, "collective_latency_s": 2.939e-05,
        "layer_overhead_s": 3.23e-05, "moe_overhead_s": 2.5e-05, "step_overhead_s": 0.0006187, "prefill_overhead_s":
        0.003398, "prefill_launch_s": 7.888e-05, "sequence_overhead_s": 9.514e-06, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5,
    },
    ("deepspeed-mii", "*", "static"): {
        "step_overhead_s": 0.004403, "prefill_overhead_s": 0.00382, "prefill_launch_s": 7.803e-05,
        "sequence_overhead_s": 2.412e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 166 points; median error in-sample e2e 11.0 %, ttft 46.2 %
    ("deepspeed-mii", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.8781, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.3036,
        "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 46.95, "attention_efficiency":
        0.527, "attention_half_tokens": 455.9, "link_efficiency": 0.4688, "collective_latency_s": 8.604e-06,
        "layer_overhead_s": 0.000118, "moe_overhead_s": 2.5e-05, "step_overhead_s": 0.004554, "prefill_overhead_s":
        0.003993, "prefill_launch_s": 7.806e-05, "sequence_overhead_s": 4.084e-05, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "*", "static"): {
        "step_overhead_s": 0.009511, "prefill_overhead_s": 0.002878, "prefill_launch_s": 7.869e-05,
        "sequence_overhead_s": 1.053e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 45 points; median error in-sample e2e 13.8 %
    ("llama.cpp", "ampere", "static"): {
        "memory_efficiency": 0.5547, "kv_efficiency": 0.6609, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.7,
        "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 89.37, "attention_efficiency":
        0.5499, "attention_half_tokens": 450.8, "link_efficiency": 0.5565, "collective_latency_s": 4.962e-06,
        "layer_overhead_s": 3.129e-05, "moe_overhead_s": 2.5e-05, "step_overhead_s": 0.0127, "prefill_overhead_s":
        0.002866, "prefill_launch_s": 7.869e-05, "sequence_overhead_s": 1.054e-05, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5,
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
    # 91 points; median error in-sample e2e 13.2 %
    ("llama.cpp", "cdna", "static"): {
        "memory_efficiency": 0.2403, "kv_efficiency": 0.5732, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.4314, "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.1, "expert_compute_efficiency": 0.248,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.7492, "half_rate_tokens": 40.57,
        "attention_efficiency": 0.2496, "attention_half_tokens": 1000, "link_efficiency": 0.619,
        "collective_latency_s": 5.085e-06, "layer_overhead_s": 4.793e-05, "moe_overhead_s": 3.795e-05,
        "step_overhead_s": 0.01345, "prefill_overhead_s": 0.002774, "prefill_launch_s": 7.869e-05,
        "sequence_overhead_s": 1.054e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 75 points; median error in-sample e2e 12.7 %
    ("llama.cpp", "hopper", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.9149, "kv_narrow_efficiency": 0.8124, "compute_efficiency":
        0.7165, "narrow_efficiency": 0.7267, "expert_memory_efficiency": 0.3081, "expert_compute_efficiency": 0.4202,
        "expert_narrow_efficiency": 0.3065, "routing_evenness": 0.3599, "half_rate_tokens": 43.82,
        "attention_efficiency": 0.5925, "attention_half_tokens": 1040, "link_efficiency": 0.6341,
        "collective_latency_s": 4.875e-06, "layer_overhead_s": 0.0001891, "moe_overhead_s": 4.782e-05,
        "step_overhead_s": 0.00638, "prefill_overhead_s": 0.002844, "prefill_launch_s": 7.886e-05,
        "sequence_overhead_s": 1.053e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
        "arrival_lag_steps": 0.9, "cold_step_s": 3.0, "cold_chunk_s": 70.0,
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
        "step_overhead_s": 0.003497, "prefill_overhead_s": 0.005662, "prefill_launch_s": 0.0002612,
        "sequence_overhead_s": 0.0007354, "arrival_delay_s": 0.02545, "arrival_lag_steps": 0.1044,
    },
    # 105 points; median error in-sample tpot 12.4 %, ttft 21.0 %
    ("tgi", "ampere", "served"): {
        "memory_efficiency": 0.8264, "kv_efficiency": 0.6171, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4342, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 14.28, "attention_efficiency": 0.534,
        "attention_half_tokens": 523.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.7121,
        "collective_latency_s": 6.618e-06, "layer_overhead_s": 0.0001618, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.003568, "prefill_overhead_s": 0.008265, "prefill_launch_s": 0.0004618,
        "sequence_overhead_s": 0.00103, "arrival_delay_s": 0.03393, "arrival_lag_steps": 0.07543,
    },
    # 86 points; median error in-sample tpot 11.7 %, ttft 20.4 %
    ("tgi", "hopper", "served"): {
        "memory_efficiency": 0.8059, "kv_efficiency": 0.2856, "kv_narrow_efficiency": 0.8124, "latent_efficiency":
        0.9018, "compute_efficiency": 0.2471, "narrow_efficiency": 0.7267, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7963, "expert_memory_efficiency": 0.8116, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency":
        0.3065, "expert_block_efficiency": 0.2301, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2739,
        "routing_evenness": 0.3605, "expert_tile_rows": 47.29, "half_rate_tokens": 16.21, "attention_efficiency":
        0.5761, "attention_half_tokens": 1242, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6262,
        "collective_latency_s": 6.756e-06, "layer_overhead_s": 3.734e-05, "moe_overhead_s": 3.092e-05,
        "mla_overhead_s": 2.037e-05, "step_overhead_s": 0.007043, "prefill_overhead_s": 0.005631, "prefill_launch_s":
        0.0001591, "sequence_overhead_s": 0.0005131, "arrival_delay_s": 0.0131, "arrival_lag_steps": 0.1035,
    },
    # 23 points; median error in-sample tpot 9.4 %, ttft 8.6 %
    ("tgi", "turing", "served"): {
        "memory_efficiency": 0.6247, "kv_efficiency": 0.413, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4395, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 26.16, "attention_efficiency": 0.2989,
        "attention_half_tokens": 257.5, "latent_decode_efficiency": 0.6, "link_efficiency": 0.765,
        "collective_latency_s": 6.724e-06, "layer_overhead_s": 2.112e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.002154, "prefill_overhead_s": 0.004293, "prefill_launch_s": 0.0002588,
        "sequence_overhead_s": 0.001833, "arrival_delay_s": 0.04608, "arrival_lag_steps": 0.09874,
    },
    ("trtllm", "*", "served"): {
        "step_overhead_s": 0.0004185, "prefill_overhead_s": 0.007308, "prefill_launch_s": 0.0003957,
        "sequence_overhead_s": 7.459e-06, "arrival_delay_s": 0.02321, "arrival_lag_steps": 0.6939,
    },
    ("trtllm", "*", "static"): {
        "step_overhead_s": 0.0002495, "prefill_overhead_s": 0.001159, "prefill_launch_s": 6.378e-05,
        "sequence_overhead_s": 1.059e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 49 points; median error in-sample e2e 2.4 %, ttft 4.6 %
    ("trtllm", "ada", "static"): {
        "memory_efficiency": 0.7251, "kv_efficiency": 0.95, "kv_narrow_efficiency": 0.9083, "compute_efficiency":
        0.9028, "narrow_efficiency": 1, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.2544, "routing_evenness": 0.7409, "half_rate_tokens": 89.42,
        "attention_efficiency": 0.4669, "attention_half_tokens": 249.7, "link_efficiency": 0.8629,
        "collective_latency_s": 6.72e-06, "layer_overhead_s": 2.337e-05, "moe_overhead_s": 2.281e-05,
        "step_overhead_s": 0.0002394, "prefill_overhead_s": 0.001089, "prefill_launch_s": 6.376e-05,
        "sequence_overhead_s": 9.921e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 423 points; median error in-sample e2e 8.5 %, ttft 12.6 %
    ("trtllm", "ampere", "static"): {
        "memory_efficiency": 0.8633, "kv_efficiency": 0.6898, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.935, "narrow_efficiency": 0.4795, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.7466,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.7232, "half_rate_tokens": 177.6,
        "attention_efficiency": 0.5743, "attention_half_tokens": 414.8, "link_efficiency": 0.2595,
        "collective_latency_s": 1.351e-05, "layer_overhead_s": 7.1e-05, "moe_overhead_s": 2.137e-05,
        "step_overhead_s": 0.0001183, "prefill_overhead_s": 0.0009548, "prefill_launch_s": 6.372e-05,
        "sequence_overhead_s": 9.238e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
        "arrival_lag_steps": 0.75,
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
    # 479 points; median error in-sample e2e 7.2 %, ttft 11.6 %
    ("trtllm", "hopper", "static"): {
        "memory_efficiency": 0.9253, "kv_efficiency": 0.914, "kv_narrow_efficiency": 1, "compute_efficiency": 0.95,
        "narrow_efficiency": 0.785, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.5812,
        "expert_narrow_efficiency": 0.1947, "routing_evenness": 0.1, "half_rate_tokens": 232.2,
        "attention_efficiency": 0.3133, "attention_half_tokens": 1286, "link_efficiency": 0.3342,
        "collective_latency_s": 1.175e-05, "layer_overhead_s": 6.191e-05, "moe_overhead_s": 2.884e-05,
        "step_overhead_s": 0.000129, "prefill_overhead_s": 0.0008548, "prefill_launch_s": 5.788e-05,
        "sequence_overhead_s": 1.246e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "*", "static"): {
        "step_overhead_s": 0.0175, "prefill_overhead_s": 0.003058, "prefill_launch_s": 8.369e-05,
        "sequence_overhead_s": 0.0003224, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 58 points; median error in-sample e2e 9.6 %, ttft 14.8 %
    ("unstated", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.657, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.648,
        "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 22.16, "attention_efficiency":
        0.5342, "attention_half_tokens": 454.1, "link_efficiency": 0.3778, "collective_latency_s": 5.217e-06,
        "layer_overhead_s": 3.748e-05, "moe_overhead_s": 2.5e-05, "step_overhead_s": 0.02524, "prefill_overhead_s":
        0.002919, "prefill_launch_s": 8.374e-05, "sequence_overhead_s": 0.000648, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5,
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
    # 42 points; median error in-sample e2e 10.5 %, ttft 13.3 %
    ("unstated", "hopper", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.8378, "kv_narrow_efficiency": 0.8124, "compute_efficiency":
        0.6135, "narrow_efficiency": 0.7267, "expert_memory_efficiency": 0.8116, "expert_compute_efficiency": 0.4203,
        "expert_narrow_efficiency": 0.3065, "routing_evenness": 0.3605, "half_rate_tokens": 34.48,
        "attention_efficiency": 0.5804, "attention_half_tokens": 1057, "link_efficiency": 0.4078,
        "collective_latency_s": 5.324e-06, "layer_overhead_s": 4.003e-05, "moe_overhead_s": 3.092e-05,
        "step_overhead_s": 0.01699, "prefill_overhead_s": 0.00308, "prefill_launch_s": 8.516e-05,
        "sequence_overhead_s": 0.0003759, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("vllm", "*", "served"): {
        "step_overhead_s": 0.0007072, "prefill_overhead_s": 0.008878, "prefill_launch_s": 0.0002137,
        "sequence_overhead_s": 1.026e-05, "arrival_delay_s": 0.009145, "arrival_lag_steps": 0.6692,
    },
    ("vllm", "*", "static"): {
        "step_overhead_s": 0.001652, "prefill_overhead_s": 0.002528, "prefill_launch_s": 7.967e-05,
        "sequence_overhead_s": 5.688e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 229 points; median error in-sample e2e 7.3 %, ttft 39.2 %
    ("vllm", "ampere", "static"): {
        "memory_efficiency": 0.7662, "kv_efficiency": 0.5806, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.5719, "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 64.6, "attention_efficiency":
        0.5392, "attention_half_tokens": 447.3, "link_efficiency": 0.4097, "collective_latency_s": 6.693e-06,
        "layer_overhead_s": 5.1e-05, "moe_overhead_s": 2.5e-05, "step_overhead_s": 0.001178, "prefill_overhead_s":
        0.00259, "prefill_launch_s": 7.968e-05, "sequence_overhead_s": 6.151e-05, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5,
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
    # 714 points; median error in-sample e2e 9.0 %, ttft 53.8 %
    ("vllm", "cdna", "static"): {
        "memory_efficiency": 0.5895, "kv_efficiency": 0.3828, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.0474, "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.7299, "expert_compute_efficiency": 0.1344,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.2507, "half_rate_tokens": 2.097,
        "attention_efficiency": 0.2298, "attention_half_tokens": 951.2, "link_efficiency": 0.1764,
        "collective_latency_s": 4.898e-05, "layer_overhead_s": 7.168e-05, "moe_overhead_s": 5.34e-05,
        "step_overhead_s": 0.002123, "prefill_overhead_s": 0.002462, "prefill_launch_s": 7.968e-05,
        "sequence_overhead_s": 6.448e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
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
    # 580 points; median error in-sample e2e 4.2 %, ttft 7.0 %
    ("vllm", "hopper", "static"): {
        "memory_efficiency": 0.9261, "kv_efficiency": 0.7589, "kv_narrow_efficiency": 0.7879, "compute_efficiency":
        0.6668, "narrow_efficiency": 0.898, "expert_memory_efficiency": 0.7084, "expert_compute_efficiency": 0.4203,
        "expert_narrow_efficiency": 0.3065, "routing_evenness": 0.3516, "half_rate_tokens": 45.83,
        "attention_efficiency": 0.5568, "attention_half_tokens": 1002, "link_efficiency": 0.4492,
        "collective_latency_s": 1.371e-05, "layer_overhead_s": 5.342e-05, "moe_overhead_s": 3.051e-05,
        "step_overhead_s": 0.001473, "prefill_overhead_s": 0.002324, "prefill_launch_s": 8.008e-05,
        "sequence_overhead_s": 7.067e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
}  # fmt: skip
