"""Measured runs and tracked accuracy on the wire: ms, s, tokens/s; errors are shares (0.05 = 5 %)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_FIGURES = {"ttft_ms_mean": 182.0, "tpot_ms_mean": 11.4, "e2e_s_mean": 6.0, "output_tps": 2710.0}
_KEY = ["meta-llama/Llama-3.1-8B", "NVIDIA H100 SXM 80GB", "vllm"]


class _Answer(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class BenchmarkUpload(BaseModel):
    """A file of a benchmark tool, and what it does not say of itself."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    content: str | dict[str, Any] | list[Any] = Field(
        description="the file: its text, or its JSON as it is",
        examples=["model,isl,osl,concurrency,ttft_ms_mean,tpot_ms_mean\nmeta-llama/Llama-3.1-8B,1024,512,16,182,11.4"],
    )
    file_name: str = Field("", max_length=255, description="name it is listed under", examples=["bench-h100.json"])
    model: str | None = Field(
        None, max_length=512, description="model of the runs, in place of the file's", examples=[_KEY[0]]
    )
    hardware: str | None = Field(None, max_length=200, description="device that served", examples=["H100"])
    engine: str | None = Field(None, max_length=50, description="engine of the server", examples=["vllm"])
    engine_version: str | None = Field(None, max_length=50, description="its version", examples=["0.24"])
    precision: str | None = Field(None, max_length=50, description="format of the weights", examples=["fp8"])
    settings: dict[str, str | float | bool] = Field(
        default_factory=dict,
        max_length=40,
        description="any other column of the prediction interface",
        examples=[{"tp": 2, "max_num_seqs": 256}],
    )
    project_id: str | None = Field(
        None, max_length=255, description="project that it belongs to; null = everybody's", examples=["project-1"]
    )
    calibrate: bool = Field(True, description="whether later predictions are to use it", examples=[True])


class MeasuredRun(_Answer):
    """One measured run and what had been predicted for it."""

    position: str = Field(description="where in the file; empty = the only one", examples=["benchmarks[1]"])
    tool: str = Field(description="what wrote it", examples=["vllm-bench"])
    configuration: dict[str, Any] = Field(
        description="columns of the prediction interface that it states",
        examples=[{"model": _KEY[0], "hardware": "H100", "engine": "vllm", "concurrency": 16, "isl": 1024, "osl": 512}],
    )
    measured: dict[str, float] = Field(description="metrics, units in their names", examples=[_FIGURES])
    derived: list[str] = Field(description="figures that were worked out, not measured", examples=[["isl", "osl"]])
    predicted: dict[str, Any] | None = Field(
        description="what was predicted before it was known, with ``basis`` and 80 % ``intervals``; null = nothing",
        examples=[{**_FIGURES, "basis": "interpolated", "confidence": 0.8, "intervals": {}}],
    )
    reason: str = Field(description="why nothing was predicted; empty otherwise", examples=[""])
    notes: list[str] = Field(description="what is odd about the run", examples=[["3 of 100 requests failed"]])


class RefusedRunView(_Answer):
    """A run of the file that was not taken."""

    position: str = Field(description="where in the file", examples=["run 2"])
    reason: str = Field(description="why", examples=["run 2: mean_ttft_ms = -1: must be a finite number above 0"])


class KnownRunView(_Answer):
    """A run of the upload that was stored already."""

    position: str = Field(description="where in the file; empty = the only one", examples=["benchmarks[1]"])
    benchmark_id: int = Field(description="the file that it is stored with", examples=[3])


class MetricErrorView(_Answer):
    """Absolute relative error of one metric, before and after a calibration."""

    metric: str = Field(description="metric", examples=["tpot_ms_mean"])
    count: int = Field(description="runs compared", examples=[6])
    before: float = Field(description="median with the shipped constants, share", examples=[0.12])
    after: float = Field(description="median with the calibration, share", examples=[0.03])
    after_80: float = Field(description="four in five stay within, share", examples=[0.06])


