"""BudSim on a real sidecar: invocation, state, messages, workflows, and what happens when either side dies."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SIDECAR_HEADERS = {"dapr-api-token": "sidecar-token"}
APP_HEADERS = {"dapr-api-token": "app-token"}
CLUSTER = "11111111-1111-4111-8111-111111111111"
RECONNECT_S = 20

MODEL = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 16, "hidden_size": 2048,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 8192,
    "vocab_size": 128256, "tie_word_embeddings": True, "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16", "hidden_act": "silu",
}  # fmt: skip


def clusters():
    device = {
        "type": "cuda", "name": "NVIDIA-A100-SXM4-80GB", "raw_name": "NVIDIA-A100-SXM4-80GB",
        "mem_per_GPU_in_GB": 80, "available_count": 8, "total_count": 8,
    }  # fmt: skip
    return [
        {
            "id": CLUSTER,
            "name": "a",
            "nodes": [{"id": "a-1", "name": "a-1", "status": True, "is_master": False, "devices": [device]}],
        }
    ]


def run_body(output_tokens=32):
    return {
        "pretrained_model_uri": "model", "is_proprietary_model": False, "input_tokens": 64,
        "simulation_method": "heuristic",
        "output_tokens": output_tokens, "concurrency": 8, "target_ttft": 0, "target_throughput_per_user": 0,
        "target_e2e_latency": 0,
    }  # fmt: skip


def wait_for(what, seconds=60):
    """Return what ``what`` returns, once that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := what():
                return found
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


class Service:
    """The real service beside the sidecar, killed and started again on the way."""

    def __init__(self, environment, folder):
        self.sidecar = f"http://127.0.0.1:{environment['DAPR_HTTP_PORT']}/v1.0"
        self.url = f"http://127.0.0.1:{environment['APP_PORT']}"
        self.folder = folder
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text(json.dumps(MODEL))
        self.environment = environment | {
            "WORKFLOW_ENGINE": "dapr",
            "BUDSIM_DATA_DIR": str(folder / "data dir"),
            "MODEL_REGISTRY_DIR": str(folder),
            "SEARCH_WORKERS": "1",
        }

    def start(self):
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "budsim.cli", "serve"],
                env=self.environment, cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(self.is_ready, 120)

    def is_ready(self):
        assert self.process.poll() is None, (self.folder / "serve.log").read_text()[-3000:]
        return httpx.get(f"{self.url}/ready", timeout=1).status_code == 200

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=60)

    def ask(self, path, **kwargs):
        """Call the service directly."""
        return httpx.get(self.url + path, headers=APP_HEADERS, timeout=60, **kwargs)

    def dapr(self, method, path, **kwargs):
        """Call the sidecar."""
        return httpx.request(method, f"{self.sidecar}/{path}", headers=SIDECAR_HEADERS, timeout=60, **kwargs)

    def invoke_run(self, **kwargs):
        """Start a run through the sidecar, without waiting for its end."""
        answer = httpx.post(
            f"{self.sidecar}/invoke/budsim/method/simulator/run",
            json=run_body(**kwargs), headers=SIDECAR_HEADERS | {"Prefer": "wait=0"}, timeout=60,
        )  # fmt: skip
        assert answer.status_code == 202, answer.text
        return answer.json()["workflow_id"]

    def status(self, workflow_id):
        return self.ask(f"/simulator/status/{workflow_id}").json()["status"]

    def outcome(self, workflow_id, seconds=120):
        def over():
            found = self.status(workflow_id)
            return found if found not in {"PENDING", "RUNNING"} else None

        return wait_for(over, seconds)

    def has_worker(self):
        return self.dapr("GET", "metadata").json().get("workflows", {}).get("connectedWorkers", 0) > 0


@pytest.fixture(scope="module")
def service(dapr_environment, tmp_path_factory):
    running = Service(dapr_environment, tmp_path_factory.mktemp("service"))
    clusters_file = running.folder / "clusters.json"
    clusters_file.write_text(json.dumps(clusters()))
    running.start()
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "seed_states.py", clusters_file],
        env=dapr_environment,
        check=True,
        timeout=60,
    )
    yield running
    if running.process.poll() is None:
        running.stop()


def test_service_runs_its_workflows_on_the_sidecar(service):
    assert service.ask("/ready").json()["param"]["workflows"] == "dapr"
    assert wait_for(service.has_worker, RECONNECT_S)


def test_sidecar_refuses_a_caller_without_its_token(service):
    assert httpx.get(f"{service.sidecar}/metadata").status_code == 401


def test_service_refuses_a_caller_that_did_not_come_through_the_sidecar(service):
    assert httpx.post(f"{service.url}/simulator/run", json=run_body()).status_code == 401


