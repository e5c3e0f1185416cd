"""The recommender's main function."""

from __future__ import annotations

from collections.abc import Iterable

from budsim.recommender.gpu_library import GPUSpec
from budsim.recommender.model_architecture import ModelArchitecture
from budsim.recommender.performance import estimate_performance_batch
from budsim.recommender.recommendation import find_gpu_recommendations
from budsim.recommender.results import RecommendationResult


def recommend_gpus(
    model: ModelArchitecture | str,
    input_length: int = 1024,
    output_length: int = 512,
    precision: str | None = "fp16",
    context_length: int | None = None,
    batch_size: int = 1,
    gpu_memory_utilization: float | None = None,
    max_tensor_parallel: int | None = None,
    estimate_performance_flag: bool = True,
    max_gpus: int | None = None,
    *,
    gpus: Iterable[str | GPUSpec] | None = None,
    max_pipeline_parallel: int = 1,
    data_parallel_size: int = 1,
    expert_parallel: bool = False,
    kv_cache_dtype: str | None = None,
    engine: str | None = None,
    engine_version: str | None = None,
) -> RecommendationResult:
    """Return the GPUs and layouts that hold a model under a load, and what they do.

    Args:
        model: The model, or its id.
        input_length: Input tokens of a request.
        output_length: Output tokens of a request.
        precision: Format of the weights: fp16, bf16, fp8, awq, gptq …; None = the checkpoint's own.
        context_length: Longest sequence to admit, tokens; None = input and output together.
        batch_size: Concurrent requests.
        gpu_memory_utilization: Share of a GPU's memory for the engine; None = the engine's default.
        max_tensor_parallel: TP ranks at most; None = a server's GPUs.
        estimate_performance_flag: Predict TTFT, ITL and throughput of what fits.
        max_gpus: GPUs at most; None = any.
        gpus: GPUs to try, by name or as specs (``load_gpu_library(path).values()``); None = the shipped library.
        max_pipeline_parallel: Pipeline stages at most.
        data_parallel_size: Copies that share the load.
        expert_parallel: Experts are spread over the ranks; models with experts only.
        kv_cache_dtype: Format of the KV cache; None = the engine's default.
        engine: vllm, sglang …; None = vllm.
        engine_version: None = its default one.

    Raises:
        BudSimError: A value cannot be; the message names it.
    """
    chosen = ModelArchitecture(model) if isinstance(model, str) else model
    found = find_gpu_recommendations(
        chosen,
        input_length,
        output_length,
        precision,
        context_length,
        batch_size,
        gpu_memory_utilization,
        max_tensor_parallel,
        max_gpus,
        gpus=gpus,
        max_pipeline_parallel=max_pipeline_parallel,
        data_parallel_size=data_parallel_size,
        expert_parallel=expert_parallel,
        kv_cache_dtype=kv_cache_dtype,
        engine=engine,
        engine_version=engine_version,
    )
    result = RecommendationResult(chosen.model_name, precision, input_length, output_length, batch_size, context_length)
    estimates = estimate_performance_batch(found) if estimate_performance_flag else [None] * len(found)
    for item, estimate in zip(found, estimates, strict=True):
        result.add_recommendation(item, estimate)
    return result
