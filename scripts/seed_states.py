#!/usr/bin/env python3
"""Write a cluster file into the sidecar's state store, where BudSim looks for the platform's clusters.

The value is what the platform writes: one JSON string that holds the list of clusters, first write wins, strong
consistency. A key that is there already is replaced only with ``--force``. Needs Python alone.

    scripts/seed_states.py [CLUSTERS.json] [--key cluster_info] [--store NAME] [--force]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 10
DEFAULT_CLUSTERS = Path(__file__).resolve().parent.parent / "examples" / "clusters.json"


class SeedError(Exception):
    """Seeding is not possible; the message says what to change."""


def call_sidecar(method: str, path: str, body: object = None) -> tuple[int, str, str | None]:
    """Return status, text and ETag of one call to the sidecar."""
    port = os.environ.get("DAPR_HTTP_PORT", "3500")
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("DAPR_API_TOKEN"):
        headers["dapr-api-token"] = token
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1.0/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers=headers,
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return response.status, response.read().decode(), response.headers.get("ETag")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), None
    except OSError as error:
        msg = f"No Dapr sidecar answers on port {port} ({error}). Start one (scripts/dapr_up.sh) or set DAPR_HTTP_PORT."
        raise SeedError(msg) from error


def read_clusters(path: Path) -> list[object]:
    """Return the clusters of a file that holds a list, or an object with a list under ``clusters``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} is no readable JSON file: {error}"
        raise SeedError(msg) from error
    clusters = document.get("clusters") if isinstance(document, dict) else document
    if not isinstance(clusters, list):
        msg = f"{path} holds no list of clusters."
        raise SeedError(msg)
    return clusters


def find_store(name: str | None) -> str:
    """Return the state store to write to: the named one, else the only one that the sidecar has loaded."""
    status, text, _ = call_sidecar("GET", "metadata")
    if status != 200:
        msg = f"The sidecar answered {status} to a question for its metadata: {text}"
        raise SeedError(msg)
    stores = [c["name"] for c in json.loads(text).get("components", []) if c["type"].startswith("state.")]
    if name is None and len(stores) == 1:
        return stores[0]
    if name not in stores:
        msg = f"Name one of the sidecar's state stores with --store: {', '.join(stores) or 'it has none'}."
        raise SeedError(msg)
    return name


def write_clusters(store: str, key: str, clusters: list[object], force: bool) -> None:
    """Save the clusters under ``key``."""
    status, text, etag = call_sidecar("GET", f"state/{store}/{key}?consistency=strong")
    if status == 200 and text and not force:
        msg = f"{key} is in {store} already; --force replaces it."
        raise SeedError(msg)
    item: dict[str, object] = {
        "key": key,
        "value": json.dumps(clusters),
        "options": {"concurrency": "first-write", "consistency": "strong"},
    }
    if etag:
        item["etag"] = etag
    status, text, _ = call_sidecar("POST", f"state/{store}", [item])
    if status != 204:
        msg = f"{store} refused {key} with {status}: {text}"
        raise SeedError(msg)


def main() -> int:
    """Seed the store and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clusters", nargs="?", type=Path, default=DEFAULT_CLUSTERS)
    parser.add_argument("--key", default=os.environ.get("CLUSTER_INFO_STATE_KEY", "cluster_info"))
    parser.add_argument("--store", default=os.environ.get("STATESTORE_NAME"))
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args()
    try:
        clusters = read_clusters(arguments.clusters)
        store = find_store(arguments.store)
        write_clusters(store, arguments.key, clusters, arguments.force)
    except SeedError as error:
        print(f"seed_states: {error}", file=sys.stderr)
        return 1
    print(f"{len(clusters)} clusters written to {store} under {arguments.key}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
