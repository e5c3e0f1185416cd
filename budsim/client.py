"""How the command line talks to a running BudSim."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click
import httpx

from budsim.commons.config import settings
from budsim.commons.errors import (
    BudSimError,
    InvalidRequestError,
    NotFoundError,
    SimulationTimeoutError,
    UnauthorizedError,
    UnavailableError,
)

_POLL_SECONDS = 0.1
_ERRORS_BY_STATUS: dict[int, type[BudSimError]] = {
    401: UnauthorizedError,
    404: NotFoundError,
    408: SimulationTimeoutError,
    503: UnavailableError,
}


def _connect(server: str | None) -> httpx.Client:
    config = settings()
    token = config.app_api_token or config.dapr_api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    return httpx.Client(base_url=server or f"http://127.0.0.1:{config.app_port}", headers=headers, timeout=60.0)


def _call(http: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Send one request; error answers become BudSim's own errors.

    Raises:
        UnavailableError: Nothing answers at the address.
        BudSimError: What the server says.
    """
    try:
        response = http.request(method, path, **arguments)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(f"{http.base_url} does not answer ({error}); start it with 'budsim serve'.") from error
    if response.is_success:
        return response
    try:
        envelope = response.json()
        message, param = envelope["message"], envelope.get("param")
    except (ValueError, KeyError, TypeError):
        message, param = f"{http.base_url} answers {response.status_code} and is not BudSim.", None
    kind = _ERRORS_BY_STATUS.get(response.status_code, InvalidRequestError if response.is_client_error else BudSimError)
    raise kind(message, param)


def simulate_on_server(
    server: str,
    model: str,
    *,
    clusters_file: Path | None,
    cluster_id: str | None,
    input_tokens: int,
    output_tokens: int,
    concurrency: int,
    ttft_ms: float,
    throughput_per_user: float,
    e2e_s: float,
    objective: str,
    hardware_mode: str,
    method: str | None,
    top_k: int,
    price_basis: str | None,
    allow_disaggregated: bool,
) -> dict[str, Any]:
    """Run a simulation on a server, showing its progress on stderr, and return its answer.

    Raises:
        InvalidRequestError: An option that only a local simulation knows, or the server refuses a value.
    """
    if clusters_file is not None or top_k != 5:
        text = "--clusters and --top-k go without --server; import clusters with 'budsim clusters import'."
        raise InvalidRequestError(text, {"field": "clusters"})
    body = {
        "pretrained_model_uri": model,
        "model_uri": model,
        "is_proprietary_model": False,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "concurrency": concurrency,
        "target_ttft": ttft_ms,
        "target_throughput_per_user": throughput_per_user,
        "target_e2e_latency": e2e_s,
        "cluster_id": cluster_id,
        "hardware_mode": hardware_mode,
        "simulation_method": method,
        "optimization_target": objective,
        "price_basis": price_basis,
        "allow_disaggregated": allow_disaggregated,
    }
    with _connect(server) as http:
        started = _call(http, "POST", "/simulator/run", json=body, headers={"Prefer": "wait=0"})
        answer: dict[str, Any] = started.json()
        if started.status_code == httpx.codes.ACCEPTED:
            answer = _follow(http, answer["workflow_id"])
    return answer


def _follow(http: httpx.Client, workflow_id: str) -> dict[str, Any]:
    with click.progressbar(length=100, label="simulating", file=sys.stderr) as bar:
        shown = 0
        while True:
            response = _call(http, "GET", f"/simulator/results/{workflow_id}")
            if response.status_code != httpx.codes.ACCEPTED:
                bar.update(100 - shown)
                answer: dict[str, Any] = response.json()
                return answer
            percent = int(response.json()["percent"])
            bar.update(max(0, percent - shown))
            shown = max(shown, percent)
            time.sleep(_POLL_SECONDS)


def put_clusters(server: str | None, file: Path) -> int:
    """Replace the clusters a server knows by those of a file; return how many there are now."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{file} is not readable JSON: {error}.", {"field": "clusters"}) from error
    with _connect(server) as http:
        return len(_call(http, "PUT", "/clusters", json=document).json()["clusters"])


def get_clusters(server: str | None) -> dict[str, Any]:
    """Return the clusters a server knows, and where they come from."""
    with _connect(server) as http:
        known: dict[str, Any] = _call(http, "GET", "/clusters").json()
        return known


def get_configuration(server: str | None, workflow_id: str, cluster_id: str | None = None) -> dict[str, Any]:
    """Return what a server would deploy for one of its runs."""
    body = {"workflow_id": workflow_id, "cluster_id": cluster_id}
    with _connect(server) as http:
        found: dict[str, Any] = _call(http, "POST", "/simulator/configurations", json=body).json()
        return found
