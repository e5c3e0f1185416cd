"""How fast ``POST /api/usecases/{id}/recommendations`` answers: first answer after start, and 20 clients at once.

    .venv/bin/python tests/performance/benchmark_recommendations.py [--clients 20] [--requests 2000]

Starts a service of its own, as ``budsim serve`` does, on a free port with a database of its own. Every client keeps one
connection, asks for use cases in a random order of its own and waits for each answer before it asks again. All clients
are one thread that only counts bytes: they share the machine with the service, and shall cost it little.

Warm: every use case has been asked for once, and the service has ended the preparation that its first question starts
(it stands still; the wait is printed, and a round beside it is measured before). No reply is cached: the service
remembers what it predicted of a model on a device under a load (and these figures as JSON text), as any caller may ask
for that point; each request reads its use case and the categories from the database, looks for new devices and
calibrations, ranks, filters, checks the bounds, prices, advises, and puts its answer together. CPU time is what a busy
machine does not blur; look at it first.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
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


def wait_until_idle(pid: int, seconds: float = 180.0) -> float:
    """Return how long it took until the process used less than a twentieth of a core for two seconds."""
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        before = cpu_seconds(pid)
        time.sleep(2.0)
        if cpu_seconds(pid) - before < 0.1:
            return time.perf_counter() - started
    raise SystemExit("the service does not come to rest")


@dataclass
class Client:
    """One connection that asks, waits, and asks again; ``seconds`` has how long each answer took."""

    port: int
    asked: Iterator[str]
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.ask_next()

    def ask_next(self) -> bool:
        """Ask for the next use case; whether there is one."""
        unique_id = next(self.asked, None)
        if unique_id is None:
            self.socket.close()
            return False
        self.head, self.left = b"", -1
        request = f"POST /api/usecases/{unique_id}/recommendations HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n"
        self.started = time.perf_counter()
        self.socket.sendall(request.encode())
        return True

    def read(self, buffer: bytearray) -> bool:
        """Take what has come; whether anything is still to come."""
        count = self.socket.recv_into(buffer)
        if not count:
            raise SystemExit("the service closed a connection")
        if self.left < 0:
            self.head += buffer[:count]
            head, found, rest = self.head.partition(b"\r\n\r\n")
            if not found:
                return True
            if b" 200 " not in head[:16]:
                raise SystemExit(head.decode())
            self.left = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(rest)
        else:
            self.left -= count
        if self.left:
            return True
        self.seconds.append(time.perf_counter() - self.started)
        return self.ask_next()


def run_clients(port: int, ids: list[str], clients: int, requests: int) -> list[float]:
    """Return the seconds of every answer."""
    buffer, waiting = bytearray(1 << 20), selectors.DefaultSelector()
    seconds: list[list[float]] = []
    for seed in range(clients):
        order = random.Random(seed)  # noqa: S311 - an order, not a secret
        client = Client(port, iter([order.choice(ids) for _ in range(requests // clients)]))
        seconds.append(client.seconds)
        waiting.register(client.socket, selectors.EVENT_READ, client)
    while waiting.get_map():
        for key, _ in waiting.select():
            if not key.data.read(buffer):
                waiting.unregister(key.fileobj)
    return [value for values in seconds for value in values]


def measure(port: int, ids: list[str], options: argparse.Namespace, pid: int, state: str) -> None:
    started, before, own = time.perf_counter(), cpu_seconds(pid), time.process_time()
    many = sorted(run_clients(port, ids, options.clients, options.requests))
    took = time.perf_counter() - started
    p95 = many[int(0.95 * len(many))]
    used = 1e3 * (cpu_seconds(pid) - before) / len(many)
    clients_used = 1e3 * (time.process_time() - own) / len(many)
    print(f"{options.clients} clients, {len(many)} requests, {state}: median {1e3 * statistics.median(many):.1f} ms, "
          f"p95 {1e3 * p95:.1f} ms, max {1e3 * many[-1]:.1f} ms; {len(many) / took:.0f} requests/s")  # fmt: skip
    print(f"  {used:.2f} ms of CPU each in the service, {clients_used:.2f} ms in the clients")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--requests", type=int, default=2000)
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
            measure(port, ids, options, service.pid, "beside the preparation")
            print(f"prepared after another {wait_until_idle(service.pid):.0f} s")
            alone = sorted(run_clients(port, ids, 1, 200))
            print(f"one client, warm: median {1e3 * statistics.median(alone):.1f} ms")
            measure(port, ids, options, service.pid, "warm")
        finally:
            service.terminate()
            service.wait(timeout=60)


if __name__ == "__main__":
    main()
