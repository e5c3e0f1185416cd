"""Options of the plots (Apache ECharts). Pure: figures in, options out; every text is plain, nothing is HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from budsim.dashboard.wording import confidence_word, engine_name, layout, milliseconds, number, percent, seconds, usd

Json = dict[str, Any]
_LOG_FROM = 30.0  # largest over smallest figure of an axis
PALETTE = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#db2777")


@dataclass(frozen=True, slots=True)
class Axis:
    """One figure that a plot can show."""

    key: str
    title: str
    interval: str | None = None


AXES = {
    "ttft": Axis("ttft", "TTFT p50, ms", "ttft_ms_mean"),
    "e2e_latency": Axis("e2e_latency", "E2E latency p50, s", "e2e_s_mean"),
    "output_tps": Axis("output_tps", "Output tokens/s", "output_tps"),
    "throughput_per_user": Axis("throughput_per_user", "Tokens/s of one user"),
    "cost_per_million_tokens": Axis("cost_per_million_tokens", "USD per million tokens"),
    "cost_per_hour_usd": Axis("cost_per_hour_usd", "USD per hour"),
}


def device_of(metrics: Mapping[str, Any]) -> str:
    """Return the device's catalogue name; the cluster's own where the run kept no other."""
    return str(metrics.get("catalogue_name") or metrics["device_name"])


def configuration_title(item: Mapping[str, Any]) -> str:
    """Return a configuration in one line."""
    metrics = item["metrics"]
    return f"{device_of(metrics)} · {engine_name(item['engine'])} · {layout(metrics)} · {metrics['precision']}"


def configuration_text(item: Mapping[str, Any]) -> str:
    """Return what hovering over a configuration tells: what it is, its figures and their intervals."""
    metrics, intervals = item["metrics"], item.get("intervals") or {}

    def within(name: str, factor: float = 1.0) -> str:
        low_high = intervals.get(name)
        return f"  (80 %: {number(low_high[0] * factor)} – {number(low_high[1] * factor)})" if low_high else ""

    cost = metrics["cost_per_million_tokens"] if metrics["cost_known"] else None
    lines = [
        configuration_title(item),
        f"cluster {item.get('cluster_name') or item['cluster_id']}",
        f"TTFT {milliseconds(metrics['ttft'])}{within('ttft_ms_mean')}",
        f"E2E {seconds(metrics['e2e_latency'])}{within('e2e_s_mean')}",
        f"output {number(metrics['output_tps'])} tokens/s{within('output_tps')}",
        f"cost {usd(cost)} per million tokens, {usd(metrics.get('cost_per_hour_usd'))} per hour",
        f"targets {'met' if metrics['meets_targets'] else 'missed by ' + percent(metrics['error_rate'])}",
    ]
    if metrics.get("confidence") is not None:
        lines.append(f"confidence {number(metrics['confidence'], 2)} ({confidence_word(metrics['confidence'])})")
    if metrics.get("binding"):
        lines.append(f"limited by {metrics['binding']}")
    return "\n".join(lines)


def value_of(item: Mapping[str, Any], key: str) -> float | None:
    """Return one figure of a configuration; a cost that is not known is None."""
    metrics = item["metrics"]
    if key.startswith("cost") and not metrics["cost_known"]:
        return None
    value = metrics.get(key)
    return None if value is None else float(value)


def pareto_options(items: Sequence[Mapping[str, Any]], x: str, y: str, *, dark: bool = False) -> Json:
    """Return the scatter of a run's configurations: one colour per device, diamonds where no other beats it."""
    by_device: dict[str, list[Json]] = {}
    for item in items:
        first, second = value_of(item, x), value_of(item, y)
        if first is None or second is None:
            continue
        best = bool(item.get("pareto"))
        by_device.setdefault(device_of(item["metrics"]), []).append(
            {
                "name": configuration_text(item),
                "value": [first, second],
                "symbol": "diamond" if best else "circle",
                "symbolSize": 18 if best else 10,
                "itemStyle": {"opacity": 1.0 if best else 0.55},
            }
        )
    series = [
        {"type": "scatter", "name": name, "data": points, "color": PALETTE[index % len(PALETTE)]}
        for index, (name, points) in enumerate(by_device.items())
    ]
    axes = axes_options(AXES[x].title, AXES[y].title, dark)
    for index, axis in enumerate(axes.values()):
        axis |= _scale([point["value"][index] for points in by_device.values() for point in points])
    return {**frame_options(dark), "series": series, **axes}


