"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.

Key: (engine, device family, load). ``*`` as engine: the kernels of a family, shared by all engines; ``*`` as
family: the host side of an engine, shared by all families. The most specific entry that names it gives a
constant. Held-out errors: docs/accuracy.md.
"""

from __future__ import annotations

FITTED: dict[tuple[str, str, str], dict[str, float]] = {
    ("*", "*", "served"): {
        "step_overhead_s": 0.001015, "prefill_overhead_s": 0.007253, "prefill_launch_s": 0.0001366,
        "sequence_overhead_s": 2.568e-05, "arrival_delay_s": 0.007492, "arrival_lag_steps": 0.5348,
    },
    ("*", "*", "static"): {
        "step_overhead_s": 0.003702, "prefill_overhead_s": 0.003556, "prefill_launch_s": 7.777e-05,
        "sequence_overhead_s": 9.97e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("*", "ada", "served"): {
        "memory_efficiency": 0.8338, "kv_efficiency": 0.8899, "kv_narrow_efficiency": 0.8176, "latent_efficiency":
        0.9, "compute_efficiency": 0.6118, "narrow_efficiency": 0.7135, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.8818, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3112, "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.99, "half_rate_tokens": 99.68, "attention_efficiency":
        0.4802, "attention_half_tokens": 249.8, "latent_decode_efficiency": 0.6, "link_efficiency": 0.4127,
        "collective_latency_s": 6.994e-06, "layer_overhead_s": 2.469e-05, "moe_overhead_s": 2.497e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "ampere", "served"): {
        "memory_efficiency": 0.7778, "kv_efficiency": 0.6654, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7286, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8802, "expert_compute_efficiency": 0.4272, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.83, "half_rate_tokens": 77.17, "attention_efficiency":
        0.5478, "attention_half_tokens": 453.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5656,
        "collective_latency_s": 5.07e-06, "layer_overhead_s": 2.924e-05, "moe_overhead_s": 2.497e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "blackwell", "served"): {
        "memory_efficiency": 0.7791, "kv_efficiency": 0.8722, "kv_narrow_efficiency": 0.931, "latent_efficiency":
        0.7388, "compute_efficiency": 0.6255, "narrow_efficiency": 0.7416, "fp4_efficiency": 0.4436,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.9399, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4484, "expert_block_efficiency": 0.1576, "expert_fp4_efficiency": 0.2895,
        "expert_packed_efficiency": 0.1506, "routing_evenness": 1, "expert_tile_rows": 62.32, "half_rate_tokens":
        90.05, "attention_efficiency": 0.533, "attention_half_tokens": 1348, "latent_decode_efficiency": 0.9499,
        "link_efficiency": 0.4762, "collective_latency_s": 6e-06, "layer_overhead_s": 2.505e-05, "moe_overhead_s":
        2.22e-05, "mla_overhead_s": 2.428e-05,
    },
    ("*", "cdna", "served"): {
        "memory_efficiency": 0.4425, "kv_efficiency": 0.6009, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4407, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.579, "expert_compute_efficiency": 0.2494, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55.15, "half_rate_tokens": 40.57, "attention_efficiency": 0.25,
        "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.619,
        "collective_latency_s": 5.153e-06, "layer_overhead_s": 3.791e-05, "moe_overhead_s": 2.52e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "cpu", "served"): {
        "memory_efficiency": 0.39, "kv_efficiency": 0.3352, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2441, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 20.08, "attention_efficiency": 0.08271,
        "attention_half_tokens": 50.02, "latent_decode_efficiency": 0.6, "link_efficiency": 0.7892,
        "collective_latency_s": 6.309e-05, "layer_overhead_s": 6.137e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("*", "gaudi", "served"): {
        "memory_efficiency": 0.8031, "kv_efficiency": 0.6038, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6084, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.82, "attention_efficiency": 0.4001,
        "attention_half_tokens": 999.7, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6204,
        "collective_latency_s": 4.982e-06, "layer_overhead_s": 2.88e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("*", "hopper", "served"): {
        "memory_efficiency": 0.8855, "kv_efficiency": 0.8616, "kv_narrow_efficiency": 0.8306, "latent_efficiency":
        0.9026, "compute_efficiency": 0.6941, "narrow_efficiency": 0.8012, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7936, "expert_memory_efficiency": 0.8256, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.31, "expert_block_efficiency": 0.2312, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.27,
        "routing_evenness": 0.5212, "expert_tile_rows": 49.25, "half_rate_tokens": 39.84, "attention_efficiency":
        0.6007, "attention_half_tokens": 1018, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6471,
        "collective_latency_s": 5.15e-06, "layer_overhead_s": 3.868e-05, "moe_overhead_s": 2.635e-05,
        "mla_overhead_s": 1.974e-05,
    },
    ("*", "turing", "served"): {
        "memory_efficiency": 0.6725, "kv_efficiency": 0.5416, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.574, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.65, "attention_efficiency": 0.3014,
        "attention_half_tokens": 249.2, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5657,
        "collective_latency_s": 6.867e-06, "layer_overhead_s": 2.469e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    ("deepspeed", "*", "static"): {
        "step_overhead_s": 0.001456, "prefill_overhead_s": 0.003532, "prefill_launch_s": 7.776e-05,
        "sequence_overhead_s": 9.742e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed", "gaudi", "served"): {
        "memory_efficiency": 0.8221, "kv_efficiency": 0.6042, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6094, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.8, "attention_efficiency": 0.4001,
        "attention_half_tokens": 999.6, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6205,
        "collective_latency_s": 4.98e-06, "layer_overhead_s": 2.867e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05,
    },
    # 11 points; median error in-sample e2e 7.0 %
    ("deepspeed", "gaudi", "static"): {
        "step_overhead_s": 0.002627, "prefill_overhead_s": 0.003529, "prefill_launch_s": 7.776e-05,
        "sequence_overhead_s": 9.713e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed-mii", "*", "static"): {
        "step_overhead_s": 0.007059, "prefill_overhead_s": 0.003569, "prefill_launch_s": 7.777e-05,
        "sequence_overhead_s": 1.198e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("deepspeed-mii", "ampere", "served"): {
        "memory_efficiency": 0.7743, "kv_efficiency": 0.6621, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7255, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8802, "expert_compute_efficiency": 0.4272, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.83, "half_rate_tokens": 77.25, "attention_efficiency":
        0.5478, "attention_half_tokens": 453.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5652,
        "collective_latency_s": 5.073e-06, "layer_overhead_s": 2.928e-05, "moe_overhead_s": 2.497e-05,
        "mla_overhead_s": 2e-05,
    },
    # 12 points; median error in-sample e2e 7.1 %
    ("deepspeed-mii", "ampere", "static"): {
        "step_overhead_s": 0.007582, "prefill_overhead_s": 0.00357, "prefill_launch_s": 7.777e-05,
        "sequence_overhead_s": 1.214e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "*", "static"): {
        "step_overhead_s": 0.01227, "prefill_overhead_s": 0.003534, "prefill_launch_s": 7.776e-05,
        "sequence_overhead_s": 9.978e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "ampere", "served"): {
        "memory_efficiency": 0.7599, "kv_efficiency": 0.6648, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.728, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8802, "expert_compute_efficiency": 0.4272, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.83, "half_rate_tokens": 77.24, "attention_efficiency":
        0.5478, "attention_half_tokens": 453.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5656,
        "collective_latency_s": 5.07e-06, "layer_overhead_s": 2.93e-05, "moe_overhead_s": 2.497e-05, "mla_overhead_s":
        2e-05,
    },
    # 12 points; median error in-sample e2e 7.8 %
    ("llama.cpp", "ampere", "static"): {
        "step_overhead_s": 0.01554, "prefill_overhead_s": 0.003535, "prefill_launch_s": 7.776e-05,
        "sequence_overhead_s": 9.98e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "cdna", "served"): {
        "memory_efficiency": 0.4334, "kv_efficiency": 0.6009, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4405, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5738, "expert_compute_efficiency": 0.2493, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55.19, "half_rate_tokens": 40.58, "attention_efficiency": 0.25,
        "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.619,
        "collective_latency_s": 5.153e-06, "layer_overhead_s": 3.794e-05, "moe_overhead_s": 2.523e-05,
        "mla_overhead_s": 2e-05,
    },
    # 12 points; median error in-sample e2e 39.5 %
    ("llama.cpp", "cdna", "static"): {
        "step_overhead_s": 0.02409, "prefill_overhead_s": 0.003534, "prefill_launch_s": 7.776e-05,
        "sequence_overhead_s": 9.978e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("llama.cpp", "hopper", "served"): {
        "memory_efficiency": 0.8951, "kv_efficiency": 0.8614, "kv_narrow_efficiency": 0.8306, "latent_efficiency":
        0.9026, "compute_efficiency": 0.694, "narrow_efficiency": 0.8012, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7936, "expert_memory_efficiency": 0.8189, "expert_compute_efficiency": 0.4199, "expert_narrow_efficiency":
        0.31, "expert_block_efficiency": 0.2312, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.27,
        "routing_evenness": 0.5213, "expert_tile_rows": 49.26, "half_rate_tokens": 39.84, "attention_efficiency":
        0.6007, "attention_half_tokens": 1018, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6471,
        "collective_latency_s": 5.149e-06, "layer_overhead_s": 3.864e-05, "moe_overhead_s": 2.637e-05,
        "mla_overhead_s": 1.974e-05,
    },
    # 20 points; median error in-sample e2e 10.7 %
    ("llama.cpp", "hopper", "static"): {
        "step_overhead_s": 0.01129, "prefill_overhead_s": 0.003532, "prefill_launch_s": 7.776e-05,
        "sequence_overhead_s": 9.977e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("sglang", "*", "served"): {
        "step_overhead_s": 0.0006152, "prefill_overhead_s": 0.007887, "prefill_launch_s": 0.0001149,
        "sequence_overhead_s": 3.404e-05, "arrival_delay_s": 0.005502, "arrival_lag_steps": 0.7829,
    },
    # 35 points; median error in-sample tpot 12.0 %, ttft 31.3 %
    ("sglang", "blackwell", "served"): {
        "memory_efficiency": 0.7567, "kv_efficiency": 0.8569, "kv_narrow_efficiency": 0.9146, "latent_efficiency":
        0.7258, "compute_efficiency": 0.6109, "narrow_efficiency": 0.7369, "fp4_efficiency": 0.442,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.9389, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4484, "expert_block_efficiency": 0.1494, "expert_fp4_efficiency": 0.2831,
        "expert_packed_efficiency": 0.1506, "routing_evenness": 1, "expert_tile_rows": 64.5, "half_rate_tokens":
        90.08, "attention_efficiency": 0.5216, "attention_half_tokens": 1354, "latent_decode_efficiency": 0.9499,
        "link_efficiency": 0.445, "collective_latency_s": 6.006e-06, "layer_overhead_s": 2.506e-05, "moe_overhead_s":
        2.22e-05, "mla_overhead_s": 2.429e-05, "step_overhead_s": 0.0006183, "prefill_overhead_s": 0.007944,
        "prefill_launch_s": 0.0001125, "sequence_overhead_s": 3.644e-05, "arrival_delay_s": 0.005294,
        "arrival_lag_steps": 20,
    },
    # 33 points; median error in-sample tpot 4.6 %, ttft 16.5 %
    ("sglang", "hopper", "served"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.8707, "kv_narrow_efficiency": 0.8306, "latent_efficiency":
        0.9026, "compute_efficiency": 0.6711, "narrow_efficiency": 0.8012, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7936, "expert_memory_efficiency": 0.8256, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.31, "expert_block_efficiency": 0.2312, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.27,
        "routing_evenness": 0.5212, "expert_tile_rows": 49.25, "half_rate_tokens": 39.86, "attention_efficiency":
        0.6009, "attention_half_tokens": 1019, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6542,
        "collective_latency_s": 5.109e-06, "layer_overhead_s": 3.752e-05, "moe_overhead_s": 2.635e-05,
        "mla_overhead_s": 1.974e-05, "step_overhead_s": 0.0005781, "prefill_overhead_s": 0.007953, "prefill_launch_s":
        0.0001148, "sequence_overhead_s": 3.276e-05, "arrival_delay_s": 0.005502, "arrival_lag_steps": 0.8399,
    },
    ("tgi", "*", "served"): {
        "step_overhead_s": 0.006362, "prefill_overhead_s": 0.005813, "prefill_launch_s": 0.0001025,
        "sequence_overhead_s": 0.0009709, "arrival_delay_s": 0.009492, "arrival_lag_steps": 0.6119,
    },
    # 105 points; median error in-sample tpot 14.4 %, ttft 20.6 %
    ("tgi", "ampere", "served"): {
        "memory_efficiency": 0.7955, "kv_efficiency": 0.6643, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6825, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8802, "expert_compute_efficiency": 0.4272, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.83, "half_rate_tokens": 76.19, "attention_efficiency":
        0.5456, "attention_half_tokens": 453.5, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5642,
        "collective_latency_s": 5.122e-06, "layer_overhead_s": 2.952e-05, "moe_overhead_s": 2.497e-05,
        "mla_overhead_s": 2e-05, "step_overhead_s": 0.007953, "prefill_overhead_s": 0.006359, "prefill_launch_s":
        0.0001046, "sequence_overhead_s": 0.001156, "arrival_delay_s": 0.01111, "arrival_lag_steps": 0.9694,
    },
    # 86 points; median error in-sample tpot 13.5 %, ttft 17.6 %
    ("tgi", "hopper", "served"): {
        "memory_efficiency": 0.8515, "kv_efficiency": 0.8544, "kv_narrow_efficiency": 0.8306, "latent_efficiency":
        0.9026, "compute_efficiency": 0.5698, "narrow_efficiency": 0.8012, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7936, "expert_memory_efficiency": 0.8256, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.31, "expert_block_efficiency": 0.2312, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.27,
        "routing_evenness": 0.5212, "expert_tile_rows": 49.25, "half_rate_tokens": 39.77, "attention_efficiency":
        0.5987, "attention_half_tokens": 1022, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6428,
        "collective_latency_s": 5.151e-06, "layer_overhead_s": 3.869e-05, "moe_overhead_s": 2.635e-05,
        "mla_overhead_s": 1.974e-05, "step_overhead_s": 0.00679, "prefill_overhead_s": 0.005285, "prefill_launch_s":
        9.742e-05, "sequence_overhead_s": 0.000661, "arrival_delay_s": 0.007208, "arrival_lag_steps": 1.266,
    },
    # 23 points; median error in-sample tpot 13.5 %, ttft 10.5 %
    ("tgi", "turing", "served"): {
        "memory_efficiency": 0.6751, "kv_efficiency": 0.5355, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.5975, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 39.61, "attention_efficiency": 0.3015,
        "attention_half_tokens": 249.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5879,
        "collective_latency_s": 6.852e-06, "layer_overhead_s": 2.465e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.00586, "prefill_overhead_s": 0.005675, "prefill_launch_s": 0.0001025,
        "sequence_overhead_s": 0.001781, "arrival_delay_s": 0.0109, "arrival_lag_steps": 0.5408,
    },
    ("trtllm", "*", "served"): {
        "step_overhead_s": 0.0002878, "prefill_overhead_s": 0.01298, "prefill_launch_s": 0.0004044,
        "sequence_overhead_s": 1.227e-05, "arrival_delay_s": 0.01247, "arrival_lag_steps": 0.7259,
    },
    ("trtllm", "*", "static"): {
        "step_overhead_s": 0.001557, "prefill_overhead_s": 0.003001, "prefill_launch_s": 7.414e-05,
        "sequence_overhead_s": 6.433e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("trtllm", "ada", "served"): {
        "memory_efficiency": 0.8478, "kv_efficiency": 0.9103, "kv_narrow_efficiency": 0.8357, "latent_efficiency":
        0.9, "compute_efficiency": 0.6238, "narrow_efficiency": 0.7272, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.8835, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3123, "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.99, "half_rate_tokens": 99.35, "attention_efficiency":
        0.4804, "attention_half_tokens": 249.7, "latent_decode_efficiency": 0.6, "link_efficiency": 0.4259,
        "collective_latency_s": 6.987e-06, "layer_overhead_s": 2.466e-05, "moe_overhead_s": 2.497e-05,
        "mla_overhead_s": 2e-05,
    },
    # 10 points; median error in-sample e2e 14.7 %, ttft 25.9 %
    ("trtllm", "ada", "static"): {
        "step_overhead_s": 0.001529, "prefill_overhead_s": 0.002987, "prefill_launch_s": 7.414e-05,
        "sequence_overhead_s": 6.368e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("trtllm", "ampere", "served"): {
        "memory_efficiency": 0.7704, "kv_efficiency": 0.6686, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.741, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4346, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.66, "half_rate_tokens": 77.2, "attention_efficiency": 0.5481,
        "attention_half_tokens": 453, "latent_decode_efficiency": 0.6, "link_efficiency": 0.565,
        "collective_latency_s": 5.08e-06, "layer_overhead_s": 2.934e-05, "moe_overhead_s": 2.496e-05,
        "mla_overhead_s": 2e-05,
    },
    # 24 points; median error in-sample e2e 14.4 %, ttft 20.4 %
    ("trtllm", "ampere", "static"): {
        "step_overhead_s": 0.001597, "prefill_overhead_s": 0.002991, "prefill_launch_s": 7.414e-05,
        "sequence_overhead_s": 6.395e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 59 points; median error in-sample tpot 14.3 %, ttft 37.8 %
    ("trtllm", "blackwell", "served"): {
        "memory_efficiency": 0.8114, "kv_efficiency": 0.8575, "kv_narrow_efficiency": 0.9128, "latent_efficiency":
        0.7418, "compute_efficiency": 0.5715, "narrow_efficiency": 0.7374, "fp4_efficiency": 0.3983,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.9453, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4783, "expert_block_efficiency": 0.1542, "expert_fp4_efficiency": 0.2903,
        "expert_packed_efficiency": 0.1506, "routing_evenness": 1, "expert_tile_rows": 60.16, "half_rate_tokens":
        90.08, "attention_efficiency": 0.5408, "attention_half_tokens": 1347, "latent_decode_efficiency": 0.9498,
        "link_efficiency": 0.4939, "collective_latency_s": 5.841e-06, "layer_overhead_s": 2.386e-05, "moe_overhead_s":
        2.133e-05, "mla_overhead_s": 2.605e-05, "step_overhead_s": 0.0002361, "prefill_overhead_s": 0.009738,
        "prefill_launch_s": 0.0003481, "sequence_overhead_s": 1.133e-05, "arrival_delay_s": 0.0115,
        "arrival_lag_steps": 8.357,
    },
    # 153 points; median error in-sample tpot 6.9 %, ttft 17.2 %
    ("trtllm", "hopper", "served"): {
        "memory_efficiency": 0.9105, "kv_efficiency": 0.901, "kv_narrow_efficiency": 0.865, "latent_efficiency":
        0.9026, "compute_efficiency": 0.7184, "narrow_efficiency": 0.8905, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7806, "expert_memory_efficiency": 0.8843, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.31, "expert_block_efficiency": 0.2338, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2749,
        "routing_evenness": 0.5039, "expert_tile_rows": 47.95, "half_rate_tokens": 39.78, "attention_efficiency":
        0.6028, "attention_half_tokens": 1018, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6656,
        "collective_latency_s": 5.197e-06, "layer_overhead_s": 3.939e-05, "moe_overhead_s": 2.728e-05,
        "mla_overhead_s": 1.974e-05, "step_overhead_s": 0.0003044, "prefill_overhead_s": 0.01839, "prefill_launch_s":
        0.0005295, "sequence_overhead_s": 1.242e-05, "arrival_delay_s": 0.01434, "arrival_lag_steps": 0.8845,
    },
    # 34 points; median error in-sample e2e 9.3 %, ttft 19.6 %
    ("trtllm", "hopper", "static"): {
        "step_overhead_s": 0.001403, "prefill_overhead_s": 0.002976, "prefill_launch_s": 7.381e-05,
        "sequence_overhead_s": 6.248e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "*", "static"): {
        "step_overhead_s": 0.01697, "prefill_overhead_s": 0.003621, "prefill_launch_s": 7.816e-05,
        "sequence_overhead_s": 1.032e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "ampere", "served"): {
        "memory_efficiency": 0.7847, "kv_efficiency": 0.6644, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7205, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8802, "expert_compute_efficiency": 0.4272, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.83, "half_rate_tokens": 77.14, "attention_efficiency":
        0.5477, "attention_half_tokens": 453.2, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5636,
        "collective_latency_s": 5.076e-06, "layer_overhead_s": 2.932e-05, "moe_overhead_s": 2.497e-05,
        "mla_overhead_s": 2e-05,
    },
    # 12 points; median error in-sample e2e 16.2 %, ttft 9.3 %
    ("unstated", "ampere", "static"): {
        "step_overhead_s": 0.01975, "prefill_overhead_s": 0.003622, "prefill_launch_s": 7.816e-05,
        "sequence_overhead_s": 1.033e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("unstated", "hopper", "served"): {
        "memory_efficiency": 0.9014, "kv_efficiency": 0.8615, "kv_narrow_efficiency": 0.8306, "latent_efficiency":
        0.9026, "compute_efficiency": 0.6903, "narrow_efficiency": 0.8012, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7936, "expert_memory_efficiency": 0.8256, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.31, "expert_block_efficiency": 0.2312, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.27,
        "routing_evenness": 0.5212, "expert_tile_rows": 49.25, "half_rate_tokens": 39.84, "attention_efficiency":
        0.6006, "attention_half_tokens": 1019, "latent_decode_efficiency": 0.6, "link_efficiency": 0.645,
        "collective_latency_s": 5.152e-06, "layer_overhead_s": 3.869e-05, "moe_overhead_s": 2.635e-05,
        "mla_overhead_s": 1.974e-05,
    },
    # 11 points; median error in-sample e2e 10.7 %, ttft 14.6 %
    ("unstated", "hopper", "static"): {
        "step_overhead_s": 0.01726, "prefill_overhead_s": 0.003627, "prefill_launch_s": 7.821e-05,
        "sequence_overhead_s": 1.034e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("vllm", "*", "served"): {
        "step_overhead_s": 0.0005396, "prefill_overhead_s": 0.01093, "prefill_launch_s": 0.0001588,
        "sequence_overhead_s": 1.113e-05, "arrival_delay_s": 0.008693, "arrival_lag_steps": 0.6865,
    },
    ("vllm", "*", "static"): {
        "step_overhead_s": 0.002824, "prefill_overhead_s": 0.003497, "prefill_launch_s": 7.767e-05,
        "sequence_overhead_s": 3.569e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    ("vllm", "ampere", "served"): {
        "memory_efficiency": 0.79, "kv_efficiency": 0.6635, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7262, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8802, "expert_compute_efficiency": 0.4272, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.83, "half_rate_tokens": 77.2, "attention_efficiency": 0.5478,
        "attention_half_tokens": 453.1, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5653,
        "collective_latency_s": 5.07e-06, "layer_overhead_s": 2.92e-05, "moe_overhead_s": 2.497e-05, "mla_overhead_s":
        2e-05,
    },
    # 12 points; median error in-sample e2e 10.8 %
    ("vllm", "ampere", "static"): {
        "step_overhead_s": 0.002743, "prefill_overhead_s": 0.003495, "prefill_launch_s": 7.767e-05,
        "sequence_overhead_s": 3.681e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 83 points; median error in-sample tpot 9.6 %, ttft 11.6 %
    ("vllm", "blackwell", "served"): {
        "memory_efficiency": 0.7795, "kv_efficiency": 0.9054, "kv_narrow_efficiency": 0.9473, "latent_efficiency":
        0.7579, "compute_efficiency": 0.6265, "narrow_efficiency": 0.742, "fp4_efficiency": 0.4397,
        "packed_efficiency": 0.8001, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4713, "expert_block_efficiency": 0.1574, "expert_fp4_efficiency": 0.285,
        "expert_packed_efficiency": 0.1511, "routing_evenness": 1, "expert_tile_rows": 59.79, "half_rate_tokens":
        90.04, "attention_efficiency": 0.5299, "attention_half_tokens": 1350, "latent_decode_efficiency": 0.9499,
        "link_efficiency": 0.468, "collective_latency_s": 6.159e-06, "layer_overhead_s": 2.629e-05, "moe_overhead_s":
        2.28e-05, "mla_overhead_s": 2.311e-05, "step_overhead_s": 0.0005292, "prefill_overhead_s": 0.01119,
        "prefill_launch_s": 0.0001609, "sequence_overhead_s": 1.021e-05, "arrival_delay_s": 0.00921,
        "arrival_lag_steps": 1.912,
    },
    ("vllm", "cdna", "served"): {
        "memory_efficiency": 0.4368, "kv_efficiency": 0.601, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4405, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.582, "expert_compute_efficiency": 0.2495, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55.12, "half_rate_tokens": 40.58, "attention_efficiency": 0.25,
        "attention_half_tokens": 1000, "latent_decode_efficiency": 0.6, "link_efficiency": 0.619,
        "collective_latency_s": 5.17e-06, "layer_overhead_s": 3.821e-05, "moe_overhead_s": 2.52e-05, "mla_overhead_s":
        2e-05,
    },
    # 12 points; median error in-sample e2e 10.7 %
    ("vllm", "cdna", "static"): {
        "step_overhead_s": 0.006475, "prefill_overhead_s": 0.003499, "prefill_launch_s": 7.768e-05,
        "sequence_overhead_s": 3.597e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
    # 15 points; median error in-sample tpot 2.2 %, ttft 17.6 %
    ("vllm", "cpu", "served"): {
        "memory_efficiency": 0.3718, "kv_efficiency": 0.3393, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2435, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "half_rate_tokens": 20.09, "attention_efficiency": 0.08302,
        "attention_half_tokens": 50.02, "latent_decode_efficiency": 0.6, "link_efficiency": 0.7881,
        "collective_latency_s": 6.344e-05, "layer_overhead_s": 6.152e-05, "moe_overhead_s": 2.5e-05, "mla_overhead_s":
        2e-05, "step_overhead_s": 0.001829, "prefill_overhead_s": 0.01452, "prefill_launch_s": 0.0001588,
        "sequence_overhead_s": 0.0001129, "arrival_delay_s": 0.008854, "arrival_lag_steps": 1.934,
    },
    # 57 points; median error in-sample tpot 6.2 %, ttft 11.5 %
    ("vllm", "hopper", "served"): {
        "memory_efficiency": 0.8449, "kv_efficiency": 0.8854, "kv_narrow_efficiency": 0.8281, "latent_efficiency":
        0.9052, "compute_efficiency": 0.7861, "narrow_efficiency": 0.8251, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8004, "expert_memory_efficiency": 0.729, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.31, "expert_block_efficiency": 0.2203, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2865,
        "routing_evenness": 0.5177, "expert_tile_rows": 45.3, "half_rate_tokens": 39.79, "attention_efficiency":
        0.6012, "attention_half_tokens": 1017, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6557,
        "collective_latency_s": 5.295e-06, "layer_overhead_s": 4.111e-05, "moe_overhead_s": 2.557e-05,
        "mla_overhead_s": 1.971e-05, "step_overhead_s": 0.0005037, "prefill_overhead_s": 0.01049, "prefill_launch_s":
        0.0001595, "sequence_overhead_s": 1.093e-05, "arrival_delay_s": 0.008238, "arrival_lag_steps": 0.6231,
    },
    # 24 points; median error in-sample e2e 9.6 %
    ("vllm", "hopper", "static"): {
        "step_overhead_s": 0.00246, "prefill_overhead_s": 0.003491, "prefill_launch_s": 7.766e-05,
        "sequence_overhead_s": 3.933e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5,
    },
}  # fmt: skip
