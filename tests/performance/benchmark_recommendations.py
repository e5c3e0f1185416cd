"""How fast ``POST /api/usecases/{id}/recommendations`` answers: first answer after start, and 20 clients at once.

    .venv/bin/python tests/performance/benchmark_recommendations.py [--clients 20] [--requests 1000]

Starts a service of its own on a free port with a database of its own. Every client asks for use cases in a random order
of its own and waits for each answer; clients only read the bytes. Warm: every use case has been asked for once.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

USE_CASES = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(connection: http.client.HTTPConnection, unique_id: str) -> tuple[float, int]:
    started = time.perf_counter()
    connection.request("POST", f"/api/usecases/{unique_id}/recommendations", headers={"Content-Length": "0"})
    answer = connection.getresponse()
    size = len(answer.read())
    if answer.status != 200:
        raise SystemExit(f"{unique_id}: HTTP {answer.status}")
    return time.perf_counter() - started, size


def get(port: int, path: str) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def wait_until_ready(port: int, seconds: float = 120.0) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        try:
            if get(port, "/ready").get("message") == "ready":
                return time.perf_counter() - started
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("the service did not start")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far: what a shared machine cannot blur."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_clients(port: int, ids: list[str], clients: int, requests: int) -> list[float]:
    seconds: list[float] = []

    def client(seed: int) -> None:
        order = random.Random(seed)  # noqa: S311 - an order, not a secret
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        seconds.extend(ask(connection, order.choice(ids))[0] for _ in range(requests // clients))

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="budsim bench ", ignore_cleanup_errors=True) as folder:
        environment = {**os.environ, "BUDSIM_DATA_DIR": folder, "BUDSIM_OFFLINE": "1", "APP_PORT": str(port)}
        command = [sys.executable, "-m", "budsim.cli", "serve"]
        service = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            print(f"ready after {wait_until_ready(port):.1f} s")
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            first, size = ask(connection, "chat_support")
            print(f"first answer after start: {first:.3f} s, {size / 1e3:.0f} kB")
            found = get(port, "/api/usecases?limit=1000")["usecases"]
            ids = [case["unique_id"] for case in found][:USE_CASES]
            cold = sorted(ask(connection, unique_id)[0] for unique_id in ids)
            print(f"{len(ids)} use cases, each for the first time, one client: median {statistics.median(cold):.3f} s, "
                  f"max {cold[-1]:.3f} s")  # fmt: skip
            alone = sorted(run_clients(port, ids, 1, 200))
            print(f"one client, warm: median {1e3 * statistics.median(alone):.1f} ms")
            started, before = time.perf_counter(), cpu_seconds(service.pid)
            many = sorted(run_clients(port, ids, options.clients, options.requests))
            took = time.perf_counter() - started
            p95 = many[int(0.95 * len(many))]
            used = 1e3 * (cpu_seconds(service.pid) - before) / len(many)
            print(f"{options.clients} clients, {len(many)} requests, warm: {used:.1f} ms of CPU each")
            print(f"median {1e3 * statistics.median(many):.1f} ms, p95 {1e3 * p95:.1f} ms, max {1e3 * many[-1]:.1f} ms")
            print(f"{len(many) / took:.0f} requests/s")
        finally:
            service.terminate()
            service.wait(timeout=60)


if __name__ == "__main__":
    main()