def _scale(values: Sequence[float]) -> Json:
    """Return a logarithmic axis where a few slow devices would press all others into a corner."""
    if not values or min(values) <= 0 or max(values) < _LOG_FROM * min(values):
        return {}
    return {"type": "log", "min": float(f"{min(values) / 1.3:.1g}"), "max": float(f"{max(values) * 1.3:.2g}")}


def frame_options(dark: bool) -> Json:
    """Return what all plots share."""
    text = "#e5e7eb" if dark else "#1f2937"
    return {
        "animation": False,
        "aria": {"enabled": True},
        "backgroundColor": "transparent",
        "textStyle": {"color": text, "fontFamily": "inherit"},
        "legend": {"type": "scroll", "bottom": 0, "textStyle": {"color": text}},
        "grid": {"left": 64, "right": 24, "top": 24, "bottom": 76},
        "tooltip": {
            "trigger": "item",
            "formatter": "{b}",
            "confine": True,
            "backgroundColor": "#111827" if dark else "#ffffff",
            "textStyle": {"color": text},
            "extraCssText": "white-space: pre-line; max-width: 340px;",
        },
    }


def axes_options(x_title: str, y_title: str, dark: bool) -> Json:
    """Return two axes of values with their titles."""
    text, line = ("#d1d5db", "#374151") if dark else ("#374151", "#e5e7eb")

    def axis(title: str, gap: int) -> Json:
        return {
            "type": "value",
            "scale": True,
            "name": title,
            "nameLocation": "middle",
            "nameGap": gap,
            "nameTextStyle": {"color": text},
            "axisLabel": {"color": text, "hideOverlap": True},
            "splitLine": {"lineStyle": {"color": line}},
        }

    return {"xAxis": axis(x_title, 30), "yAxis": axis(y_title, 46)}


def predicted_measured_options(runs: Sequence[Mapping[str, Any]], metric: str, *, dark: bool = False) -> Json:
    """Return measured against predicted of one figure, on logarithmic axes, with the line of no error."""
    pairs = [
        (run, float(run["measured"][metric]), float(run["predicted"][metric]))
        for run in runs
        if run["measured"].get(metric) and run["predicted"].get(metric)
    ]
    values = [value for _, measured, predicted in pairs for value in (measured, predicted)]
    ends = [min(values), max(values)] if values else [1.0, 10.0]
    points = [
        {"name": _run_text(run, metric, measured, predicted), "value": [measured, predicted]}
        for run, measured, predicted in pairs
    ]
    axes = axes_options("measured TTFT, ms" if metric == "ttft_ms_mean" else f"measured {metric}", "predicted", dark)
    for axis in axes.values():
        axis |= {"type": "log", "min": float(f"{ends[0] / 1.3:.1g}"), "max": float(f"{ends[1] * 1.5:.1g}")}
    line = {
        "type": "line",
        "name": "no error",
        "data": [[end, end] for end in ends],
        "symbol": "none",
        "lineStyle": {"type": "dashed"},
        "color": "#64748b",
    }
    return {
        **frame_options(dark),
        **axes,
        "series": [{"type": "scatter", "name": "runs", "data": points, "color": PALETTE[0]}, line],
    }


def _run_text(run: Mapping[str, Any], metric: str, measured: float, predicted: float) -> str:
    known = run["configuration"]
    lines = [str(known.get("model") or ""), f"{known.get('hardware')}, {known.get('engine')}"]
    lines.append(f"measured {number(measured)}, predicted {number(predicted)} ({predicted / measured - 1:+.0%})")
    return "\n".join(lines)
