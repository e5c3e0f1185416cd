"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.

Key: (engine, device family, load); engine ``*`` pools all engines. Per entry: measured points, median
absolute errors in percent in-sample, and on model x hardware x precision cases left out of the fit.
"""

from __future__ import annotations

FITTED: dict[tuple[str, str, str], dict[str, float]] = {
    # 49 points; in-sample ttft 15.6 %; held out not measured
    ("*", "ada", "static"): {
        "memory_efficiency": 0.9264, "kv_efficiency": 0.8388, "compute_efficiency": 0.7287, "narrow_efficiency":
        0.9074, "packed_efficiency": 0.8, "expert_memory_efficiency": 0.9634, "expert_compute_efficiency": 0.528,
        "routing_evenness": 0.7989, "attention_efficiency": 0.4071, "collective_latency_s": 2.22e-05,
        "layer_overhead_s": 1.81e-05, "step_overhead_s": 0.001146, "prefill_overhead_s": 0.003991,
        "sequence_overhead_s": 5.255e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 270 points; in-sample tpot 11.6 %, ttft 13.6 %, e2e 24.7 %; held out not measured
    ("*", "ampere", "static"): {
        "memory_efficiency": 0.6087, "kv_efficiency": 0.8999, "compute_efficiency": 0.649, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.5102, "collective_latency_s": 1.571e-05,
        "layer_overhead_s": 0.0001591, "step_overhead_s": 0.0008453, "prefill_overhead_s": 0.008731,
        "sequence_overhead_s": 5.119e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 148 points; in-sample tpot 12.5 %, ttft 32.6 %; held out tpot 13.9 %, ttft 53.4 %
    ("*", "blackwell", "served"): {
        "memory_efficiency": 0.9492, "kv_efficiency": 0.5941, "compute_efficiency": 0.5679, "narrow_efficiency":
        0.7864, "packed_efficiency": 1, "expert_memory_efficiency": 0.7464, "expert_compute_efficiency": 0.9472,
        "routing_evenness": 0.7758, "attention_efficiency": 0.2382, "collective_latency_s": 8.971e-06,
        "layer_overhead_s": 3.341e-05, "step_overhead_s": 0.000346, "prefill_overhead_s": 0.002675,
        "sequence_overhead_s": 4.829e-06, "arrival_delay_s": 0.003237, "arrival_lag_steps": 12.34, "launch_variety":
        1,
    },
    # 106 points; in-sample e2e 23.7 %; held out not measured
    ("*", "cdna", "static"): {
        "memory_efficiency": 0.233, "kv_efficiency": 0.625, "compute_efficiency": 0.06608, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.6937, "expert_compute_efficiency": 0.9387,
        "routing_evenness": 0.7974, "attention_efficiency": 0.2487, "collective_latency_s": 3.602e-06,
        "layer_overhead_s": 2.683e-05, "step_overhead_s": 0.008983, "prefill_overhead_s": 0.007911,
        "sequence_overhead_s": 4.853e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 56 points; in-sample e2e 7.6 %; held out not measured
    ("*", "gaudi", "static"): {
        "memory_efficiency": 0.9351, "kv_efficiency": 0.5593, "compute_efficiency": 0.4905, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.3993, "collective_latency_s": 2.155e-05,
        "layer_overhead_s": 1.787e-05, "step_overhead_s": 0.0009639, "prefill_overhead_s": 0.007926,
        "sequence_overhead_s": 6.079e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 198 points; in-sample tpot 16.2 %, ttft 20.7 %, e2e 36.8 %; held out tpot 10.8 %, ttft 30.7 %
    ("*", "hopper", "served"): {
        "memory_efficiency": 0.887, "kv_efficiency": 0.95, "compute_efficiency": 0.6686, "narrow_efficiency": 0.9048,
        "packed_efficiency": 1, "expert_memory_efficiency": 0.9007, "expert_compute_efficiency": 0.402,
        "routing_evenness": 0.5822, "attention_efficiency": 0.4527, "collective_latency_s": 2.709e-06,
        "layer_overhead_s": 1.061e-05, "step_overhead_s": 0.005306, "prefill_overhead_s": 0.01875,
        "sequence_overhead_s": 5.825e-06, "arrival_delay_s": 0.01993, "arrival_lag_steps": 0.1382, "launch_variety":
        1,
    },
    # 198 points; in-sample tpot 13.8 %, ttft 19.1 %, e2e 25.5 %; held out not measured
    ("*", "hopper", "static"): {
        "memory_efficiency": 0.5909, "kv_efficiency": 0.8238, "compute_efficiency": 0.4677, "narrow_efficiency":
        0.673, "packed_efficiency": 0.8, "expert_memory_efficiency": 0.7914, "expert_compute_efficiency": 0.6073,
        "routing_evenness": 0.7648, "attention_efficiency": 0.3967, "collective_latency_s": 2.019e-05,
        "layer_overhead_s": 4.674e-05, "step_overhead_s": 0.0006131, "prefill_overhead_s": 0.006582,
        "sequence_overhead_s": 4.661e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 166 points; in-sample tpot 6.3 %, ttft 57.6 %, e2e 9.3 %; held out not measured
    ("deepspeed-mii", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.7341, "compute_efficiency": 0.2795, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.4959, "collective_latency_s": 3.46e-05, "layer_overhead_s":
        2.311e-05, "step_overhead_s": 0.005286, "prefill_overhead_s": 0.008833, "sequence_overhead_s": 9.692e-06,
        "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 224 points; in-sample e2e 6.0 %; held out not measured
    ("deepspeed", "gaudi", "static"): {
        "memory_efficiency": 0.9336, "kv_efficiency": 0.5794, "compute_efficiency": 0.4836, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.3985, "collective_latency_s": 2.123e-05,
        "layer_overhead_s": 1.754e-05, "step_overhead_s": 0.001007, "prefill_overhead_s": 0.007887,
        "sequence_overhead_s": 5.676e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 45 points; in-sample e2e 13.9 %; held out not measured
    ("llama.cpp", "ampere", "static"): {
        "memory_efficiency": 0.471, "kv_efficiency": 0.5951, "compute_efficiency": 0.6929, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.5, "collective_latency_s": 7.552e-06, "layer_overhead_s":
        2.33e-05, "step_overhead_s": 0.009919, "prefill_overhead_s": 0.007949, "sequence_overhead_s": 5.005e-06,
        "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 91 points; in-sample e2e 13.1 %; held out not measured
    ("llama.cpp", "cdna", "static"): {
        "memory_efficiency": 0.2399, "kv_efficiency": 0.5928, "compute_efficiency": 0.4458, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.3922, "expert_compute_efficiency": 0.5999,
        "routing_evenness": 0.8, "attention_efficiency": 0.2499, "collective_latency_s": 7.257e-06,
        "layer_overhead_s": 4.741e-05, "step_overhead_s": 0.01347, "prefill_overhead_s": 0.007335,
        "sequence_overhead_s": 5.003e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 75 points; in-sample e2e 13.4 %; held out not measured
    ("llama.cpp", "hopper", "static"): {
        "memory_efficiency": 0.5909, "kv_efficiency": 0.614, "compute_efficiency": 0.6427, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.4667, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.4, "collective_latency_s": 6.793e-06, "layer_overhead_s":
        3.162e-05, "step_overhead_s": 0.00836, "prefill_overhead_s": 0.007846, "sequence_overhead_s": 5.005e-06,
        "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 122 points; in-sample tpot 10.7 %, ttft 49.2 %; held out tpot 27.4 %, ttft 70.7 %
    ("sglang", "blackwell", "served"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.5333, "compute_efficiency": 0.2731, "narrow_efficiency": 0.4871,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 1, "expert_compute_efficiency": 0.3153,
        "routing_evenness": 0.7756, "attention_efficiency": 0.2445, "collective_latency_s": 8.74e-06,
        "layer_overhead_s": 1.763e-05, "step_overhead_s": 0.002231, "prefill_overhead_s": 0.02648,
        "sequence_overhead_s": 6.806e-06, "arrival_delay_s": 0.009713, "arrival_lag_steps": 20, "launch_variety": 1,
    },
    # 84 points; in-sample tpot 3.6 %, ttft 9.9 %; held out not measured
    ("sglang", "hopper", "served"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.7059, "compute_efficiency": 0.6782, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.4423, "collective_latency_s": 7.084e-06,
        "layer_overhead_s": 1.872e-05, "step_overhead_s": 0.001389, "prefill_overhead_s": 0.005196,
        "sequence_overhead_s": 5.557e-06, "arrival_delay_s": 0.005039, "arrival_lag_steps": 0.5835, "launch_variety":
        0.01,
    },
    # 105 points; in-sample tpot 10.8 %, ttft 19.9 %, e2e 8.4 %; held out not measured
    ("tgi", "ampere", "served"): {
        "memory_efficiency": 0.7117, "kv_efficiency": 0.5446, "compute_efficiency": 0.465, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.4991, "collective_latency_s": 7.706e-05,
        "layer_overhead_s": 2.168e-05, "step_overhead_s": 0.002031, "prefill_overhead_s": 0.006486,
        "sequence_overhead_s": 0.001043, "arrival_delay_s": 0.02631, "arrival_lag_steps": 0.585, "launch_variety":
        0.01,
    },
    # 86 points; in-sample tpot 10.0 %, ttft 16.4 %, e2e 10.5 %; held out not measured
    ("tgi", "hopper", "served"): {
        "memory_efficiency": 0.7007, "kv_efficiency": 0.447, "compute_efficiency": 0.3094, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.3993, "collective_latency_s": 3.481e-05,
        "layer_overhead_s": 2.159e-05, "step_overhead_s": 0.004789, "prefill_overhead_s": 0.004683,
        "sequence_overhead_s": 0.0005482, "arrival_delay_s": 0.007006, "arrival_lag_steps": 0.6532, "launch_variety":
        0.01,
    },
    # 23 points; in-sample tpot 18.9 %, ttft 13.2 %, e2e 14.9 %; held out not measured
    ("tgi", "turing", "served"): {
        "memory_efficiency": 0.5714, "kv_efficiency": 0.05295, "compute_efficiency": 0.4492, "narrow_efficiency":
        0.75, "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.4002, "collective_latency_s": 3.037e-05,
        "layer_overhead_s": 2.185e-05, "step_overhead_s": 0.001919, "prefill_overhead_s": 0.006801,
        "sequence_overhead_s": 5.561e-06, "arrival_delay_s": 0.005811, "arrival_lag_steps": 0.4832, "launch_variety":
        0.01,
    },
    # 49 points; in-sample ttft 15.6 %; held out not measured
    ("trtllm", "ada", "static"): {
        "memory_efficiency": 0.9264, "kv_efficiency": 0.8388, "compute_efficiency": 0.7287, "narrow_efficiency":
        0.9074, "packed_efficiency": 0.8, "expert_memory_efficiency": 0.9634, "expert_compute_efficiency": 0.528,
        "routing_evenness": 0.7989, "attention_efficiency": 0.4071, "collective_latency_s": 2.22e-05,
        "layer_overhead_s": 1.81e-05, "step_overhead_s": 0.001146, "prefill_overhead_s": 0.003991,
        "sequence_overhead_s": 5.255e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 423 points; in-sample tpot 3.7 %, ttft 9.4 %, e2e 5.9 %; held out not measured
    ("trtllm", "ampere", "static"): {
        "memory_efficiency": 0.7375, "kv_efficiency": 0.5546, "compute_efficiency": 0.7521, "narrow_efficiency":
        0.6984, "packed_efficiency": 0.8, "expert_memory_efficiency": 1, "expert_compute_efficiency": 0.7258,
        "routing_evenness": 0.7988, "attention_efficiency": 0.5113, "collective_latency_s": 2.646e-05,
        "layer_overhead_s": 1.361e-05, "step_overhead_s": 0.0005323, "prefill_overhead_s": 0.004928,
        "sequence_overhead_s": 5.184e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 188 points; in-sample tpot 13.3 %, ttft 27.7 %; held out tpot 25.7 %, ttft 31.4 %
    ("trtllm", "blackwell", "served"): {
        "memory_efficiency": 0.7299, "kv_efficiency": 0.5282, "compute_efficiency": 0.6657, "narrow_efficiency":
        0.651, "packed_efficiency": 1, "expert_memory_efficiency": 0.9892, "expert_compute_efficiency": 0.9946,
        "routing_evenness": 0.9316, "attention_efficiency": 0.3817, "collective_latency_s": 6.811e-06,
        "layer_overhead_s": 2.395e-05, "step_overhead_s": 0.000209, "prefill_overhead_s": 0.007844,
        "sequence_overhead_s": 3.231e-06, "arrival_delay_s": 0.009291, "arrival_lag_steps": 10.14, "launch_variety":
        1,
    },
    # 635 points; in-sample tpot 9.8 %, ttft 29.3 %; held out tpot 16.5 %, ttft 32.5 %
    ("trtllm", "hopper", "served"): {
        "memory_efficiency": 0.898, "kv_efficiency": 0.95, "compute_efficiency": 0.9, "narrow_efficiency": 0.8534,
        "packed_efficiency": 0.6422, "expert_memory_efficiency": 0.9457, "expert_compute_efficiency": 0.3275,
        "routing_evenness": 0.429, "attention_efficiency": 0.3124, "collective_latency_s": 3.39e-06,
        "layer_overhead_s": 5.273e-05, "step_overhead_s": 0.0004879, "prefill_overhead_s": 0.03479,
        "sequence_overhead_s": 9.014e-06, "arrival_delay_s": 0.00582, "arrival_lag_steps": 0.6296, "launch_variety":
        1,
    },
    # 479 points; in-sample tpot 6.9 %, ttft 16.6 %, e2e 6.4 %; held out not measured
    ("trtllm", "hopper", "static"): {
        "memory_efficiency": 0.7336, "kv_efficiency": 0.8195, "compute_efficiency": 0.6812, "narrow_efficiency":
        0.8893, "packed_efficiency": 0.8, "expert_memory_efficiency": 1, "expert_compute_efficiency": 0.4237,
        "routing_evenness": 0.7717, "attention_efficiency": 0.3946, "collective_latency_s": 1.805e-05,
        "layer_overhead_s": 1.652e-05, "step_overhead_s": 0.0007258, "prefill_overhead_s": 0.00293,
        "sequence_overhead_s": 1.159e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 58 points; in-sample tpot 4.3 %, ttft 23.5 %, e2e 4.6 %; held out not measured
    ("unstated", "ampere", "static"): {
        "memory_efficiency": 0.95, "kv_efficiency": 0.562, "compute_efficiency": 0.4979, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.5033, "collective_latency_s": 9.772e-05,
        "layer_overhead_s": 2.532e-05, "step_overhead_s": 0.001654, "prefill_overhead_s": 0.005134,
        "sequence_overhead_s": 5.478e-06, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 42 points; in-sample tpot 4.0 %, ttft 19.0 %, e2e 3.7 %; held out not measured
    ("unstated", "hopper", "static"): {
        "memory_efficiency": 0.8715, "kv_efficiency": 0.5701, "compute_efficiency": 0.4555, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.3986, "collective_latency_s": 6.87e-05, "layer_overhead_s":
        1.946e-05, "step_overhead_s": 0.001463, "prefill_overhead_s": 0.006077, "sequence_overhead_s": 5.855e-06,
        "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 229 points; in-sample tpot 6.4 %, ttft 35.7 %, e2e 5.4 %; held out not measured
    ("vllm", "ampere", "static"): {
        "memory_efficiency": 0.8144, "kv_efficiency": 0.6056, "compute_efficiency": 0.5833, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.4973, "collective_latency_s": 7.624e-06,
        "layer_overhead_s": 1.877e-05, "step_overhead_s": 0.002421, "prefill_overhead_s": 0.007949,
        "sequence_overhead_s": 6.839e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 355 points; in-sample tpot 7.9 %, ttft 16.5 %; held out not measured
    ("vllm", "blackwell", "served"): {
        "memory_efficiency": 0.843, "kv_efficiency": 0.6352, "compute_efficiency": 0.4205, "narrow_efficiency": 1,
        "packed_efficiency": 1, "expert_memory_efficiency": 0.9697, "expert_compute_efficiency": 0.4128,
        "routing_evenness": 0.9701, "attention_efficiency": 0.2587, "collective_latency_s": 1.132e-05,
        "layer_overhead_s": 5.338e-05, "step_overhead_s": 0.0002763, "prefill_overhead_s": 0.003814,
        "sequence_overhead_s": 1.168e-05, "arrival_delay_s": 0.006666, "arrival_lag_steps": 5.585, "launch_variety":
        0.01,
    },
    # 714 points; in-sample tpot 46.2 %, ttft 5.0 %, e2e 17.6 %; held out not measured
    ("vllm", "cdna", "static"): {
        "memory_efficiency": 0.6885, "kv_efficiency": 0.2308, "compute_efficiency": 0.06984, "narrow_efficiency":
        0.75, "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8427, "expert_compute_efficiency": 0.6766,
        "routing_evenness": 0.752, "attention_efficiency": 0.246, "collective_latency_s": 3.994e-05,
        "layer_overhead_s": 1.932e-05, "step_overhead_s": 0.001953, "prefill_overhead_s": 0.007826,
        "sequence_overhead_s": 0.0001145, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
    # 51 points; in-sample tpot 2.4 %, ttft 21.5 %, e2e 3.0 %; held out not measured
    ("vllm", "cpu", "served"): {
        "memory_efficiency": 0.3926, "kv_efficiency": 0.4162, "compute_efficiency": 0.3834, "narrow_efficiency": 0.75,
        "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.1103, "collective_latency_s": 6.42e-05, "layer_overhead_s":
        6.707e-05, "step_overhead_s": 0.007067, "prefill_overhead_s": 0.005822, "sequence_overhead_s": 0.0003775,
        "arrival_delay_s": 0.004988, "arrival_lag_steps": 4.394, "launch_variety": 0.01,
    },
    # 273 points; in-sample tpot 7.0 %, ttft 10.6 %; held out not measured
    ("vllm", "hopper", "served"): {
        "memory_efficiency": 0.855, "kv_efficiency": 0.5469, "compute_efficiency": 0.9, "narrow_efficiency": 0.5712,
        "packed_efficiency": 0.8515, "expert_memory_efficiency": 0.8274, "expert_compute_efficiency": 0.1792,
        "routing_evenness": 0.6296, "attention_efficiency": 0.4888, "collective_latency_s": 9.951e-06,
        "layer_overhead_s": 3.376e-05, "step_overhead_s": 0.0007954, "prefill_overhead_s": 0.01079,
        "sequence_overhead_s": 4.273e-06, "arrival_delay_s": 0.003819, "arrival_lag_steps": 0.4683, "launch_variety":
        0.01,
    },
    # 580 points; in-sample tpot 7.0 %, ttft 14.6 %, e2e 3.8 %; held out not measured
    ("vllm", "hopper", "static"): {
        "memory_efficiency": 0.9048, "kv_efficiency": 0.6844, "compute_efficiency": 0.5828, "narrow_efficiency":
        0.755, "packed_efficiency": 0.8, "expert_memory_efficiency": 0.8, "expert_compute_efficiency": 0.6,
        "routing_evenness": 0.8, "attention_efficiency": 0.3967, "collective_latency_s": 1.561e-05,
        "layer_overhead_s": 1.848e-05, "step_overhead_s": 0.00239, "prefill_overhead_s": 0.007804,
        "sequence_overhead_s": 5.465e-05, "arrival_delay_s": 0.005, "arrival_lag_steps": 0.5, "launch_variety": 0.01,
    },
}  # fmt: skip
