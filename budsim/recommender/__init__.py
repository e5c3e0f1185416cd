"""GPU recommendations: which GPUs hold a model, in which layout, how many requests, how fast and for how much.

::

    from budsim.recommender import ModelArchitecture, recommend_gpus

    result = recommend_gpus(ModelArchitecture("Qwen/Qwen3-0.6B"))
    print(result.summary())

Figures are those of ``budsim memory`` and ``budsim predict`` for the same point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budsim.recommender.gpu_library import GPU_LIBRARY, GPUSpec, get_gpu_spec, list_available_gpus, load_gpu_library
    from budsim.recommender.model_architecture import ModelArchitecture
    from budsim.recommender.performance import PerformanceEstimate, estimate_performance, estimate_performance_batch
    from budsim.recommender.recommend import recommend_gpus
    from budsim.recommender.recommendation import (
        GPURecommendation,
        filter_recommendations_by_budget,
        find_gpu_recommendations,
    )
    from budsim.recommender.results import RecommendationResult, RecommendationWithPerformance

# Imported on first use: the pure modules of this package must not pull the library in.
_HOMES = {
    "GPU_LIBRARY": "gpu_library",
    "GPUSpec": "gpu_library",
    "get_gpu_spec": "gpu_library",
    "list_available_gpus": "gpu_library",
    "load_gpu_library": "gpu_library",
    "ModelArchitecture": "model_architecture",
    "PerformanceEstimate": "performance",
    "estimate_performance": "performance",
    "estimate_performance_batch": "performance",
    "GPURecommendation": "recommendation",
    "filter_recommendations_by_budget": "recommendation",
    "find_gpu_recommendations": "recommendation",
    "recommend_gpus": "recommend",
    "RecommendationResult": "results",
    "RecommendationWithPerformance": "results",
}

__all__ = [
    "GPU_LIBRARY",
    "GPURecommendation",
    "GPUSpec",
    "ModelArchitecture",
    "PerformanceEstimate",
    "RecommendationResult",
    "RecommendationWithPerformance",
    "estimate_performance",
    "estimate_performance_batch",
    "filter_recommendations_by_budget",
    "find_gpu_recommendations",
    "get_gpu_spec",
    "list_available_gpus",
    "load_gpu_library",
    "recommend_gpus",
]


def __getattr__(name: str) -> Any:
    """Return a public name from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