class CalibrationView(_Answer):
    """What was learnt of one model on one device under one engine."""

    model: str = Field(description="model", examples=[_KEY[0]])
    device: str = Field(description="device", examples=[_KEY[1]])
    engine: str = Field(description="engine", examples=["vllm"])
    load: str = Field(description="served, or static (one batch without a scheduler)", examples=["served"])
    constants: dict[str, float] = Field(
        description="step constants in place of the shipped ones", examples=[{"memory_efficiency": 0.82}]
    )
    num_points: int = Field(description="runs it was fitted to", examples=[6])
    fitted: list[MetricErrorView] = Field(description="errors on those runs")
    held_out: list[MetricErrorView] = Field(
        description="errors on configurations left out of the fit in turn; empty with a single one"
    )


class BenchmarkImport(_Answer):
    """What became of a file."""

    object: Literal["benchmark"] = Field("benchmark", description="Kind of object.")
    id: int = Field(description="how to find it again", examples=[7])
    file_name: str = Field(description="its name", examples=["bench-h100.json"])
    project_id: str | None = Field(description="whose it is; null = everybody's", examples=["project-1"])
    created_at: datetime = Field(description="when it came", examples=["2026-01-01T12:00:00Z"])
    runs: list[MeasuredRun] = Field(description="its runs")
    refused: list[RefusedRunView] = Field(description="runs that were not taken")
    known: list[KnownRunView] = Field(
        default_factory=list,
        description="runs of this upload that were stored already: they count once. If all were, this is that file",
    )
    calibrations: list[CalibrationView] = Field(description="what is in use now of the models and devices it is about")


class BenchmarkSummary(_Answer):
    """One file in a list."""

    id: int = Field(description="how to find it", examples=[7])
    file_name: str = Field(description="its name", examples=["bench-h100.json"])
    project_id: str | None = Field(description="whose it is; null = everybody's", examples=["project-1"])
    created_at: datetime = Field(description="when it came", examples=["2026-01-01T12:00:00Z"])
    num_runs: int = Field(description="runs that were taken", examples=[6])
    num_refused: int = Field(description="runs that were not", examples=[0])
    models: list[str] = Field(description="models that were recognised, lower case", examples=[[_KEY[0].lower()]])


class BenchmarkList(_Answer):
    """Files that the caller sees, newest first."""

    object: Literal["benchmarks"] = Field("benchmarks", description="Kind of object.")
    page: int = Field(description="This page, from 1.", examples=[1])
    limit: int = Field(description="Items a page.", examples=[20])
    total_items: int = Field(description="Items in all.", examples=[3])
    total_pages: int = Field(description="Pages in all.", examples=[1])
    items: list[BenchmarkSummary] = Field(description="The items of this page.")


class BenchmarkDeleted(_Answer):
    """A file that is gone."""

    object: Literal["benchmark_deleted"] = Field("benchmark_deleted", description="Kind of object.")
    id: int = Field(description="its id", examples=[7])
    calibrations: list[CalibrationView] = Field(description="what is in use now of the models and devices it was about")


class MetricAccuracyView(_Answer):
    """Predicted against measured in one metric."""

    metric: str = Field(description="metric", examples=["ttft_ms_mean"])
    count: int = Field(description="runs compared", examples=[12])
    median_ape: float = Field(description="median absolute relative error, share", examples=[0.06])
    mean_ape: float = Field(description="mean absolute relative error, share", examples=[0.09])
    coverage: float | None = Field(
        description="share of the runs inside the 80 % interval; null = there were no intervals", examples=[0.83]
    )


class GroupAccuracyView(_Answer):
    """How well one model on one device under one engine was predicted before it was measured."""

    model: str = Field(description="model, lower case", examples=[_KEY[0].lower()])
    device: str = Field(description="device, lower case", examples=[_KEY[1].lower()])
    engine: str = Field(description="engine", examples=["vllm"])
    load: str = Field(description="served or static", examples=["served"])
    count: int = Field(description="runs", examples=[12])
    metrics: list[MetricAccuracyView] = Field(description="by metric")
    calibration: CalibrationView | None = Field(description="what is in use now; null = the shipped constants")


class AccuracyReport(_Answer):
    """Predicted against measured, the newest runs."""

    object: Literal["accuracy"] = Field("accuracy", description="Kind of object.")
    total_runs: int = Field(description="runs counted", examples=[12])
    items: list[GroupAccuracyView] = Field(description="one per model, device, engine and kind of load")
