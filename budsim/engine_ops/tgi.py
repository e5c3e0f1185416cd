"""Text Generation Inference and IBM's fork of it: defaults. Pure. It is predicted, not deployed."""

from __future__ import annotations

from budsim.engine_ops.base import DefaultsQuery, EngineDefaults, EngineProfile


def tgi_defaults(query: DefaultsQuery) -> EngineDefaults:
    """Text Generation Inference and IBM's fork: 4096 prefill tokens a batch, 128 concurrent requests, no chunking.

    The launcher raises the prefill budget to the longest input it accepts.
    """
    return EngineDefaults(128, max(4096, query.max_model_len), 0.95, 16, False, False)


PROFILE = EngineProfile(
    name="tgi",
    aliases=("tgi", "tgis", "text-generation-inference"),
    versions=(),
    default_version="2.0",
    device_types=("cuda", "rocm", "hpu"),
    defaults=tgi_defaults,
)
