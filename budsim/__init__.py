"""BudSim: predict how an LLM deployment will perform, and find the one that meets your targets.

The library needs no server and no database::

    import budsim

    budsim.simulate("meta-llama/Llama-3.1-8B", clusters="clusters.json", concurrency=64, ttft_ms=500)
    budsim.size("meta-llama/Llama-3.1-8B", concurrency=200, ttft_ms=1000)  # devices for a traffic
    budsim.capacity("meta-llama/Llama-3.1-8B", clusters="clusters.json", ttft_ms=1000)  # traffic for a cluster
    budsim.predict(points)  # pandas DataFrame in and out
    budsim.estimate_memory(points)
    budsim.recommend_gpus("meta-llama/Llama-3.1-8B", batch_size=8).summary()

Importing the package is cheap; each function imports what it needs when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from budsim.library import ClusterSource
    from budsim.recommender.results import RecommendationResult
    from budsim.simulator.simulation import SimulationOutcome

__all__ = ["capacity", "describe_clusters", "estimate_memory", "predict", "recommend_gpus", "simulate", "size"]


def simulate(model: str, *, clusters: ClusterSource = None, **options: Any) -> SimulationOutcome:
    """Return ranked deployments of ``model``; see ``budsim.library.simulate`` for every option."""
    from budsim import library

    return library.simulate(model, clusters=clusters, **options)


def size(model: str, **options: Any) -> dict[str, Any]:
    """Return the cheapest or fewest devices for a load and its targets; see ``budsim.library_sizing.size``."""
    from budsim import library_sizing

    return library_sizing.size(model, **options)


def capacity(model: str, *, clusters: ClusterSource = None, **options: Any) -> dict[str, Any]:
    """Return the most traffic of clusters within the targets; see ``budsim.library_sizing.capacity``."""
    from budsim import library_sizing

    return library_sizing.capacity(model, clusters=clusters, **options)


def describe_clusters(clusters: ClusterSource = None, *, hardware_mode: str = "dedicated") -> dict[str, Any]:
    """Return the device groups of clusters, and every device left out with its reason."""
    from budsim import library

    return library.describe_clusters(clusters, hardware_mode=hardware_mode)


def predict(points: pd.DataFrame, method: str | None = None, model_version: str | None = None) -> pd.DataFrame:
    """Return serving metrics for a table of points; columns as in the README, bad rows get a ``status``.

    What ``budsim calibrate`` kept is used.
    """
    from budsim import library

    return library.predict(points, method, model_version)


def estimate_memory(points: pd.DataFrame) -> pd.DataFrame:
    """Return weights, activations, KV cache and concurrency for a table of points."""
    from budsim.model_ops.services import memory_corrections
    from budsim.simulator import points_table

    return points_table.estimate_memory(points, memory_corrections())


def recommend_gpus(model: str, **options: Any) -> RecommendationResult:
    """Return GPUs and layouts for ``model``; see ``budsim.recommender.recommend_gpus`` for every option."""
    from budsim import recommender

    return recommender.recommend_gpus(model, **options)
