"""What the tests against the real Dapr are made of: requests, PostgreSQL, a subscribing caller."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg2
import uvicorn
from fastapi import FastAPI, Request

from budsim.commons import embedded_postgres

ROOT = Path(__file__).parents[1]
# In the environment of everything that these tests start.
MARK = "BUDSIM_TEST_STACK"
os.environ[MARK] = str(os.getpid())
SIDECAR_HEADERS = {"dapr-api-token": "sidecar-token"}
APP_HEADERS = {"dapr-api-token": "app-token"}
TOPIC, CALLER_TOPIC, DEAD_LETTERS = "budSimMessages", "callerMessages", "poisonMessages"
UNFINISHED = {"PENDING", "RUNNING"}

# Contract, section 2.3.
EVENT_ORDER = [
    ("validation", "STARTED"),
    ("eta", "RUNNING"),
    ("validation", "COMPLETED"),
    ("performance_estimation", "STARTED"),
    ("performance_estimation", "COMPLETED"),
    ("ranking", "STARTED"),
    ("ranking", "COMPLETED"),
    ("results", "COMPLETED"),
]

MODEL = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 16, "hidden_size": 2048,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 8192,
    "vocab_size": 128256, "tie_word_embeddings": True, "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16", "hidden_act": "silu",
}  # fmt: skip


def cluster_id(index):
    return f"11111111-1111-4111-8111-{index:012d}"


def clusters(count, nodes=1):
    device = {
        "type": "cuda", "name": "NVIDIA-A100-SXM4-80GB", "raw_name": "NVIDIA-A100-SXM4-80GB",
        "mem_per_GPU_in_GB": 80, "available_count": 8, "total_count": 8,
    }  # fmt: skip
    each = [
        {"id": f"n-{index}", "name": f"n-{index}", "status": True, "is_master": False, "devices": [device]}
        for index in range(nodes)
    ]
    return [{"id": cluster_id(index), "name": f"c{index}", "nodes": each} for index in range(count)]


def run_body(output_tokens=32, **more):
    return {
        "pretrained_model_uri": "model", "is_proprietary_model": False, "input_tokens": 64,
        "simulation_method": "heuristic",
        "output_tokens": output_tokens, "concurrency": 8, "target_ttft": 0, "target_throughput_per_user": 0,
        "target_e2e_latency": 0,
    } | more  # fmt: skip


def wait_for(what, seconds=60, pause_s=0.1):
    """Return what ``what`` returns, once that is true."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            if last := what():
                return last
        except (httpx.HTTPError, psycopg2.OperationalError) as error:
            last = error
        time.sleep(pause_s)
    raise AssertionError(f"not within {seconds} s: {what}; last {last!r}")


def free_ports(count):
    """Return different ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def stop_session(pid):
    """End a process group: TERM, then KILL."""
    for number, patience_s in ((signal.SIGTERM, 8), (signal.SIGKILL, 2)):
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not Path(f"/proc/{pid}").exists():
                break
            time.sleep(0.1)


class Postgres:
    """A PostgreSQL server of its own, on a TCP port that stays the same when it is stopped and started."""

    def __init__(self):
        self.account = embedded_postgres._server_account()
        self.folder = Path(tempfile.mkdtemp(prefix="budsim-test-pg-"))
        if self.account.name is not None:
            os.chown(self.folder, self.account.uid, self.account.gid)
            embedded_postgres._open_to_account(self.folder, self.account)
        (self.port,) = free_ports(1)
        self._tool("initdb", "-D", "pg", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N")
        self.start()
        self.run("CREATE DATABASE budsim", database="postgres")

    def _tool(self, name, *arguments):
        identity = {} if self.account.name is None else {"user": self.account.uid, "group": self.account.gid}
        subprocess.run(
            [embedded_postgres._bin_dir() / name, *arguments],
            cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=60, **identity,
        )  # fmt: skip

    def start(self):
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=200"
        self._tool("pg_ctl", "-D", "pg", "-l", "log", "-o", options, "-w", "start")

    def stop(self):
        self._tool("pg_ctl", "-D", "pg", "-m", "immediate", "-w", "stop")

    def remove(self):
        with suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, replica):
        return f"postgresql://postgres@127.0.0.1:{self.port}/budsim?application_name={replica}"

    def run(self, statement, parameters=None, database="budsim"):
        """Run SQL and return its rows, if it has any."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


class Caller:
    """An application that asks BudSim through the platform: a FastAPI subscriber with a sidecar of its own."""

    def __init__(self):
        self.events = []
        self.poison = []
        (self.port,) = free_ports(1)
        app = FastAPI()

        @app.get("/dapr/subscribe")
        def subscribe():
            return [
                {"pubsubname": "pubsub-redis", "topic": CALLER_TOPIC, "route": "/events"},
                {"pubsubname": "pubsub-redis", "topic": DEAD_LETTERS, "route": "/poison"},
            ]

        @app.post("/events")
        async def take(request: Request):
            self.events.append(await request.json())
            return {"status": "SUCCESS"}

        @app.post("/poison")
        async def take_poison(request: Request):
            self.poison.append(await request.json())
            return {"status": "SUCCESS"}

        self._server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.should_exit = True
        self._thread.join(10)

    def told(self, workflow_id):
        """Return the distinct events of one run in the order of their first arrival."""
        seen = {}
        for event in list(self.events):
            about = event["data"].get("payload", event["data"]).get("workflow_id")
            if about == workflow_id:
                seen.setdefault(event["id"], event)
        return list(seen.values())

    def steps(self, workflow_id):
        """Return (event, status) of one run's notifications in order."""
        payloads = [event["data"]["payload"] for event in self.told(workflow_id) if "payload" in event["data"]]
        return [(payload["event"], payload["content"]["status"]) for payload in payloads]