def test_seeded_clusters_are_stored_as_the_platform_stores_them(service):
    stored = service.dapr("GET", "state/statestore/cluster_info").json()
    assert isinstance(stored, str)
    assert json.loads(stored) == clusters()


def test_seeding_twice_needs_force(service, dapr_environment):
    command = [sys.executable, ROOT / "scripts" / "seed_states.py", service.folder / "clusters.json"]
    again = subprocess.run(command, env=dapr_environment, capture_output=True, text=True, timeout=60)
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert subprocess.run([*command, "--force"], env=dapr_environment, timeout=60).returncode == 0


def test_service_record_names_what_other_services_look_up(service):
    record = json.loads(service.dapr("GET", "state/statestore/__metadata__budsim").json())
    assert (
        record.items()
        >= {
            "pubsub": "pubsub-redis",
            "statestore": "statestore",
            "configstore": "configstore",
            "secretstore": "secretstore-local",
            "topic": "budSimMessages",
            "deadletter": "poisonMessages",
        }.items()
    )


def test_run_that_came_by_invocation_ends_with_a_recommendation(service):
    workflow_id = service.invoke_run()
    assert service.outcome(workflow_id) == "COMPLETED"
    items = service.ask("/simulator/recommendations", params={"workflow_id": workflow_id}).json()["items"]
    assert [item["cluster_id"] for item in items] == [CLUSTER]


def test_sidecar_subscribes_to_the_service_s_topic(service):
    subscriptions = service.dapr("GET", "metadata").json()["subscriptions"]
    assert [(each["topic"], each["rules"][0]["path"], each["deadLetterTopic"]) for each in subscriptions] == [
        ("budSimMessages", "/notifications", "poisonMessages")
    ]


def messages(environment, topic):
    """Return what the pub/sub holds under a topic, as one text."""
    host, _, port = environment["BUDSIM_REDIS_ADDRESS"].partition(":")
    command = ["redis-cli", "-h", host, "-p", port, "xrange", topic, "-", "+"]
    password = {"REDISCLI_AUTH": environment["SECRETS_REDIS_PASSWORD"]}
    return subprocess.run(command, env=environment | password, capture_output=True, text=True, check=True).stdout


def test_run_that_came_as_a_message_is_told_step_by_step_to_the_caller_s_topic(service, dapr_environment):
    body = run_body() | {"source_topic": "callerMessages"}
    assert service.dapr("POST", "publish/pubsub-redis/budSimMessages", json=body).status_code == 204

    def results():
        told = messages(dapr_environment, "callerMessages")
        return told if '"event":"results"' in told.replace(" ", "") else None

    told = wait_for(results, 60).replace(" ", "")
    for step in ("validation", "performance_estimation", "ranking", "results"):
        assert f'"event":"{step}"' in told
    assert CLUSTER in told


def test_message_that_can_never_be_served_ends_up_with_the_dead_letters(service, dapr_environment):
    body = run_body() | {"input_tokens": "many", "source_topic": "callerMessages"}
    assert service.dapr("POST", "publish/pubsub-redis/budSimMessages", json=body).status_code == 204
    wait_for(lambda: "many" in messages(dapr_environment, "poisonMessages"), 60)


def test_run_survives_a_new_sidecar(service):
    workflow_id = service.invoke_run(output_tokens=48)
    assert service.dapr("POST", "shutdown").status_code == 204
    wait_for(lambda: service.dapr("GET", "healthz/outbound").is_success, RECONNECT_S)
    wait_for(service.has_worker, 60)
    assert service.outcome(workflow_id) == "COMPLETED"


@pytest.mark.parametrize("pause_s", [0.0, 0.15, 0.3])
def test_runs_survive_a_killed_service(service, pause_s):
    with ThreadPoolExecutor(8) as pool:
        workflow_ids = list(pool.map(lambda index: service.invoke_run(output_tokens=64 + index), range(8)))
    time.sleep(pause_s)
    done = [each for each in workflow_ids if service.status(each) == "COMPLETED"]
    service.kill()
    assert len(done) < len(workflow_ids), "nothing was left to recover"
    service.start()
    assert {service.outcome(each) for each in workflow_ids} == {"COMPLETED"}


def test_down_leaves_nothing_running(dapr_environment, service):
    service.stop()
    state = Path(dapr_environment["BUDSIM_DAPR_DIR"])
    pids = [int(file.read_text().split()[0]) for file in state.glob("*.pid")]
    assert len(pids) == 4
    for _ in range(2):
        subprocess.run([ROOT / "scripts" / "dapr_down.sh"], env=dapr_environment, check=True, timeout=120)
    alive = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(state) not in alive
    assert not list(state.glob("*.pid"))
