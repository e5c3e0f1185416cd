"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.

Key: (engine, device family, load). ``*`` as engine: the kernels of a family, shared by all engines; ``*`` as
family: the host side of an engine, shared by all families. The most specific entry that names it gives a
constant. Held-out errors: docs/accuracy.md.
"""

from __future__ import annotations

FITTED: dict[tuple[str, str, str], dict[str, float]] = {
    ("*", "*", "served"): {
        "step_overhead_s": 0.0007805, "prefill_overhead_s": 0.005428, "prefill_launch_s": 0.000196,
        "sequence_overhead_s": 5.379e-06, "arrival_delay_s": 0.01108, "arrival_lag_steps": 0.1003, "cold_step_s":
        0.005019, "cold_chunk_s": 0.0201,
    },
    ("*", "*", "static"): {
        "step_overhead_s": 0.001291, "prefill_overhead_s": 0.003967, "prefill_launch_s": 7.977e-05,
        "sequence_overhead_s": 5.371e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("*", "ada", "served"): {
        "memory_efficiency": 0.8327, "kv_efficiency": 0.8964, "kv_narrow_efficiency": 0.8233, "latent_efficiency":
        0.9, "compute_efficiency": 0.6121, "narrow_efficiency": 0.7139, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.8821, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3105, "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.97, "expert_block_tile_rows": 98, "expert_packed_tile_rows":
        28, "half_rate_tokens": 99.69, "attention_efficiency": 0.4802, "attention_half_tokens": 249.8,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.4072, "collective_latency_s": 6.996e-06,
        "layer_overhead_s": 3.22e-05, "moe_overhead_s": 3.193e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "ampere", "served"): {
        "memory_efficiency": 0.7221, "kv_efficiency": 0.6619, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7432, "narrow_efficiency": 0.6998, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.99, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.08, "attention_efficiency": 0.55, "attention_half_tokens": 450.3,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5629, "collective_latency_s": 5.019e-06,
        "layer_overhead_s": 3.697e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "blackwell", "served"): {
        "memory_efficiency": 0.7229, "kv_efficiency": 0.8408, "kv_narrow_efficiency": 0.9304, "latent_efficiency":
        0.7062, "compute_efficiency": 0.661, "narrow_efficiency": 0.7375, "fp4_efficiency": 0.4809,
        "packed_efficiency": 0.7965, "expert_memory_efficiency": 0.8819, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4078, "expert_block_efficiency": 0.1509, "expert_fp4_efficiency": 0.2974,
        "expert_packed_efficiency": 0.1408, "routing_evenness": 0.8021, "expert_tile_rows": 64.31,
        "expert_block_tile_rows": 42, "expert_packed_tile_rows": 20.76, "half_rate_tokens": 90.26,
        "attention_efficiency": 0.5208, "attention_half_tokens": 1394, "latent_decode_efficiency": 0.9466,
        "link_efficiency": 0.452, "collective_latency_s": 6.028e-06, "layer_overhead_s": 2.828e-05, "moe_overhead_s":
        1.886e-05, "mla_overhead_s": 2.832e-05,
    },
    ("*", "cdna", "served"): {
        "memory_efficiency": 0.5153, "kv_efficiency": 0.5467, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.3874, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5952, "expert_compute_efficiency": 0.2449, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.749, "expert_tile_rows": 55.41, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 40.52, "attention_efficiency": 0.2492, "attention_half_tokens": 1002,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5997, "collective_latency_s": 5.068e-06,
        "layer_overhead_s": 3.679e-05, "moe_overhead_s": 3.197e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "cpu", "served"): {
        "memory_efficiency": 0.3997, "kv_efficiency": 0.3517, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2594, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 20.04, "attention_efficiency": 0.08768, "attention_half_tokens": 50,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.7947, "collective_latency_s": 6.154e-05,
        "layer_overhead_s": 6.119e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "gaudi", "served"): {
        "memory_efficiency": 0.7906, "kv_efficiency": 0.7303, "kv_narrow_efficiency": 0.9725, "latent_efficiency":
        0.9, "compute_efficiency": 0.6731, "narrow_efficiency": 0.8547, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 39.61, "attention_efficiency": 0.4055, "attention_half_tokens": 993.4,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.6134, "collective_latency_s": 4.938e-06,
        "layer_overhead_s": 2.828e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    ("*", "hopper", "served"): {
        "memory_efficiency": 0.8183, "kv_efficiency": 0.8199, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8958, "compute_efficiency": 0.7905, "narrow_efficiency": 0.7464, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7894, "expert_memory_efficiency": 0.8725, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3073, "expert_block_efficiency": 0.2382, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2423,
        "routing_evenness": 0.6728, "expert_tile_rows": 55.14, "expert_block_tile_rows": 31.03,
        "expert_packed_tile_rows": 15.83, "half_rate_tokens": 39.93, "attention_efficiency": 0.5985,
        "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6281,
        "collective_latency_s": 5.045e-06, "layer_overhead_s": 3.106e-05, "moe_overhead_s": 3.754e-05,
        "mla_overhead_s": 2.095e-05,
    },
    ("deepspeed", "*", "static"): {
        "step_overhead_s": 0.0006561, "prefill_overhead_s": 0.003859, "prefill_launch_s": 8.049e-05,
        "sequence_overhead_s": 7.743e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("deepspeed", "gaudi", "served"): {
        "memory_efficiency": 0.8064, "kv_efficiency": 0.7309, "kv_narrow_efficiency": 0.9725, "latent_efficiency":
        0.9, "compute_efficiency": 0.6741, "narrow_efficiency": 0.8547, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 39.6, "attention_efficiency": 0.4056, "attention_half_tokens": 993.4,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.6136, "collective_latency_s": 4.93e-06,
        "layer_overhead_s": 2.812e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    # 224 points; median error in-sample e2e 6.5 %
    ("deepspeed", "gaudi", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.625, "kv_narrow_efficiency": 0.9725, "compute_efficiency":
        0.5239, "narrow_efficiency": 0.8547, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 63.58, "attention_efficiency":
        0.4014, "attention_half_tokens": 984.6, "link_efficiency": 0.5832, "collective_latency_s": 2.97e-05,
        "layer_overhead_s": 3.294e-05, "moe_overhead_s": 3.2e-05, "step_overhead_s": 0.0005539, "prefill_overhead_s":
        0.003832, "prefill_launch_s": 8.067e-05, "sequence_overhead_s": 8.484e-06, "arrival_delay_s": 0.004996,
        "arrival_lag_steps": 0.1, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("deepspeed-mii", "*", "static"): {
        "step_overhead_s": 0.002516, "prefill_overhead_s": 0.004227, "prefill_launch_s": 7.981e-05,
        "sequence_overhead_s": 8.18e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    # 166 points; median error in-sample e2e 12.4 %, ttft 56.0 %
    ("deepspeed-mii", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.8339, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.2836,
        "narrow_efficiency": 0.6998, "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 41.48, "attention_efficiency":
        0.5291, "attention_half_tokens": 456.3, "link_efficiency": 0.4746, "collective_latency_s": 7.175e-06,
        "layer_overhead_s": 0.0001717, "moe_overhead_s": 3.2e-05, "step_overhead_s": 0.00354, "prefill_overhead_s":
        0.004411, "prefill_launch_s": 7.984e-05, "sequence_overhead_s": 1.085e-05, "arrival_delay_s": 0.004996,
        "arrival_lag_steps": 0.1, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("llama.cpp", "*", "static"): {
        "step_overhead_s": 0.008404, "prefill_overhead_s": 0.003146, "prefill_launch_s": 8.064e-05,
        "sequence_overhead_s": 5.373e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    # 45 points; median error in-sample e2e 14.1 %
    ("llama.cpp", "ampere", "static"): {
        "memory_efficiency": 0.5175, "kv_efficiency": 0.6581, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.7061, "narrow_efficiency": 0.6998, "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 87.51, "attention_efficiency":
        0.5499, "attention_half_tokens": 450.3, "link_efficiency": 0.563, "collective_latency_s": 4.924e-06,
        "layer_overhead_s": 4.054e-05, "moe_overhead_s": 3.2e-05, "step_overhead_s": 0.01124, "prefill_overhead_s":
        0.003131, "prefill_launch_s": 8.064e-05, "sequence_overhead_s": 5.373e-06, "arrival_delay_s": 0.004996,
        "arrival_lag_steps": 0.1, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    # 91 points; median error in-sample e2e 13.1 %
    ("llama.cpp", "cdna", "static"): {
        "memory_efficiency": 0.2408, "kv_efficiency": 0.517, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.3678, "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.1, "expert_compute_efficiency": 0.2445,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.7258, "half_rate_tokens": 41.28,
        "attention_efficiency": 0.2488, "attention_half_tokens": 1002, "link_efficiency": 0.5998,
        "collective_latency_s": 4.906e-06, "layer_overhead_s": 4.932e-05, "moe_overhead_s": 5.721e-05,
        "step_overhead_s": 0.01342, "prefill_overhead_s": 0.003022, "prefill_launch_s": 8.064e-05,
        "sequence_overhead_s": 5.374e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    # 75 points; median error in-sample e2e 12.7 %
    ("llama.cpp", "hopper", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.9065, "kv_narrow_efficiency": 0.8238, "compute_efficiency":
        0.7565, "narrow_efficiency": 0.7464, "expert_memory_efficiency": 0.3239, "expert_compute_efficiency": 0.4198,
        "expert_narrow_efficiency": 0.3073, "routing_evenness": 0.6723, "half_rate_tokens": 42.88,
        "attention_efficiency": 0.5983, "attention_half_tokens": 1002, "link_efficiency": 0.6283,
        "collective_latency_s": 4.769e-06, "layer_overhead_s": 0.0001917, "moe_overhead_s": 8.024e-05,
        "step_overhead_s": 0.006285, "prefill_overhead_s": 0.003105, "prefill_launch_s": 8.085e-05,
        "sequence_overhead_s": 5.371e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("optimum-habana", "*", "static"): {
        "step_overhead_s": 0.001314, "prefill_overhead_s": 0.003748, "prefill_launch_s": 7.949e-05,
        "sequence_overhead_s": 4.989e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("optimum-habana", "gaudi", "served"): {
        "memory_efficiency": 0.7921, "kv_efficiency": 0.7457, "kv_narrow_efficiency": 0.9938, "latent_efficiency":
        0.9, "compute_efficiency": 0.6806, "narrow_efficiency": 0.8739, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 39.58, "attention_efficiency": 0.4061, "attention_half_tokens": 992.7,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.6125, "collective_latency_s": 4.939e-06,
        "layer_overhead_s": 2.824e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    # 24 points; median error in-sample e2e 7.5 %, ttft 44.7 %
    ("optimum-habana", "gaudi", "static"): {
        "memory_efficiency": 0.7024, "kv_efficiency": 0.7887, "kv_narrow_efficiency": 1, "compute_efficiency": 0.6269,
        "narrow_efficiency": 1, "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 39.69, "attention_efficiency":
        0.4302, "attention_half_tokens": 959.2, "link_efficiency": 0.5225, "collective_latency_s": 5.007e-06,
        "layer_overhead_s": 3.008e-05, "moe_overhead_s": 3.2e-05, "step_overhead_s": 0.001336, "prefill_overhead_s":
        0.003555, "prefill_launch_s": 7.923e-05, "sequence_overhead_s": 4.656e-06, "arrival_delay_s": 0.004996,
        "arrival_lag_steps": 0.1, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("sglang", "*", "served"): {
        "step_overhead_s": 0.0008136, "prefill_overhead_s": 0.005594, "prefill_launch_s": 0.0002388,
        "sequence_overhead_s": 5.468e-06, "arrival_delay_s": 0.01198, "arrival_lag_steps": 0.1003, "cold_step_s":
        0.005185, "cold_chunk_s": 0.02104,
    },
    # 122 points; median error in-sample tpot 10.2 %, ttft 11.9 %
    ("sglang", "blackwell", "served"): {
        "memory_efficiency": 0.694, "kv_efficiency": 0.8251, "kv_narrow_efficiency": 0.9129, "latent_efficiency":
        0.6929, "compute_efficiency": 0.6454, "narrow_efficiency": 0.7306, "fp4_efficiency": 0.4798,
        "packed_efficiency": 0.7965, "expert_memory_efficiency": 0.8488, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4078, "expert_block_efficiency": 0.1403, "expert_fp4_efficiency": 0.2927,
        "expert_packed_efficiency": 0.1408, "routing_evenness": 0.8288, "expert_tile_rows": 64.61,
        "expert_block_tile_rows": 43.7, "expert_packed_tile_rows": 20.76, "half_rate_tokens": 90.34,
        "attention_efficiency": 0.5091, "attention_half_tokens": 1400, "latent_decode_efficiency": 0.9466,
        "link_efficiency": 0.4268, "collective_latency_s": 6.077e-06, "layer_overhead_s": 2.898e-05, "moe_overhead_s":
        1.913e-05, "mla_overhead_s": 2.88e-05, "step_overhead_s": 0.0008988, "prefill_overhead_s": 0.005961,
        "prefill_launch_s": 0.0003253, "sequence_overhead_s": 5.639e-06, "arrival_delay_s": 0.01352,
        "arrival_lag_steps": 0.1003, "cold_step_s": 1.666, "cold_chunk_s": 68.37,
    },
    # 84 points; median error in-sample tpot 4.1 %, ttft 14.6 %
    ("sglang", "hopper", "served"): {
        "memory_efficiency": 0.8492, "kv_efficiency": 0.8229, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8958, "compute_efficiency": 0.7848, "narrow_efficiency": 0.7464, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7894, "expert_memory_efficiency": 0.8725, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3073, "expert_block_efficiency": 0.2382, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2423,
        "routing_evenness": 0.6728, "expert_tile_rows": 55.14, "expert_block_tile_rows": 31.03,
        "expert_packed_tile_rows": 15.83, "half_rate_tokens": 39.94, "attention_efficiency": 0.5985,
        "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6365,
        "collective_latency_s": 5.034e-06, "layer_overhead_s": 3.078e-05, "moe_overhead_s": 3.754e-05,
        "mla_overhead_s": 2.095e-05, "step_overhead_s": 0.0007861, "prefill_overhead_s": 0.005501, "prefill_launch_s":
        0.0002386, "sequence_overhead_s": 5.44e-06, "arrival_delay_s": 0.01198, "arrival_lag_steps": 0.1003,
        "cold_step_s": 0.005185, "cold_chunk_s": 0.02104,
    },
    ("tgi", "*", "served"): {
        "step_overhead_s": 0.002948, "prefill_overhead_s": 0.003697, "prefill_launch_s": 0.0002708,
        "sequence_overhead_s": 0.0006421, "arrival_delay_s": 0.02394, "arrival_lag_steps": 0.117, "cold_step_s":
        0.005019, "cold_chunk_s": 0.0201,
    },
    # 105 points; median error in-sample tpot 12.4 %, ttft 18.8 %
    ("tgi", "ampere", "served"): {
        "memory_efficiency": 0.8565, "kv_efficiency": 0.5906, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4218, "narrow_efficiency": 0.6998, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.99, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 16.15, "attention_efficiency": 0.5432, "attention_half_tokens": 543.3,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.724, "collective_latency_s": 7.909e-06,
        "layer_overhead_s": 0.0002077, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05, "step_overhead_s":
        0.002215, "prefill_overhead_s": 0.003928, "prefill_launch_s": 0.0003716, "sequence_overhead_s": 0.001031,
        "arrival_delay_s": 0.03263, "arrival_lag_steps": 0.1331, "cold_step_s": 0.005019, "cold_chunk_s": 0.0201,
    },
    # 86 points; median error in-sample tpot 11.8 %, ttft 19.6 %
    ("tgi", "hopper", "served"): {
        "memory_efficiency": 0.7942, "kv_efficiency": 0.2275, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8958, "compute_efficiency": 0.2332, "narrow_efficiency": 0.7464, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7894, "expert_memory_efficiency": 0.8725, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3073, "expert_block_efficiency": 0.2382, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2423,
        "routing_evenness": 0.6728, "expert_tile_rows": 55.14, "expert_block_tile_rows": 31.03,
        "expert_packed_tile_rows": 15.83, "half_rate_tokens": 24.38, "attention_efficiency": 0.5827,
        "attention_half_tokens": 1203, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6099,
        "collective_latency_s": 7e-06, "layer_overhead_s": 2.328e-05, "moe_overhead_s": 3.754e-05, "mla_overhead_s":
        2.095e-05, "step_overhead_s": 0.007579, "prefill_overhead_s": 0.003763, "prefill_launch_s": 0.0002057,
        "sequence_overhead_s": 0.0004977, "arrival_delay_s": 0.01102, "arrival_lag_steps": 0.1215, "cold_step_s":
        0.005019, "cold_chunk_s": 0.0201,
    },
    # 23 points; median error in-sample tpot 10.4 %, ttft 7.0 %
    ("tgi", "turing", "served"): {
        "memory_efficiency": 0.624, "kv_efficiency": 0.2851, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.4227, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.88, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 18.06, "attention_efficiency": 0.2987, "attention_half_tokens": 256.1,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.7403, "collective_latency_s": 6.337e-06,
        "layer_overhead_s": 1.856e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05, "step_overhead_s":
        0.002069, "prefill_overhead_s": 0.002823, "prefill_launch_s": 0.0002667, "sequence_overhead_s": 0.001742,
        "arrival_delay_s": 0.04612, "arrival_lag_steps": 0.1139, "cold_step_s": 0.005019, "cold_chunk_s": 0.0201,
    },
    ("trtllm", "*", "served"): {
        "step_overhead_s": 0.0007375, "prefill_overhead_s": 0.006063, "prefill_launch_s": 0.0002627,
        "sequence_overhead_s": 5.344e-06, "arrival_delay_s": 0.01544, "arrival_lag_steps": 0.102, "cold_step_s":
        0.005021, "cold_chunk_s": 0.0201,
    },
    ("trtllm", "*", "static"): {
        "step_overhead_s": 0.0001268, "prefill_overhead_s": 0.0005394, "prefill_launch_s": 4.904e-05,
        "sequence_overhead_s": 8.806e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("trtllm", "ada", "served"): {
        "memory_efficiency": 0.8456, "kv_efficiency": 0.9236, "kv_narrow_efficiency": 0.8473, "latent_efficiency":
        0.9, "compute_efficiency": 0.6245, "narrow_efficiency": 0.7281, "fp4_efficiency": 0.5, "packed_efficiency":
        0.8, "expert_memory_efficiency": 0.8842, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency": 0.311,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.94, "expert_block_tile_rows": 98, "expert_packed_tile_rows":
        28, "half_rate_tokens": 99.39, "attention_efficiency": 0.4805, "attention_half_tokens": 249.7,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.4146, "collective_latency_s": 6.993e-06,
        "layer_overhead_s": 3.211e-05, "moe_overhead_s": 3.192e-05, "mla_overhead_s": 2e-05,
    },
    # 49 points; median error in-sample e2e 2.3 %, ttft 4.6 %
    ("trtllm", "ada", "static"): {
        "memory_efficiency": 0.7336, "kv_efficiency": 0.95, "kv_narrow_efficiency": 0.9201, "compute_efficiency":
        0.8908, "narrow_efficiency": 1, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.2591, "routing_evenness": 0.4501, "half_rate_tokens": 88,
        "attention_efficiency": 0.4691, "attention_half_tokens": 249.1, "link_efficiency": 0.8478,
        "collective_latency_s": 6.962e-06, "layer_overhead_s": 2.77e-05, "moe_overhead_s": 2.72e-05,
        "step_overhead_s": 0.0001242, "prefill_overhead_s": 0.0005143, "prefill_launch_s": 4.903e-05,
        "sequence_overhead_s": 8.354e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("trtllm", "ampere", "served"): {
        "memory_efficiency": 0.7192, "kv_efficiency": 0.6607, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7352, "narrow_efficiency": 0.6996, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8803, "expert_compute_efficiency": 0.4203, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.97, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.55, "attention_efficiency": 0.5502, "attention_half_tokens": 450.2,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.56, "collective_latency_s": 5.022e-06,
        "layer_overhead_s": 3.707e-05, "moe_overhead_s": 3.199e-05, "mla_overhead_s": 2e-05,
    },
    # 423 points; median error in-sample e2e 8.8 %, ttft 10.7 %
    ("trtllm", "ampere", "static"): {
        "memory_efficiency": 0.8438, "kv_efficiency": 0.6821, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.9314, "narrow_efficiency": 0.5288, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.7449,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.1085, "half_rate_tokens": 163.7,
        "attention_efficiency": 0.5819, "attention_half_tokens": 400.6, "link_efficiency": 0.24,
        "collective_latency_s": 1.069e-05, "layer_overhead_s": 8.36e-05, "moe_overhead_s": 2.248e-05,
        "step_overhead_s": 9.161e-05, "prefill_overhead_s": 0.0004802, "prefill_launch_s": 4.902e-05,
        "sequence_overhead_s": 8.056e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    # 188 points; median error in-sample tpot 12.0 %, ttft 12.5 %
    ("trtllm", "blackwell", "served"): {
        "memory_efficiency": 0.719, "kv_efficiency": 0.8189, "kv_narrow_efficiency": 0.9061, "latent_efficiency":
        0.6951, "compute_efficiency": 0.6411, "narrow_efficiency": 0.7334, "fp4_efficiency": 0.4645,
        "packed_efficiency": 0.7965, "expert_memory_efficiency": 0.8614, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4175, "expert_block_efficiency": 0.1461, "expert_fp4_efficiency": 0.2976,
        "expert_packed_efficiency": 0.1408, "routing_evenness": 0.8093, "expert_tile_rows": 63.69,
        "expert_block_tile_rows": 42.41, "expert_packed_tile_rows": 20.76, "half_rate_tokens": 90.49,
        "attention_efficiency": 0.5184, "attention_half_tokens": 1396, "latent_decode_efficiency": 0.9433,
        "link_efficiency": 0.4422, "collective_latency_s": 6.021e-06, "layer_overhead_s": 2.843e-05, "moe_overhead_s":
        1.883e-05, "mla_overhead_s": 2.931e-05, "step_overhead_s": 0.0006188, "prefill_overhead_s": 0.00602,
        "prefill_launch_s": 0.0002886, "sequence_overhead_s": 5.314e-06, "arrival_delay_s": 0.01545,
        "arrival_lag_steps": 0.1027, "cold_step_s": 0.003652, "cold_chunk_s": 0.0201,
    },
    # 635 points; median error in-sample tpot 5.2 %, ttft 17.2 %
    ("trtllm", "hopper", "served"): {
        "memory_efficiency": 0.8695, "kv_efficiency": 0.8615, "kv_narrow_efficiency": 0.855, "latent_efficiency":
        0.8958, "compute_efficiency": 0.8115, "narrow_efficiency": 0.774, "fp4_efficiency": 0.5, "packed_efficiency":
        0.787, "expert_memory_efficiency": 0.8685, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3047, "expert_block_efficiency": 0.2415, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.242,
        "routing_evenness": 0.6686, "expert_tile_rows": 55.28, "expert_block_tile_rows": 30.95,
        "expert_packed_tile_rows": 15.79, "half_rate_tokens": 39.87, "attention_efficiency": 0.5999,
        "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6292,
        "collective_latency_s": 5.063e-06, "layer_overhead_s": 3.048e-05, "moe_overhead_s": 3.887e-05,
        "mla_overhead_s": 2.095e-05, "step_overhead_s": 0.0008046, "prefill_overhead_s": 0.007256, "prefill_launch_s":
        0.0003779, "sequence_overhead_s": 5.321e-06, "arrival_delay_s": 0.0259, "arrival_lag_steps": 0.1022,
        "cold_step_s": 0.004575, "cold_chunk_s": 0.0201,
    },
    # 479 points; median error in-sample e2e 7.7 %, ttft 21.2 %
    ("trtllm", "hopper", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.9162, "kv_narrow_efficiency": 1, "compute_efficiency": 0.95,
        "narrow_efficiency": 0.8144, "expert_memory_efficiency": 0.98, "expert_compute_efficiency": 0.597,
        "expert_narrow_efficiency": 0.1949, "routing_evenness": 0.1, "half_rate_tokens": 202.1,
        "attention_efficiency": 0.3164, "attention_half_tokens": 1101, "link_efficiency": 0.3316,
        "collective_latency_s": 1.429e-05, "layer_overhead_s": 7.661e-05, "moe_overhead_s": 1.229e-05,
        "step_overhead_s": 7.713e-05, "prefill_overhead_s": 0.0003014, "prefill_launch_s": 4.119e-05,
        "sequence_overhead_s": 1.198e-05, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("unstated", "*", "static"): {
        "step_overhead_s": 0.00568, "prefill_overhead_s": 0.003589, "prefill_launch_s": 8.12e-05,
        "sequence_overhead_s": 6.141e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("unstated", "ampere", "served"): {
        "memory_efficiency": 0.6803, "kv_efficiency": 0.66, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7198, "narrow_efficiency": 0.6998, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.99, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.62, "attention_efficiency": 0.5499, "attention_half_tokens": 450.3,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.559, "collective_latency_s": 5.034e-06,
        "layer_overhead_s": 3.732e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    # 58 points; median error in-sample e2e 10.5 %, ttft 23.1 %
    ("unstated", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.5349, "kv_narrow_efficiency": 0.8, "compute_efficiency": 0.5891,
        "narrow_efficiency": 0.6998, "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 66.34, "attention_efficiency":
        0.5515, "attention_half_tokens": 451.6, "link_efficiency": 0.3276, "collective_latency_s": 7.368e-06,
        "layer_overhead_s": 0.0001593, "moe_overhead_s": 3.2e-05, "step_overhead_s": 0.01418, "prefill_overhead_s":
        0.003329, "prefill_launch_s": 8.124e-05, "sequence_overhead_s": 6.375e-06, "arrival_delay_s": 0.004996,
        "arrival_lag_steps": 0.1, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    ("unstated", "hopper", "served"): {
        "memory_efficiency": 0.7729, "kv_efficiency": 0.8192, "kv_narrow_efficiency": 0.8238, "latent_efficiency":
        0.8958, "compute_efficiency": 0.7799, "narrow_efficiency": 0.7464, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7894, "expert_memory_efficiency": 0.8725, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3073, "expert_block_efficiency": 0.2382, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2423,
        "routing_evenness": 0.6728, "expert_tile_rows": 55.14, "expert_block_tile_rows": 31.03,
        "expert_packed_tile_rows": 15.83, "half_rate_tokens": 39.94, "attention_efficiency": 0.5982,
        "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.6247,
        "collective_latency_s": 5.068e-06, "layer_overhead_s": 3.143e-05, "moe_overhead_s": 3.754e-05,
        "mla_overhead_s": 2.095e-05,
    },
    # 42 points; median error in-sample e2e 11.6 %, ttft 16.7 %
    ("unstated", "hopper", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.7656, "kv_narrow_efficiency": 0.8238, "compute_efficiency":
        0.5527, "narrow_efficiency": 0.7464, "expert_memory_efficiency": 0.8725, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.3073, "routing_evenness": 0.6728, "half_rate_tokens": 38.33,
        "attention_efficiency": 0.5925, "attention_half_tokens": 1012, "link_efficiency": 0.3275,
        "collective_latency_s": 7.502e-06, "layer_overhead_s": 0.0001062, "moe_overhead_s": 3.754e-05,
        "step_overhead_s": 0.01244, "prefill_overhead_s": 0.003593, "prefill_launch_s": 8.218e-05,
        "sequence_overhead_s": 6.513e-06, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("vllm", "*", "served"): {
        "step_overhead_s": 0.0007799, "prefill_overhead_s": 0.005733, "prefill_launch_s": 0.000213,
        "sequence_overhead_s": 5.581e-06, "arrival_delay_s": 0.01225, "arrival_lag_steps": 0.1039, "cold_step_s":
        0.005027, "cold_chunk_s": 0.02009,
    },
    ("vllm", "*", "static"): {
        "step_overhead_s": 0.001665, "prefill_overhead_s": 0.00274, "prefill_launch_s": 8.085e-05,
        "sequence_overhead_s": 5.272e-05, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    ("vllm", "ampere", "served"): {
        "memory_efficiency": 0.7216, "kv_efficiency": 0.6571, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.7393, "narrow_efficiency": 0.6998, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 54.99, "expert_block_tile_rows": 31, "expert_packed_tile_rows":
        16, "half_rate_tokens": 79.19, "attention_efficiency": 0.55, "attention_half_tokens": 450.3,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.5627, "collective_latency_s": 5.02e-06,
        "layer_overhead_s": 3.699e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05,
    },
    # 229 points; median error in-sample e2e 7.3 %, ttft 39.0 %
    ("vllm", "ampere", "static"): {
        "memory_efficiency": 0.7695, "kv_efficiency": 0.5802, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.5729, "narrow_efficiency": 0.6998, "expert_memory_efficiency": 0.8801, "expert_compute_efficiency": 0.4201,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.75, "half_rate_tokens": 66.3, "attention_efficiency":
        0.5392, "attention_half_tokens": 446.9, "link_efficiency": 0.4151, "collective_latency_s": 6.493e-06,
        "layer_overhead_s": 5.344e-05, "moe_overhead_s": 3.2e-05, "step_overhead_s": 0.001147, "prefill_overhead_s":
        0.002813, "prefill_launch_s": 8.085e-05, "sequence_overhead_s": 6.084e-05, "arrival_delay_s": 0.004996,
        "arrival_lag_steps": 0.1, "cold_step_s": 0.005, "cold_chunk_s": 0.02,
    },
    # 355 points; median error in-sample tpot 6.2 %, ttft 11.0 %
    ("vllm", "blackwell", "served"): {
        "memory_efficiency": 0.7106, "kv_efficiency": 0.8504, "kv_narrow_efficiency": 0.9535, "latent_efficiency":
        0.7073, "compute_efficiency": 0.6592, "narrow_efficiency": 0.7362, "fp4_efficiency": 0.4798,
        "packed_efficiency": 0.793, "expert_memory_efficiency": 0.9399, "expert_compute_efficiency": 0.45,
        "expert_narrow_efficiency": 0.4061, "expert_block_efficiency": 0.1486, "expert_fp4_efficiency": 0.2993,
        "expert_packed_efficiency": 0.1322, "routing_evenness": 0.7876, "expert_tile_rows": 63.97,
        "expert_block_tile_rows": 41.96, "expert_packed_tile_rows": 21.54, "half_rate_tokens": 90.21,
        "attention_efficiency": 0.5161, "attention_half_tokens": 1397, "latent_decode_efficiency": 0.9466,
        "link_efficiency": 0.4422, "collective_latency_s": 6.016e-06, "layer_overhead_s": 2.797e-05, "moe_overhead_s":
        1.872e-05, "mla_overhead_s": 2.797e-05, "step_overhead_s": 0.000782, "prefill_overhead_s": 0.00631,
        "prefill_launch_s": 0.0002106, "sequence_overhead_s": 5.676e-06, "arrival_delay_s": 0.01398,
        "arrival_lag_steps": 0.1052, "cold_step_s": 0.005071, "cold_chunk_s": 0.02035,
    },
    ("vllm", "cdna", "served"): {
        "memory_efficiency": 0.5067, "kv_efficiency": 0.5411, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.381, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5947, "expert_compute_efficiency": 0.2443, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.7488, "expert_tile_rows": 55.46, "expert_block_tile_rows": 31,
        "expert_packed_tile_rows": 16, "half_rate_tokens": 40.58, "attention_efficiency": 0.2491,
        "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.5975,
        "collective_latency_s": 5.076e-06, "layer_overhead_s": 3.699e-05, "moe_overhead_s": 3.197e-05,
        "mla_overhead_s": 2e-05,
    },
    # 714 points; median error in-sample e2e 9.9 %, ttft 51.4 %
    ("vllm", "cdna", "static"): {
        "memory_efficiency": 0.5988, "kv_efficiency": 0.3772, "kv_narrow_efficiency": 0.8, "compute_efficiency":
        0.04816, "narrow_efficiency": 0.7, "expert_memory_efficiency": 0.746, "expert_compute_efficiency": 0.1328,
        "expert_narrow_efficiency": 0.31, "routing_evenness": 0.5252, "half_rate_tokens": 5.666,
        "attention_efficiency": 0.2295, "attention_half_tokens": 944.5, "link_efficiency": 0.1658,
        "collective_latency_s": 4.651e-05, "layer_overhead_s": 8.474e-05, "moe_overhead_s": 5.834e-05,
        "step_overhead_s": 0.002096, "prefill_overhead_s": 0.002661, "prefill_launch_s": 8.086e-05,
        "sequence_overhead_s": 6.401e-05, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
    # 51 points; median error in-sample tpot 6.3 %, ttft 29.6 %
    ("vllm", "cpu", "served"): {
        "memory_efficiency": 0.3821, "kv_efficiency": 0.3579, "kv_narrow_efficiency": 0.8, "latent_efficiency": 0.9,
        "compute_efficiency": 0.2604, "narrow_efficiency": 0.7, "fp4_efficiency": 0.5, "packed_efficiency": 0.8,
        "expert_memory_efficiency": 0.5, "expert_compute_efficiency": 0.15, "expert_narrow_efficiency": 0.31,
        "expert_block_efficiency": 0.24, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.25,
        "routing_evenness": 0.75, "expert_tile_rows": 55, "expert_block_tile_rows": 31, "expert_packed_tile_rows": 16,
        "half_rate_tokens": 20.04, "attention_efficiency": 0.08858, "attention_half_tokens": 50,
        "latent_decode_efficiency": 0.6, "link_efficiency": 0.7942, "collective_latency_s": 6.171e-05,
        "layer_overhead_s": 6.132e-05, "moe_overhead_s": 3.2e-05, "mla_overhead_s": 2e-05, "step_overhead_s":
        0.005107, "prefill_overhead_s": 0.007285, "prefill_launch_s": 0.000213, "sequence_overhead_s": 5.751e-05,
        "arrival_delay_s": 0.01261, "arrival_lag_steps": 0.1043, "cold_step_s": 0.007226, "cold_chunk_s": 0.02151,
    },
    # 273 points; median error in-sample tpot 6.0 %, ttft 8.6 %
    ("vllm", "hopper", "served"): {
        "memory_efficiency": 0.784, "kv_efficiency": 0.7974, "kv_narrow_efficiency": 0.8173, "latent_efficiency":
        0.8917, "compute_efficiency": 0.8288, "narrow_efficiency": 0.7676, "fp4_efficiency": 0.5, "packed_efficiency":
        0.7815, "expert_memory_efficiency": 0.8692, "expert_compute_efficiency": 0.42, "expert_narrow_efficiency":
        0.3073, "expert_block_efficiency": 0.2332, "expert_fp4_efficiency": 0.3, "expert_packed_efficiency": 0.2353,
        "routing_evenness": 0.669, "expert_tile_rows": 55.14, "expert_block_tile_rows": 31.14,
        "expert_packed_tile_rows": 15.7, "half_rate_tokens": 39.91, "attention_efficiency": 0.5956,
        "attention_half_tokens": 1002, "latent_decode_efficiency": 0.6, "link_efficiency": 0.63,
        "collective_latency_s": 5.063e-06, "layer_overhead_s": 3.134e-05, "moe_overhead_s": 3.69e-05,
        "mla_overhead_s": 2.106e-05, "step_overhead_s": 0.0007414, "prefill_overhead_s": 0.005582, "prefill_launch_s":
        0.0002452, "sequence_overhead_s": 5.642e-06, "arrival_delay_s": 0.01221, "arrival_lag_steps": 0.1041,
        "cold_step_s": 0.00462, "cold_chunk_s": 0.01736,
    },
    # 580 points; median error in-sample e2e 4.1 %, ttft 5.1 %
    ("vllm", "hopper", "static"): {
        "memory_efficiency": 0.866, "kv_efficiency": 0.7595, "kv_narrow_efficiency": 0.8173, "compute_efficiency":
        0.6996, "narrow_efficiency": 1, "expert_memory_efficiency": 0.8692, "expert_compute_efficiency": 0.42,
        "expert_narrow_efficiency": 0.3073, "routing_evenness": 0.669, "half_rate_tokens": 134.7,
        "attention_efficiency": 0.5669, "attention_half_tokens": 959.5, "link_efficiency": 0.4432,
        "collective_latency_s": 1.929e-05, "layer_overhead_s": 1.899e-05, "moe_overhead_s": 3.69e-05,
        "step_overhead_s": 0.002059, "prefill_overhead_s": 0.002506, "prefill_launch_s": 8.11e-05,
        "sequence_overhead_s": 6.658e-05, "arrival_delay_s": 0.004996, "arrival_lag_steps": 0.1, "cold_step_s": 0.005,
        "cold_chunk_s": 0.02,
    },
}  # fmt: skip
