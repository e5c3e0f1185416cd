"""kill -9 in the middle of runs, start again: every run ends once, its rows whole, none twice."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from service_doubles import CLUSTER_A, CLUSTER_B, clusters

pytestmark = pytest.mark.integration

RUNS = 6


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A real ``serve`` process with a data folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        model = folder / "model"
        model.mkdir()
        shape = {
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 16, "hidden_size": 2048,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 8192,
            "vocab_size": 128256, "tie_word_embeddings": True, "max_position_embeddings": 131072,
            "torch_dtype": "bfloat16", "hidden_act": "silu",
        }  # fmt: skip
        (model / "config.json").write_text(json.dumps(shape))

    def start(self):
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PSQL_", "DAPR_", "DATABASE_"))
            },
            "BUDSIM_DATA_DIR": str(self.folder / "data dir"),
            "APP_PORT": self.url.rpartition(":")[2],
            "MODEL_REGISTRY_DIR": str(self.folder),
            "SEARCH_WORKERS": "2",
        }
        log = (self.folder / "serve.log").open("ab")
        command = [sys.executable, "-c", "from budsim.main import run_server; run_server()"]
        self.process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "serve.log").read_text()
            try:
                if httpx.get(f"{self.url}/ready", timeout=1).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "serve.log").read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def call(self, method, path, **kwargs):
        return httpx.request(method, self.url + path, timeout=60, **kwargs)


@pytest.fixture(scope="module")
def server(database_folder):
    """One service for all tests of this file, which is killed and started again on the way."""
    running = Server(database_folder)
    running.start()
    assert running.call("PUT", "/clusters", json=clusters()).status_code == 200
    yield running
    if running.process.poll() is None:
        running.stop()


def start_run(server, output_tokens):
    body = {
        "pretrained_model_uri": "model", "is_proprietary_model": False, "input_tokens": 64,
        "output_tokens": output_tokens, "concurrency": 8, "target_ttft": 0,
        "target_throughput_per_user": 0, "target_e2e_latency": 0,
    }  # fmt: skip
    answer = server.call("POST", "/simulator/run", json=body, headers={"Prefer": "wait=0"})
    assert answer.status_code == 202, answer.text
    return answer.json()["workflow_id"]


def statuses(server, workflow_ids):
    return Counter(server.call("GET", f"/simulator/status/{each}").json()["status"] for each in workflow_ids)


def wait_until_over(server, workflow_ids, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = statuses(server, workflow_ids)
        if not found["PENDING"] and not found["RUNNING"]:
            return found
        time.sleep(0.3)
    raise AssertionError(found)


def events(server, workflow_id):
    steps = server.call("GET", f"/simulator/status/{workflow_id}/progress").json()["steps"]
    return [(step["step"], step["status"]) for step in steps]


def test_killed_runs_end_once_and_whole(server):
    with ThreadPoolExecutor(8) as pool:
        workflow_ids = list(pool.map(lambda index: start_run(server, 32 + index), range(RUNS)))
    before = statuses(server, workflow_ids)
    server.kill()
    assert before["COMPLETED"] < RUNS, "nothing was left to recover"
    server.start()

    assert wait_until_over(server, workflow_ids) == {"COMPLETED": RUNS}
    for workflow_id in workflow_ids:
        assert Counter(events(server, workflow_id)).most_common(1)[0][1] == 1
        assert events(server, workflow_id)[-1] == ("results", "COMPLETED")
        items = server.call(
            "GET", "/simulator/recommendations", params={"workflow_id": workflow_id, "limit": 50}
        ).json()["items"]
        assert {item["cluster_id"] for item in items} == {CLUSTER_A, CLUSTER_B}
        answer = server.call("GET", f"/simulator/results/{workflow_id}").json()
        assert answer["recommendations"] == items


def test_a_second_service_on_the_same_folder_is_told_why_it_cannot_start(server):
    environment = {**os.environ, "BUDSIM_DATA_DIR": str(server.folder / "data dir"), "APP_PORT": str(free_port())}
    second = subprocess.run(
        [sys.executable, "-m", "budsim.cli", "serve"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 5
    assert f"in use by another BudSim (process {server.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_killed_search_worker_costs_no_run(server):
    workflow_ids = [start_run(server, 40 + index) for index in range(4)]
    for worker in worker_ids(server.process.pid):
        os.kill(worker, signal.SIGKILL)
    assert wait_until_over(server, workflow_ids) == {"COMPLETED": 4}


def test_nothing_outlives_a_service_that_is_told_to_stop(server):
    start_run(server, 50)
    children = worker_ids(server.process.pid)
    assert server.stop() == 0
    deadline = time.monotonic() + 10  # the fork server sees the end of its owner and then ends itself
    while any(is_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(is_running(child) for child in children)
    assert not (server.folder / "data dir" / "postgres" / "postmaster.pid").exists()


def worker_ids(parent):
    """Return the search workers: grandchildren, by way of the fork server."""
    import psutil

    return [
        child.pid
        for child in psutil.Process(parent).children(recursive=True)
        if "forkserver" in " ".join(child.cmdline())
    ]


def is_running(pid):
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
