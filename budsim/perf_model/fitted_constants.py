"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.

Key: (engine, device family, load). ``*`` as engine: the kernels of a family, shared by all engines; ``*`` as
family: the host side of an engine, shared by all families. The most specific entry that names it gives a
constant. Held-out errors: docs/accuracy.md.
"""

from __future__ import annotations

FITTED: dict[tuple[str, str, str], dict[str, float]] = {
    ("*", "*", "served"): {
        "step_overhead_s": 0.001179, "prefill_overhead_s": 0.00525, "prefill_launch_s": 0.0001953,
        "sequence_overhead_s": 2.399e-05, "arrival_delay_s": 0.01318, "arrival_lag_steps": 0.5294, "cold_step_s":
        0.005018, "cold_chunk_s": 0.0201,
    },
    ("*", "*", "static"): {
        "step_overhead_s": 0.002818, "prefill_overhead_s": 0.003887, "prefill_launch_s": 7.936e-05,
        "sequence_overhead_s": 6.784e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("*", "ada", "served"): {
        "memory_efficiency": 0.8486, "kv_efficiency": 0.9184, "kv_narrow_efficiency": 0.8426, "latent_efficiency":
        0.9, "compute_efficiency": 0.6286, "narrow_efficiency": 0.7327, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.886, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.3115,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.92, "expert_block_tile_rows": 98, "expert_packed_tile_rows":
        28, "half_rate_tokens": 99.36, "attention_efficiency": 0.4805, "attention_half_tokens": 249.4,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.421, "collective_latency_s": 6.982e-06,
        "layer_overhead_s": 3.13e-05, "moe_overhead_s": 3.18e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "ampere", "served"): {
        "memory_efficiency": 0.7586, "kv_efficiency": 0.6659, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6621, "narrow_efficiency": 0.6996, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.96, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.24, "attention_efficiency": 0.5497, "attention_half_tokens": 447.1,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5568, "collective_latency_s": 5.062e-06,
        "layer_overhead_s": 5.182e-05, "moe_overhead_s": 3.198e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "blackwell", "served"): {
        "memory_efficiency": 0.735, "kv_efficiency": 0.8429, "kv_narrow_efficiency": 0.9481, "latent_efficiency":
        0.6906, "compute_efficiency": 0.6309, "narrow_efficiency": 0.7274, "fp4_efficiency": 0.4633,
        "packed_efficiency": 0.7966, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4479, "expert_block_efficiency": 0.1394, "expert_fp4_efficiency": 0.2935,
        "expert_packed_efficiency": 0.1357, "routing_evenness": 0.7684, "expert_tile_rows": 59.31,
        "expert_block_tile_rows": 43.26, "expert_packed_tile_rows": 21.24, "half_rate_tokens": 89.28,
        "attention_efficiency": 0.5073, "attention_half_tokens": 1452, "latent_decode_efficiency": 0.95,
        "link_efficiency": 0.4184, "collective_latency_s": 6.085e-06, "layer_overhead_s": 2.455e-05, "moe_overhead_s":
        1.433e-05, "mla_overhead_s": 3.837e-05,
    },
    ("*", "cdna", "served"): {
        "memory_efficiency": 0.3743, "kv_efficiency": 0.4951, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.3109, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5174, "expert_compute_efficiency": 0.2396, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7432, "expert_tile_rows": 56.05, "expert_block_tile_rows": 31,
        "expert_packed_tile_rows": 16, "half_rate_tokens": 41.2, "attention_efficiency": 0.2483,
        "attention_half_tokens": 1004, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5755,
        "collective_latency_s": 5.068e-06, "layer_overhead_s": 3.616e-05, "moe_overhead_s": 3.272e-05,
        "mla_overhead_s": 2e-05,
    },
    ("*", "cpu", "served"): {
        "memory_efficiency": 0.3912, "kv_efficiency": 0.3824, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2828, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 20.03, "attention_efficiency": 0.09501, "attention_half_tokens": 49.99,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.7969, "collective_latency_s": 6.171e-05,
        "layer_overhead_s": 6.125e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "gaudi", "served"): {
        "memory_efficiency": 0.8658, "kv_efficiency": 0.6276, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6261, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 39.58, "attention_efficiency": 0.4006, "attention_half_tokens": 998.9,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.6235, "collective_latency_s": 4.89e-06,
        "layer_overhead_s": 2.726e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "hopper", "served"): {
        "memory_efficiency": 0.8439, "kv_efficiency": 0.8547, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8916, "compute_efficiency": 0.7068, "narrow_efficiency": 0.7547, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7657, "expert_memory_efficiency": 0.949, "expert_compute_efficiency": 0.4199, "expert_narrow_efficiency":
        0.3017, "expert_block_efficiency": 0.2286, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2381,
        "routing_evenness": 0.6317, "expert_tile_rows": 55.48, "expert_block_tile_rows": 31.17,
        "expert_packed_tile_rows": 15.94, "half_rate_tokens": 40.3, "attention_efficiency": 0.6002,
        "attention_half_tokens": 1035, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6494,
        "collective_latency_s": 5.043e-06, "layer_overhead_s": 2.622e-05, "moe_overhead_s": 3.909e-05,
        "mla_overhead_s": 2.258e-05,
    },
    ("*", "turing", "served"): {
        "memory_efficiency": 0.6574, "kv_efficiency": 0.5207, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.5421, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 38.7, "attention_efficiency": 0.3008, "attention_half_tokens": 249.5,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5732, "collective_latency_s": 6.885e-06,
        "layer_overhead_s": 3.221e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    ("deepspeed", "*", "static"): {
        "step_overhead_s": 0.001009, "prefill_overhead_s": 0.003838, "prefill_launch_s": 7.973e-05,
        "sequence_overhead_s": 7.769e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("deepspeed", "gaudi", "served"): {
        "memory_efficiency": 0.8938, "kv_efficiency": 0.6308, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6291, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 39.53, "attention_efficiency": 0.4006, "attention_half_tokens": 998.8,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.6239, "collective_latency_s": 4.878e-06,
        "layer_overhead_s": 2.697e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    # 224 points; median error in-sample e2e 7.4 %
    ("deepspeed", "gaudi", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.6443, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.5036,
        "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 44.95, "attention_efficiency":
        0.3989, "attention_half_tokens": 991.2, "link_efficiency": 0.4859, "collective_latency_s": 1.702e-05,
        "layer_overhead_s": 7.049e-05, "moe_overhead_s": 3.2e-05, "step_overhead_s": 0.0005189, "prefill_overhead_s":
        0.003806, "prefill_launch_s": 7.997e-05, "sequence_overhead_s": 8.459e-06, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("deepspeed-mii", "*", "static"): {
        "step_overhead_s": 0.003323, "prefill_overhead_s": 0.004101, "prefill_launch_s": 7.939e-05,
        "sequence_overhead_s": 1.014e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("deepspeed-mii", "ampere", "served"): {
        "memory_efficiency": 0.7483, "kv_efficiency": 0.6648, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.645, "narrow_efficiency": 0.6996, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.96, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.87, "attention_efficiency": 0.5495, "attention_half_tokens": 447.2,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5549, "collective_latency_s": 5.079e-06,
        "layer_overhead_s": 5.257e-05, "moe_overhead_s": 3.198e-05, "mla_overhead_s": 2e-05,
    },
    # 166 points; median error in-sample e2e 12.5 %, ttft 55.5 %
    ("deepspeed-mii", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.8394, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.2845,
        "narrow_efficiency": 0.6996, "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 41.39, "attention_efficiency":
        0.5292, "attention_half_tokens": 451.9, "link_efficiency": 0.4839, "collective_latency_s": 6.794e-06,
        "layer_overhead_s": 0.0001759, "moe_overhead_s": 3.198e-05, "step_overhead_s": 0.003456, "prefill_overhead_s":
        0.004255, "prefill_launch_s": 7.941e-05, "sequence_overhead_s": 1.338e-05, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("llama.cpp", "*", "static"): {
        "step_overhead_s": 0.0104, "prefill_overhead_s": 0.003096, "prefill_launch_s": 8.005e-05,
        "sequence_overhead_s": 6.788e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("llama.cpp", "ampere", "served"): {
        "memory_efficiency": 0.7144, "kv_efficiency": 0.6648, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6605, "narrow_efficiency": 0.6996, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.96, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.46, "attention_efficiency": 0.5497, "attention_half_tokens": 447.1,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5568, "collective_latency_s": 5.062e-06,
        "layer_overhead_s": 5.237e-05, "moe_overhead_s": 3.198e-05, "mla_overhead_s": 2e-05,
    },
    # 45 points; median error in-sample e2e 13.8 %
    ("llama.cpp", "ampere", "static"): {
        "memory_efficiency": 0.5661, "kv_efficiency": 0.6662, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.6141, "narrow_efficiency": 0.6996, "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 98.31, "attention_efficiency":
        0.5496, "attention_half_tokens": 447.1, "link_efficiency": 0.5569, "collective_latency_s": 4.965e-06,
        "layer_overhead_s": 5.571e-05, "moe_overhead_s": 3.198e-05, "step_overhead_s": 0.01213, "prefill_overhead_s":
        0.003081, "prefill_launch_s": 8.005e-05, "sequence_overhead_s": 6.789e-06, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("llama.cpp", "cdna", "served"): {
        "memory_efficiency": 0.3598, "kv_efficiency": 0.4957, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.3108, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5029, "expert_compute_efficiency": 0.2393, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7432, "expert_tile_rows": 56.15, "expert_block_tile_rows": 31,
        "expert_packed_tile_rows": 16, "half_rate_tokens": 41.21, "attention_efficiency": 0.2483,
        "attention_half_tokens": 1004, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5755,
        "collective_latency_s": 5.068e-06, "layer_overhead_s": 3.619e-05, "moe_overhead_s": 3.285e-05,
        "mla_overhead_s": 2e-05,
    },
    # 91 points; median error in-sample e2e 13.2 %
    ("llama.cpp", "cdna", "static"): {
        "memory_efficiency": 0.2395, "kv_efficiency": 0.467, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.2901, "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.1, "expert_compute_efficiency": 0.2389,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.7424, "half_rate_tokens": 42.29,
        "attention_efficiency": 0.2479, "attention_half_tokens": 1004, "link_efficiency": 0.5756,
        "collective_latency_s": 4.905e-06, "layer_overhead_s": 4.206e-05, "moe_overhead_s": 5.462e-05,
        "step_overhead_s": 0.01357, "prefill_overhead_s": 0.002976, "prefill_launch_s": 8.005e-05,
        "sequence_overhead_s": 6.789e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("llama.cpp", "hopper", "served"): {
        "memory_efficiency": 0.8385, "kv_efficiency": 0.8554, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8916, "compute_efficiency": 0.7067, "narrow_efficiency": 0.7547, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7657, "expert_memory_efficiency": 0.9418, "expert_compute_efficiency": 0.4198, "expert_narrow_efficiency":
        0.3017, "expert_block_efficiency": 0.2286, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2381,
        "routing_evenness": 0.6317, "expert_tile_rows": 55.49, "expert_block_tile_rows": 31.17,
        "expert_packed_tile_rows": 15.94, "half_rate_tokens": 40.3, "attention_efficiency": 0.6002,
        "attention_half_tokens": 1035, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6494,
        "collective_latency_s": 5.042e-06, "layer_overhead_s": 2.63e-05, "moe_overhead_s": 3.914e-05,
        "mla_overhead_s": 2.258e-05,
    },
    # 75 points; median error in-sample e2e 12.5 %
    ("llama.cpp", "hopper", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.9288, "kv_narrow_efficiency": 0.8238, "compute_efficiency":
        0.6671, "narrow_efficiency": 0.7547, "expert_memory_efficiency": 0.332, "expert_compute_efficiency": 0.4196,
        "expert_narrow_efficiency": 0.3017, "routing_evenness": 0.6317, "half_rate_tokens": 45.97,
        "attention_efficiency": 0.6, "attention_half_tokens": 1035, "link_efficiency": 0.6496, "collective_latency_s":
        4.761e-06, "layer_overhead_s": 9.411e-05, "moe_overhead_s": 9.633e-05, "step_overhead_s": 0.009458,
        "prefill_overhead_s": 0.003058, "prefill_launch_s": 8.022e-05, "sequence_overhead_s": 6.788e-06,
        "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("sglang", "*", "served"): {
        "step_overhead_s": 0.00103, "prefill_overhead_s": 0.005541, "prefill_launch_s": 0.0003164,
        "sequence_overhead_s": 2.187e-05, "arrival_delay_s": 0.01536, "arrival_lag_steps": 0.608, "cold_step_s":
        0.00518, "cold_chunk_s": 0.02104,
    },
    # 122 points; median error in-sample tpot 12.9 %, ttft 13.4 %
    ("sglang", "blackwell", "served"): {
        "memory_efficiency": 0.6865, "kv_efficiency": 0.818, "kv_narrow_efficiency": 0.9201, "latent_efficiency":
        0.6702, "compute_efficiency": 0.5985, "narrow_efficiency": 0.7137, "fp4_efficiency": 0.461,
        "packed_efficiency": 0.7966, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4479, "expert_block_efficiency": 0.1202, "expert_fp4_efficiency": 0.2841,
        "expert_packed_efficiency": 0.1357, "routing_evenness": 0.7918, "expert_tile_rows": 59.73,
        "expert_block_tile_rows": 46.27, "expert_packed_tile_rows": 21.24, "half_rate_tokens": 89.38,
        "attention_efficiency": 0.4829, "attention_half_tokens": 1467, "latent_decode_efficiency": 0.95,
        "link_efficiency": 0.3678, "collective_latency_s": 6.084e-06, "layer_overhead_s": 2.475e-05, "moe_overhead_s":
        1.434e-05, "mla_overhead_s": 3.839e-05, "step_overhead_s": 0.001038, "prefill_overhead_s": 0.005972,
        "prefill_launch_s": 0.0003936, "sequence_overhead_s": 2.283e-05, "arrival_delay_s": 0.01651,
        "arrival_lag_steps": 0.6557, "cold_step_s": 1.923, "cold_chunk_s": 69.99,
    },
    # 84 points; median error in-sample tpot 4.1 %, ttft 12.6 %
    ("sglang", "hopper", "served"): {
        "memory_efficiency": 0.9203, "kv_efficiency": 0.8693, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8916, "compute_efficiency": 0.7299, "narrow_efficiency": 0.7547, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7657, "expert_memory_efficiency": 0.949, "expert_compute_efficiency": 0.4199, "expert_narrow_efficiency":
        0.3017, "expert_block_efficiency": 0.2286, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2381,
        "routing_evenness": 0.6317, "expert_tile_rows": 55.48, "expert_block_tile_rows": 31.17,
        "expert_packed_tile_rows": 15.94, "half_rate_tokens": 40.25, "attention_efficiency": 0.602,
        "attention_half_tokens": 1034, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6767,
        "collective_latency_s": 5.012e-06, "layer_overhead_s": 2.571e-05, "moe_overhead_s": 3.909e-05,
        "mla_overhead_s": 2.258e-05, "step_overhead_s": 0.0009628, "prefill_overhead_s": 0.005266, "prefill_launch_s":
        0.0003153, "sequence_overhead_s": 2.011e-05, "arrival_delay_s": 0.01537, "arrival_lag_steps": 0.6098,
        "cold_step_s": 0.00518, "cold_chunk_s": 0.02104,
    },
    ("tgi", "*", "served"): {
        "step_overhead_s": 0.003385, "prefill_overhead_s": 0.003585, "prefill_launch_s": 0.0003094,
        "sequence_overhead_s": 0.0007458, "arrival_delay_s": 0.02556, "arrival_lag_steps": 0.3054, "cold_step_s":
        0.005018, "cold_chunk_s": 0.0201,
    },
    # 105 points; median error in-sample tpot 12.0 %, ttft 21.0 %
    ("tgi", "ampere", "served"): {
        "memory_efficiency": 0.8526, "kv_efficiency": 0.6061, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4364, "narrow_efficiency": 0.6996, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.96, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 16.42, "attention_efficiency": 0.5363, "attention_half_tokens": 511.5,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.6704, "collective_latency_s": 7.176e-06,
        "layer_overhead_s": 0.0002005, "moe_overhead_s": 3.198e-05, "mla_overhead_s": 2e-05, "step_overhead_s":
        0.002598, "prefill_overhead_s": 0.005986, "prefill_launch_s": 0.0004292, "sequence_overhead_s": 0.001034,
        "arrival_delay_s": 0.03381, "arrival_lag_steps": 0.199, "cold_step_s": 0.005018, "cold_chunk_s": 0.0201,
    },
    # 86 points; median error in-sample tpot 12.1 %, ttft 23.7 %
    ("tgi", "hopper", "served"): {
        "memory_efficiency": 0.8142, "kv_efficiency": 0.3828, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8916, "compute_efficiency": 0.2379, "narrow_efficiency": 0.7547, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7657, "expert_memory_efficiency": 0.949, "expert_compute_efficiency": 0.4199, "expert_narrow_efficiency":
        0.3017, "expert_block_efficiency": 0.2286, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2381,
        "routing_evenness": 0.6317, "expert_tile_rows": 55.48, "expert_block_tile_rows": 31.17,
        "expert_packed_tile_rows": 15.94, "half_rate_tokens": 21.71, "attention_efficiency": 0.5855,
        "attention_half_tokens": 1205, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6668,
        "collective_latency_s": 6.661e-06, "layer_overhead_s": 2.244e-05, "moe_overhead_s": 3.909e-05,
        "mla_overhead_s": 2.258e-05, "step_overhead_s": 0.007856, "prefill_overhead_s": 0.002096, "prefill_launch_s":
        0.0002524, "sequence_overhead_s": 0.0005206, "arrival_delay_s": 0.01365, "arrival_lag_steps": 0.4378,
        "cold_step_s": 0.005018, "cold_chunk_s": 0.0201,
    },
    # 23 points; median error in-sample tpot 10.6 %, ttft 10.1 %
    ("tgi", "turing", "served"): {
        "memory_efficiency": 0.6295, "kv_efficiency": 0.3368, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4536, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 31.66, "attention_efficiency": 0.2988, "attention_half_tokens": 257.5,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.75, "collective_latency_s": 6.537e-06,
        "layer_overhead_s": 2.606e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05, "step_overhead_s":
        0.002471, "prefill_overhead_s": 0.003338, "prefill_launch_s": 0.0003065, "sequence_overhead_s": 0.001819,
        "arrival_delay_s": 0.04265, "arrival_lag_steps": 0.2857, "cold_step_s": 0.005018, "cold_chunk_s": 0.0201,
    },
    ("trtllm", "*", "served"): {
        "step_overhead_s": 0.0007725, "prefill_overhead_s": 0.005625, "prefill_launch_s": 0.0003464,
        "sequence_overhead_s": 1.294e-05, "arrival_delay_s": 0.02557, "arrival_lag_steps": 0.7178, "cold_step_s":
        0.005008, "cold_chunk_s": 0.0201,
    },
    ("trtllm", "*", "static"): {
        "step_overhead_s": 0.0007194, "prefill_overhead_s": 0.001963, "prefill_launch_s": 6.711e-05,
        "sequence_overhead_s": 9.046e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("trtllm", "ada", "served"): {
        "memory_efficiency": 0.8782, "kv_efficiency": 0.95, "kv_narrow_efficiency": 0.8874, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6585, "narrow_efficiency": 0.7669, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8921, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.313,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.84, "expert_block_tile_rows": 98, "expert_packed_tile_rows":
        28, "half_rate_tokens": 98.72, "attention_efficiency": 0.4811, "attention_half_tokens": 249.3,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.4431, "collective_latency_s": 6.964e-06,
        "layer_overhead_s": 3.112e-05, "moe_overhead_s": 3.178e-05, "mla_overhead_s": 2e-05,
    },
    # 49 points; median error in-sample e2e 2.4 %, ttft 8.2 %
    ("trtllm", "ada", "static"): {
        "memory_efficiency": 0.8153, "kv_efficiency": 0.95, "kv_narrow_efficiency": 0.9037, "compute_efficiency":
        0.864, "narrow_efficiency": 1, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.2849, "routing_evenness": 0.7476, "half_rate_tokens": 95.75,
        "attention_efficiency": 0.4789, "attention_half_tokens": 249, "link_efficiency": 0.8263,
        "collective_latency_s": 6.881e-06, "layer_overhead_s": 3.011e-05, "moe_overhead_s": 3.064e-05,
        "step_overhead_s": 0.0006772, "prefill_overhead_s": 0.001847, "prefill_launch_s": 6.708e-05,
        "sequence_overhead_s": 8.942e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("trtllm", "ampere", "served"): {
        "memory_efficiency": 0.7784, "kv_efficiency": 0.6733, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6696, "narrow_efficiency": 0.6993, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8808, "expert_compute_efficiency": 0.4208, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.93, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 80.24, "attention_efficiency": 0.5507, "attention_half_tokens": 446.9,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5511, "collective_latency_s": 5.057e-06,
        "layer_overhead_s": 5.126e-05, "moe_overhead_s": 3.198e-05, "mla_overhead_s": 2e-05,
    },
    # 423 points; median error in-sample e2e 8.9 %, ttft 14.8 %
    ("trtllm", "ampere", "static"): {
        "memory_efficiency": 0.8337, "kv_efficiency": 0.6946, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.8817, "narrow_efficiency": 0.4625, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.7473,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.7459, "half_rate_tokens": 152.3,
        "attention_efficiency": 0.5934, "attention_half_tokens": 433.5, "link_efficiency": 0.2845,
        "collective_latency_s": 7.183e-06, "layer_overhead_s": 7.302e-05, "moe_overhead_s": 3.027e-05,
        "step_overhead_s": 0.0004162, "prefill_overhead_s": 0.001763, "prefill_launch_s": 6.708e-05,
        "sequence_overhead_s": 8.849e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    # 188 points; median error in-sample tpot 13.7 %, ttft 12.9 %
    ("trtllm", "blackwell", "served"): {
        "memory_efficiency": 0.753, "kv_efficiency": 0.8123, "kv_narrow_efficiency": 0.9136, "latent_efficiency":
        0.6671, "compute_efficiency": 0.5973, "narrow_efficiency": 0.7198, "fp4_efficiency": 0.4337,
        "packed_efficiency": 0.7966, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4853, "expert_block_efficiency": 0.1333, "expert_fp4_efficiency": 0.2948,
        "expert_packed_efficiency": 0.1357, "routing_evenness": 0.7767, "expert_tile_rows": 56.25,
        "expert_block_tile_rows": 43.91, "expert_packed_tile_rows": 21.24, "half_rate_tokens": 88.71,
        "attention_efficiency": 0.5062, "attention_half_tokens": 1451, "latent_decode_efficiency": 0.95,
        "link_efficiency": 0.4076, "collective_latency_s": 5.961e-06, "layer_overhead_s": 2.384e-05, "moe_overhead_s":
        1.406e-05, "mla_overhead_s": 4.308e-05, "step_overhead_s": 0.0005414, "prefill_overhead_s": 0.005012,
        "prefill_launch_s": 0.0002977, "sequence_overhead_s": 9.92e-06, "arrival_delay_s": 0.02405,
        "arrival_lag_steps": 0.8173, "cold_step_s": 0.003937, "cold_chunk_s": 0.0201,
    },
    # 635 points; median error in-sample tpot 7.1 %, ttft 17.9 %
    ("trtllm", "hopper", "served"): {
        "memory_efficiency": 0.9222, "kv_efficiency": 0.95, "kv_narrow_efficiency": 0.8703, "latent_efficiency":
        0.8916, "compute_efficiency": 0.7528, "narrow_efficiency": 0.7911, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7281, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.4199, "expert_narrow_efficiency":
        0.2937, "expert_block_efficiency": 0.2322, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.241,
        "routing_evenness": 0.6142, "expert_tile_rows": 55.94, "expert_block_tile_rows": 30.94,
        "expert_packed_tile_rows": 15.99, "half_rate_tokens": 40.47, "attention_efficiency": 0.6023,
        "attention_half_tokens": 1036, "latent_decode_efficiency": 0.6, "link_efficiency": 0.653,
        "collective_latency_s": 4.971e-06, "layer_overhead_s": 2.477e-05, "moe_overhead_s": 4.116e-05,
        "mla_overhead_s": 2.258e-05, "step_overhead_s": 0.0009129, "prefill_overhead_s": 0.00651, "prefill_launch_s":
        0.0005201, "sequence_overhead_s": 1.283e-05, "arrival_delay_s": 0.03647, "arrival_lag_steps": 0.7484,
        "cold_step_s": 0.004023, "cold_chunk_s": 0.0201,
    },
    # 479 points; median error in-sample e2e 7.0 %, ttft 14.9 %
    ("trtllm", "hopper", "static"): {
        "memory_efficiency": 0.8525, "kv_efficiency": 0.9234, "kv_narrow_efficiency": 1, "compute_efficiency": 0.7461,
        "narrow_efficiency": 1, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.5346,
        "expert_narrow_efficiency": 0.2148, "routing_evenness": 0.4496, "half_rate_tokens": 55.31,
        "attention_efficiency": 0.53, "attention_half_tokens": 1035, "link_efficiency": 0.3216,
        "collective_latency_s": 8.931e-06, "layer_overhead_s": 6.145e-05, "moe_overhead_s": 3.095e-05,
        "step_overhead_s": 0.000382, "prefill_overhead_s": 0.001259, "prefill_launch_s": 5.772e-05,
        "sequence_overhead_s": 1.201e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("unstated", "*", "static"): {
        "step_overhead_s": 0.01032, "prefill_overhead_s": 0.003073, "prefill_launch_s": 8.088e-05,
        "sequence_overhead_s": 8.394e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("unstated", "ampere", "served"): {
        "memory_efficiency": 0.7339, "kv_efficiency": 0.6631, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6237, "narrow_efficiency": 0.6996, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.96, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 80.19, "attention_efficiency": 0.5495, "attention_half_tokens": 447.2,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5503, "collective_latency_s": 5.08e-06,
        "layer_overhead_s": 5.284e-05, "moe_overhead_s": 3.198e-05, "mla_overhead_s": 2e-05,
    },
    # 58 points; median error in-sample e2e 14.1 %, ttft 24.2 %
    ("unstated", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.5166, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.565,
        "narrow_efficiency": 0.6996, "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 44.99, "attention_efficiency":
        0.5534, "attention_half_tokens": 447.6, "link_efficiency": 0.3311, "collective_latency_s": 5.568e-06,
        "layer_overhead_s": 0.0001652, "moe_overhead_s": 3.198e-05, "step_overhead_s": 0.01893, "prefill_overhead_s":
        0.002749, "prefill_launch_s": 8.088e-05, "sequence_overhead_s": 8.837e-06, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("unstated", "hopper", "served"): {
        "memory_efficiency": 0.8299, "kv_efficiency": 0.8541, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8916, "compute_efficiency": 0.693, "narrow_efficiency": 0.7547, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7657, "expert_memory_efficiency": 0.949, "expert_compute_efficiency": 0.4199, "expert_narrow_efficiency":
        0.3017, "expert_block_efficiency": 0.2286, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2381,
        "routing_evenness": 0.6317, "expert_tile_rows": 55.48, "expert_block_tile_rows": 31.17,
        "expert_packed_tile_rows": 15.94, "half_rate_tokens": 40.31, "attention_efficiency": 0.6,
        "attention_half_tokens": 1035, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6442,
        "collective_latency_s": 5.061e-06, "layer_overhead_s": 2.642e-05, "moe_overhead_s": 3.909e-05,
        "mla_overhead_s": 2.258e-05,
    },
    # 42 points; median error in-sample e2e 15.0 %, ttft 17.4 %
    ("unstated", "hopper", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.8046, "kv_narrow_efficiency": 0.8238, "compute_efficiency":
        0.539, "narrow_efficiency": 0.7547, "expert_memory_efficiency": 0.949, "expert_compute_efficiency": 0.4199,
        "expert_narrow_efficiency": 0.3017, "routing_evenness": 0.6317, "half_rate_tokens": 37.73,
        "attention_efficiency": 0.5974, "attention_half_tokens": 1044, "link_efficiency": 0.3387,
        "collective_latency_s": 5.587e-06, "layer_overhead_s": 5.323e-05, "moe_overhead_s": 3.909e-05,
        "step_overhead_s": 0.01833, "prefill_overhead_s": 0.002955, "prefill_launch_s": 8.177e-05,
        "sequence_overhead_s": 9.118e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("vllm", "*", "served"): {
        "step_overhead_s": 0.000871, "prefill_overhead_s": 0.005503, "prefill_launch_s": 0.0002337,
        "sequence_overhead_s": 1.767e-05, "arrival_delay_s": 0.01762, "arrival_lag_steps": 0.7665, "cold_step_s":
        0.005028, "cold_chunk_s": 0.02009,
    },
    ("vllm", "*", "static"): {
        "step_overhead_s": 0.001752, "prefill_overhead_s": 0.002691, "prefill_launch_s": 8.046e-05,
        "sequence_overhead_s": 5.357e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("vllm", "ampere", "served"): {
        "memory_efficiency": 0.7856, "kv_efficiency": 0.6608, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.6571, "narrow_efficiency": 0.6996, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.96, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.28, "attention_efficiency": 0.5496, "attention_half_tokens": 447.2,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5566, "collective_latency_s": 5.057e-06,
        "layer_overhead_s": 5.131e-05, "moe_overhead_s": 3.198e-05, "mla_overhead_s": 2e-05,
    },
    # 229 points; median error in-sample e2e 7.3 %, ttft 46.8 %
    ("vllm", "ampere", "static"): {
        "memory_efficiency": 0.7727, "kv_efficiency": 0.5816, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.5381, "narrow_efficiency": 0.6996, "expert_memory_efficiency": 0.8804, "expert_compute_efficiency": 0.4204,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 57.02, "attention_efficiency":
        0.5389, "attention_half_tokens": 443.2, "link_efficiency": 0.4101, "collective_latency_s": 6.401e-06,
        "layer_overhead_s": 5.555e-05, "moe_overhead_s": 3.198e-05, "step_overhead_s": 0.001143, "prefill_overhead_s":
        0.002759, "prefill_launch_s": 8.046e-05, "sequence_overhead_s": 5.885e-05, "arrival_delay_s": 0.005,
        "arrival_lag_steps": 0.5, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    # 355 points; median error in-sample tpot 6.6 %, ttft 10.3 %
    ("vllm", "blackwell", "served"): {
        "memory_efficiency": 0.7334, "kv_efficiency": 0.8731, "kv_narrow_efficiency": 1, "latent_efficiency": 0.697,
        "compute_efficiency": 0.6332, "narrow_efficiency": 0.7265, "fp4_efficiency": 0.461, "packed_efficiency":
        0.7932, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.45, "expert_narrow_efficiency":
        0.4629, "expert_block_efficiency": 0.1387, "expert_fp4_efficiency": 0.2954, "expert_packed_efficiency":
        0.1228, "routing_evenness": 0.7514, "expert_tile_rows": 56.67, "expert_block_tile_rows": 43.11,
        "expert_packed_tile_rows": 22.56, "half_rate_tokens": 89.04, "attention_efficiency": 0.5017,
        "attention_half_tokens": 1457, "latent_decode_efficiency": 0.95, "link_efficiency": 0.4089,
        "collective_latency_s": 6.3e-06, "layer_overhead_s": 2.514e-05, "moe_overhead_s": 1.422e-05, "mla_overhead_s":
        3.674e-05, "step_overhead_s": 0.0008057, "prefill_overhead_s": 0.005568, "prefill_launch_s": 0.0002096,
        "sequence_overhead_s": 1.4e-05, "arrival_delay_s": 0.02014, "arrival_lag_steps": 0.8796, "cold_step_s":
        0.005007, "cold_chunk_s": 0.01978,
    },
    ("vllm", "cdna", "served"): {
        "memory_efficiency": 0.3696, "kv_efficiency": 0.4842, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2983, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5236, "expert_compute_efficiency": 0.2389, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7424, "expert_tile_rows": 56.07, "expert_block_tile_rows": 31,
        "expert_packed_tile_rows": 16, "half_rate_tokens": 41.34, "attention_efficiency": 0.2481,
        "attention_half_tokens": 1004, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5708,
        "collective_latency_s": 5.076e-06, "layer_overhead_s": 3.626e-05, "moe_overhead_s": 3.268e-05,
        "mla_overhead_s": 2e-05,
    },
    # 714 points; median error in-sample e2e 10.6 %, ttft 50.6 %
    ("vllm", "cdna", "static"): {
        "memory_efficiency": 0.605, "kv_efficiency": 0.3751, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.04842, "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.8287, "expert_compute_efficiency": 0.1351,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.2608, "half_rate_tokens": 4.549,
        "attention_efficiency": 0.2292, "attention_half_tokens": 944.7, "link_efficiency": 0.1602,
        "collective_latency_s": 4.279e-05, "layer_overhead_s": 0.0001057, "moe_overhead_s": 6.085e-05,
        "step_overhead_s": 0.002011, "prefill_overhead_s": 0.002615, "prefill_launch_s": 8.048e-05,
        "sequence_overhead_s": 6.538e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    # 51 points; median error in-sample tpot 4.7 %, ttft 25.3 %
    ("vllm", "cpu", "served"): {
        "memory_efficiency": 0.373, "kv_efficiency": 0.3929, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2867, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 20.04, "attention_efficiency": 0.09685, "attention_half_tokens": 49.99,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.7966, "collective_latency_s": 6.191e-05,
        "layer_overhead_s": 6.139e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05, "step_overhead_s":
        0.005635, "prefill_overhead_s": 0.007009, "prefill_launch_s": 0.0002337, "sequence_overhead_s": 0.000194,
        "arrival_delay_s": 0.01794, "arrival_lag_steps": 0.9937, "cold_step_s": 0.005866, "cold_chunk_s": 0.02092,
    },
    # 273 points; median error in-sample tpot 4.9 %, ttft 10.2 %
    ("vllm", "hopper", "served"): {
        "memory_efficiency": 0.7867, "kv_efficiency": 0.8073, "kv_narrow_efficiency": 0.8028, "latent_efficiency":
        0.8832, "compute_efficiency": 0.8057, "narrow_efficiency": 0.7761, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7707, "expert_memory_efficiency": 0.9225, "expert_compute_efficiency": 0.4199, "expert_narrow_efficiency":
        0.3017, "expert_block_efficiency": 0.2144, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2241,
        "routing_evenness": 0.6377, "expert_tile_rows": 55.48, "expert_block_tile_rows": 31.58,
        "expert_packed_tile_rows": 15.82, "half_rate_tokens": 40.29, "attention_efficiency": 0.5994,
        "attention_half_tokens": 1034, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6623,
        "collective_latency_s": 5.145e-06, "layer_overhead_s": 2.717e-05, "moe_overhead_s": 3.79e-05,
        "mla_overhead_s": 2.289e-05, "step_overhead_s": 0.0007949, "prefill_overhead_s": 0.005433, "prefill_launch_s":
        0.000282, "sequence_overhead_s": 1.774e-05, "arrival_delay_s": 0.01733, "arrival_lag_steps": 0.6331,
        "cold_step_s": 0.005016, "cold_chunk_s": 0.01974,
    },
    # 580 points; median error in-sample e2e 4.2 %, ttft 5.0 %
    ("vllm", "hopper", "static"): {
        "memory_efficiency": 0.8564, "kv_efficiency": 0.7594, "kv_narrow_efficiency": 0.8028, "compute_efficiency":
        0.6894, "narrow_efficiency": 1, "expert_memory_efficiency": 0.9225, "expert_compute_efficiency": 0.4199,
        "expert_narrow_efficiency": 0.3017, "routing_evenness": 0.6377, "half_rate_tokens": 125.1,
        "attention_efficiency": 0.5719, "attention_half_tokens": 985, "link_efficiency": 0.4609,
        "collective_latency_s": 1.924e-05, "layer_overhead_s": 1.821e-05, "moe_overhead_s": 3.79e-05,
        "step_overhead_s": 0.002079, "prefill_overhead_s": 0.002464, "prefill_launch_s": 8.072e-05,
        "sequence_overhead_s": 6.697e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
}  # fmt: skip
