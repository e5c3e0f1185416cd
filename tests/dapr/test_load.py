"""Two hundred runs at once: no error, memory flat, and whoever reads meanwhile is answered."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from dapr_stack import APP_HEADERS

RUNS = 200
WARM_UP_RUNS = 20
P95_BOUND_MS = 250.0  # the goal is 50 ms on a machine of its own; CI's is shared
GROWTH_BOUND_BYTES = 64 * 2**20


def queue_runs(stack, count):
    """Start ``count`` runs at once; return their ids."""
    with httpx.Client(limits=httpx.Limits(max_connections=50), timeout=120) as client, ThreadPoolExecutor(50) as pool:
        return list(pool.map(lambda index: stack.first.rest(client, output_tokens=300 + index % 50), range(count)))


class Reader:
    """Reads recommendations again and again, and notes how long every answer took."""

    def __init__(self, url, workflow_id):
        self.took_ms, self.failures = [], []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(f"{url}/simulator/recommendations", workflow_id))

    def _read(self, url, workflow_id):
        with httpx.Client(headers=APP_HEADERS, timeout=60) as client:
            while not self._over.wait(0.05):
                began = time.perf_counter()
                answer = client.get(url, params={"workflow_id": workflow_id})
                self.took_ms.append((time.perf_counter() - began) * 1000)
                if answer.status_code != 200 or not answer.json()["items"]:
                    self.failures.append(answer.text)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


@pytest.mark.timeout(600)
def test_two_hundred_runs_at_once_leave_no_error_little_memory_and_quick_reads(stack):
    warm = queue_runs(stack, WARM_UP_RUNS)
    stack.assert_each_finished_once(warm)
    queue_and_finish(stack, RUNS // 2)  # the pools of connections and threads are as large as they will be
    before = stack.first.memory_bytes()

    began = time.monotonic()
    with Reader(stack.first.url, warm[0]) as reader:
        workflow_ids = queue_runs(stack, RUNS)
        queued_s = time.monotonic() - began
        stack.assert_each_finished_once(workflow_ids, 200)
        took_s = time.monotonic() - began
    growth = stack.first.memory_bytes() - before

    p95_ms = statistics.quantiles(reader.took_ms, n=20)[-1]
    print(
        f"\n{RUNS} runs queued in {queued_s:.1f} s, over after {took_s:.1f} s; {len(reader.took_ms)} reads, median"
        f" {statistics.median(reader.took_ms):.1f} ms, p95 {p95_ms:.1f} ms;"
        f" memory {before / 2**20:.0f} MiB, {growth / 2**20:+.1f} MiB"
    )
    assert not reader.failures
    assert p95_ms < P95_BOUND_MS
    assert growth < GROWTH_BOUND_BYTES


def queue_and_finish(stack, count):
    stack.assert_each_finished_once(queue_runs(stack, count), 200)
