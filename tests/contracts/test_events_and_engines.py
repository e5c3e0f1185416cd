"""Events of the platform start runs once; engines can be listed."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_doubles import platform_body
from sqlalchemy import func, select

from budsim.commons.errors import UnavailableError
from budsim.simulator.models import WorkflowRun

pytestmark = pytest.mark.integration


def event(data, **changes):
    return {
        "specversion": "1.0", "id": str(uuid.uuid4()), "source": "budapp", "type": "x", "topic": "budSimMessages",
        "pubsubname": "pubsub-redis", "data": data, **changes,
    }  # fmt: skip


def count_runs(service):
    with service.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(WorkflowRun))


def send(client, body):
    answer = client.post("/notifications", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["status"]


@pytest.fixture
def started(service, monkeypatch):
    found = []
    start = service.start_run

    def note(*arguments):
        found.append(start(*arguments).workflow_id)
        return start(*arguments)

    monkeypatch.setattr(service, "start_run", note)
    return found


def test_an_event_that_asks_for_a_run_starts_it_once(client, started):
    body = event(platform_body())
    assert send(client, body) == "SUCCESS"
    assert send(client, body) == "SUCCESS"
    assert len(set(started)) == 1
    assert send(client, event(platform_body())) == "SUCCESS"
    assert len(set(started)) == 2


def test_an_event_that_found_the_engine_away_starts_its_run_when_it_comes_again(client, service, monkeypatch):
    schedule, tried = service.engine.schedule, []

    def away_once(name, workflow_id, payload):
        tried.append(workflow_id)
        if len(tried) == 1:
            raise UnavailableError("The engine is away.")
        schedule(name, workflow_id, payload)

    monkeypatch.setattr(service.engine, "schedule", away_once)
    body = event(platform_body())
    assert [send(client, body) for _ in range(2)] == ["RETRY", "SUCCESS"]
    assert len(set(tried)) == 1
    deadline = time.monotonic() + 20
    while client.get(f"/simulator/status/{tried[0]}").json()["status"] in ("PENDING", "RUNNING"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert client.get(f"/simulator/status/{tried[0]}").json()["status"] == "COMPLETED"


def test_an_event_that_is_delivered_several_times_at_once_starts_one_run(client, service):
    before = count_runs(service)
    body = event(platform_body())
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: send(client, body), range(16))) == {"SUCCESS"}
    assert count_runs(service) == before + 1


@pytest.mark.parametrize("body", [event({"hello": 1}), event("text"), {}, [], 5, event({"payload": {"event": "x"}})])
def test_any_other_event_is_acknowledged(client, started, body):
    assert send(client, body) == "SUCCESS"
    assert started == []


@pytest.mark.parametrize(
    "data", [platform_body(surprise=1), platform_body(input_tokens=0), {"pretrained_model_uri": "m\x00"}]
)
def test_a_malformed_request_is_dropped(client, data):
    assert send(client, event(data)) == "DROP"


def test_a_request_that_cannot_be_served_is_dropped(client):
    assert send(client, event(platform_body(model_version="f0-never"))) == "DROP"


def test_without_a_sidecar_nothing_is_subscribed(client, service, monkeypatch):
    assert client.get("/dapr/subscribe").json() == []
    monkeypatch.setattr(service, "pubsub", "pubsub-redis")
    (subscription,) = client.get("/dapr/subscribe").json()
    assert subscription == {
        "pubsubname": "pubsub-redis", "topic": "budSimMessages", "route": "/notifications",
        "deadLetterTopic": "poisonMessages",
    }  # fmt: skip


def test_engines_can_be_listed_and_looked_at(client):
    names = [engine["name"] for engine in client.get("/engines").json()["engines"]]
    assert "vllm" in names
    found = client.get("/engines/vllm/config").json()
    assert "tensor-parallel-size" in {parameter["flag"] for parameter in found["parameters"]}
    assert client.get("/engines/vllm/config", params={"device_type": "tpu"}).status_code == 400
    assert client.get("/engines/unheard-of/config").status_code == 404
    assert client.get("/engines/tgi/config").json()["parameters"] == []
    sglang = client.get("/engines/sglang/config").json()
    assert "mem-fraction-static" in {parameter["flag"] for parameter in sglang["parameters"]}
    assert sglang["engine"]["images"]["cuda"]


def test_an_engines_images_are_those_that_are_deployed(client, service):
    shown = {engine["name"]: engine["images"] for engine in client.get("/engines").json()["engines"]}
    settings = service.config
    assert shown["vllm"]["cuda"] == settings.vllm_cuda_image
    assert shown["latentbud"]["cpu_high"] == settings.latentbud_cpu_image
    assert shown["llmc"]["cuda"] == settings.quantization_cuda_image
    assert shown["litellm"]["cpu"] == settings.litellm_image
    assert "rocm" not in shown["sglang"]  # has no image unless one is set


def test_the_platforms_engines_are_all_there(client):
    engines = {engine["name"]: engine for engine in client.get("/engines").json()["engines"]}
    purposes = {name: engines[name]["purpose"] for name in ("vllm", "sglang", "litellm", "latentbud", "llmc")}
    assert purposes == {
        "vllm": "serving", "sglang": "serving", "litellm": "proxy", "latentbud": "embedding", "llmc": "quantization",
    }  # fmt: skip
    assert client.get("/engines/latentbud/config", params={"device_type": "cpu"}).json()["parameters"]
    assert client.get("/engines/latentbud/config", params={"device_type": "hpu"}).status_code == 400
