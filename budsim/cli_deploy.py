"""``budsim deploy render``: the best deployment of a model, or of a run, in the form that launches it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from budsim.cli_types import FiniteRange
from budsim.commons.errors import InsufficientMemoryError, InvalidRequestError

_FORMATS = ("command", "compose", "kubernetes", "kserve", "llm-d")


@click.group()
def deploy() -> None:
    """Deployments in the forms that launch them."""


@deploy.command("render")
@click.argument("model", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="command",
    show_default=True,
    help="command line, docker compose, Kubernetes Deployment + Service, KServe InferenceService, llm-d values.",
)
@click.option(
    "--clusters",
    "clusters_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Cluster file (JSON), as for simulate.",
)
@click.option("--cluster-id", help="Only this cluster.")
@click.option("--input-tokens", "--isl", type=click.IntRange(1), default=1024, show_default=True)
@click.option("--output-tokens", "--osl", type=click.IntRange(1), default=512, show_default=True)
@click.option("--concurrency", type=click.IntRange(1), default=10, show_default=True)
@click.option("--ttft-ms", type=FiniteRange(0), default=0.0, help="Target, as for simulate (0 = none).")
@click.option("--throughput-per-user", type=FiniteRange(0), default=0.0, help="Target (0 = none).")
@click.option("--e2e-s", type=FiniteRange(0), default=0.0, help="Target (0 = none).")
@click.option("--objective", type=click.Choice(["cost", "throughput", "latency", "balanced"]), default="cost")
@click.option("--engine", multiple=True, help="Engines to use, most preferred first (vllm, sglang, latentbud).")
@click.option("--engine-version", help="Version of the engine; its arguments are those of that version.")
@click.option("--no-parsers", is_flag=True, help="Leave tool-call and reasoning parsers off.")
@click.option("--allow-disaggregated", is_flag=True, help="Also try pools that prefill and pools that decode.")
@click.option("--loras", is_flag=True, help="Serve as many LoRA adapters as fit.")
@click.option("--server", metavar="URL", help="Take the configuration of a run of this BudSim.")
@click.option("--workflow-id", help="The run; goes with --server.")
def render(
    model: str | None,
    form: str,
    server: str | None,
    workflow_id: str | None,
    cluster_id: str | None,
    no_parsers: bool,
    loras: bool,
    **options: Any,
) -> None:
    """Print how the best deployment of MODEL is launched, or that of a run (--server, --workflow-id)."""
    from budsim.simulator.pool_manifests import render_deployment

    if workflow_id is not None or server is not None:
        if workflow_id is None or model is not None:
            text = "--server goes with --workflow-id and without MODEL."
            raise InvalidRequestError(text, {"field": "workflow_id"})
        groups = _groups_of_run(server, workflow_id, cluster_id)
    else:
        if model is None:
            raise InvalidRequestError("Name a MODEL, or a run with --workflow-id.", {"field": "model"})
        groups = _groups_of_model(model, cluster_id, options)
    click.echo(render_deployment(groups, form, with_parsers=not no_parsers, with_loras=loras), nl=False)


def _groups_of_model(model: str, cluster_id: str | None, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the node groups of the best deployment of a model.

    Raises:
        InsufficientMemoryError: Nothing fits; the message has the reasons.
    """
    import budsim
    from budsim.simulator.deployment import node_group_configurations
    from budsim.simulator.ranking import cluster_recommendations

    outcome = budsim.simulate(
        model,
        clusters=options.pop("clusters_file"),
        cluster_id=cluster_id,
        engines=options.pop("engine"),
        **options,
    )
    # A replica that one pod can hold comes before a better one that it cannot.
    rows = outcome.rows
    on_one_node = [row for row in rows if row["top_k_configs"]["nodes_spanned"] <= 1]
    chosen = cluster_recommendations(on_one_node or rows, objective=options["objective"])
    if not chosen:
        raise InsufficientMemoryError(" ".join(outcome.reasons) or "Nothing fits.", {"field": "model"})
    best = chosen[0]
    return node_group_configurations(best.row, best.row["config_hash"], best.replicas)


def _groups_of_run(server: str | None, workflow_id: str, cluster_id: str | None) -> list[dict[str, Any]]:
    from budsim import client

    groups: list[dict[str, Any]] = client.get_configuration(server, workflow_id, cluster_id)["node_groups"]
    return groups
