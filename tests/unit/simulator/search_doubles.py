"""Small cases for the search tests.

Datasheets with round figures, a one-billion model, and a predictor that is monotone by construction, so that the true
optimum of a case can be worked out independently.
"""

from dataclasses import dataclass, field

from budsim.engine_ops import EngineOption
from budsim.perf_model.hardware_catalog import DeviceSpec, HardwareCatalog
from budsim.perf_model.memory import estimate_memory
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import Infeasible, Prediction
from budsim.perf_model.workload import Workload
from budsim.simulator.search_space import SearchCase
from budsim.simulator.topology import DeviceGroup, NodeDevices

GB = 10**9


def spec(name="Round 80GB", device_type="cuda", memory_gb=80, bandwidth_gb_s=2000, tflops=300, fp8=False, aliases=()):
    peaks = {"fp32": tflops / 2 * 1e12, "bf16": tflops * 1e12, "fp16": tflops * 1e12, "int8": 2 * tflops * 1e12}
    if fp8:
        peaks["fp8"] = 2 * tflops * 1e12
    return DeviceSpec(
        name=name,
        vendor="NVIDIA" if device_type == "cuda" else "Intel",
        device_type=device_type,
        architecture="Ampere" if device_type == "cuda" else "Sapphire Rapids",
        memory_bytes=None if device_type == "cpu" else memory_gb * GB,
        memory_bandwidth_bytes_per_s=bandwidth_gb_s * 1e9,
        peak_flops=peaks,
        link_bytes_per_s=300e9,
        pcie_bytes_per_s=31.5e9,
        usd_per_hour=2.0,
        num_units=56 if device_type == "cpu" else 108,
        aliases=aliases,
    )


GPU = spec()
SMALL_GPU = spec("Round 24GB", memory_gb=24, bandwidth_gb_s=900, tflops=120)
CPU = spec("Round Socket", device_type="cpu", bandwidth_gb_s=300, tflops=50)
GAUDI = spec("Round Gaudi", device_type="hpu", memory_gb=96)


def catalog(*devices):
    return HardwareCatalog(devices or (GPU, SMALL_GPU, CPU, GAUDI))


def tiny_arch(name="tiny", **changes):
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": 16,
        "hidden_size": 2048,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "intermediate_size": 8192,
        "vocab_size": 128256,
        "tie_word_embeddings": True,
        "max_position_embeddings": 131072,
        "torch_dtype": "bfloat16",
        "hidden_act": "silu",
    }
    return ModelArchitecture.from_config({**config, **changes}, name=name)


def gpu_device(count=8, available=None, name="Round 80GB", memory_gb=80, **fields):
    return {
        "type": "cuda",
        "name": name,
        "raw_name": name,
        "mem_per_GPU_in_GB": memory_gb,
        "available_count": count if available is None else available,
        "total_count": count,
        **fields,
    }


def cpu_device(name="Round Socket", **fields):
    return {
        "type": "cpu_high",
        "name": name,
        "raw_name": name,
        "mem_per_GPU_in_GB": 512,
        "memory_gb": 512,
        "cores": 112,
        "utilized_cores": 1.0,
        "utilized_memory_gb": 12.0,
        "socket_count": 2,
        "available_count": 1,
        **fields,
    }


def node(name, *devices, status=True, **fields):
    return {"id": name, "name": name, "status": status, "devices": list(devices), **fields}


def cluster(*nodes, name="c1"):
    return {"id": name, "name": name, "nodes": list(nodes)}


@dataclass
class AnalyticPredictor:
    """Decode step = weights / (TP x bandwidth) + a cost per request + a cost per hop: rises with load, never falls."""

    calls: list = field(default_factory=list)

    def predict(self, points):
        self.calls.append(len(points))
        return [self._predict(point) for point in points]

    def _predict(self, point):
        memory = estimate_memory(point)
        if isinstance(memory, Infeasible):
            return memory
        load = point.workload
        users = load.concurrency or 1
        tp, pp = point.plan.tp_size, point.plan.pp_size
        hop_s = 2e-5 * (pp - 1) + 2e-5 * max(0, (point.nodes_spanned or 1) - 1) + 1e-5 * (tp - 1)
        weights = point.arch.params_total * point.precision.weight_bytes
        step_s = weights / (tp * point.device.memory_bandwidth_bytes_per_s) + 2e-4 * users / tp + hop_s
        ttft_s = (
            2 * point.arch.params_active * load.isl * (1 + users / 4) / (tp * point.device.peak_flops["bf16"]) + step_s
        )
        e2e_s = ttft_s + step_s * (load.osl - 1)
        per_user = load.osl / e2e_s
        return Prediction(
            ttft_ms_mean=1e3 * ttft_s, ttft_ms_p50=1e3 * ttft_s, ttft_ms_p90=1.2e3 * ttft_s, ttft_ms_p95=1.3e3 * ttft_s,
            ttft_ms_p99=1.5e3 * ttft_s, tpot_ms_mean=1e3 * step_s, tpot_ms_p99=1e3 * step_s, itl_ms_p99=1e3 * step_s,
            e2e_s_mean=e2e_s, e2e_s_p50=e2e_s, e2e_s_p95=1.1 * e2e_s, e2e_s_p99=1.2 * e2e_s,
            output_tps=users * per_user, tps_per_user=per_user, request_throughput=users / e2e_s, saturated=False,
            kv_cache_tokens=memory.kv_cache_tokens, max_concurrency=memory.max_concurrency,
        )  # fmt: skip


def group(*free, device=None, **fields):
    """A group of nodes n0, n1 … with these free devices."""
    device = device or GPU
    nodes = tuple(NodeDevices(f"n{index}", f"host-{index}", count) for index, count in enumerate(free))
    memory = fields.pop("memory_bytes_per_device", device.memory_bytes or 250e9)
    kind = fields.pop("device_type", device.device_type)
    return DeviceGroup("c1", kind, device, device.name, nodes, memory, **fields)


def engine_option(device_type="cuda", **fields):
    fields = {"supports_pipeline_parallelism": device_type == "cuda", **fields}
    names = (fields.pop("engine", "vllm"), fields.pop("version", "0.11.0"))
    return EngineOption(*names, device_type, f"example/vllm-{device_type}:1", **fields)


BF16 = Precision("bf16", 2.0, 2.0, "bf16")


def search_case(devices=None, concurrency=8, arch=None, isl=512, osl=128, **fields):
    devices = devices or group(4, 4)
    return SearchCase(
        arch=arch or tiny_arch(),
        group=devices,
        engine=fields.pop("engine", engine_option(devices.spec.device_type)),
        workload=fields.pop("workload", Workload(isl, osl, concurrency=concurrency)),
        precisions=fields.pop("precisions", (BF16,)),
        usd_per_device_hour=fields.pop("usd_per_device_hour", 2.0),
        **fields,
    )
