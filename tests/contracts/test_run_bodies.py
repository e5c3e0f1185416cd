"""Whoever sends a body that one of the documents allows gets the answer that the document promises."""

import json
import time
import uuid

import pytest
from service_doubles import CLUSTER_A, CLUSTER_B, MODEL, clusters, platform_body, readme_body

pytestmark = pytest.mark.integration


def run(client, body, **kwargs):
    return client.post("/simulator/run", json=body, **kwargs)


def cloud_event(data, **changes):
    return {
        "specversion": "1.0",
        "id": "b9d4-1",
        "source": "budapp",
        "type": "com.dapr.event.sent",
        "datacontenttype": "application/json",
        "topic": "budSimMessages",
        "pubsubname": "pubsub-redis",
        "time": "2026-01-01T00:00:00Z",
        "traceid": "00-1-2-01",
        "traceparent": "00-1-2-01",
        "tracestate": "",
        "data": data,
        **changes,
    }


def test_the_platform_body_gets_one_recommendation_per_cluster_best_first(client):
    answer = run(client, platform_body())
    assert answer.status_code == 200
    body = answer.json()
    assert body["object"] == "cluster_recommendations"
    assert {item["cluster_id"] for item in body["recommendations"]} == {CLUSTER_A, CLUSTER_B}
    metrics = body["recommendations"][0]["metrics"]
    assert metrics["meets_targets"]
    assert metrics["error_rate"] == 0
    assert metrics["ttft"] <= 1000
    assert metrics["e2e_latency"] <= 10
    assert metrics["concurrency"] >= 16
    costs = [item["metrics"]["cost_per_million_tokens"] for item in body["recommendations"]]
    assert costs == sorted(costs)
    uuid.UUID(body["workflow_id"])


def test_a_cloud_event_is_the_same_request(client):
    plain = run(client, platform_body()).json()
    wrapped = run(client, cloud_event(platform_body()))
    assert wrapped.status_code == 200
    assert wrapped.json()["recommendations"] == plain["recommendations"]


def test_the_readme_body_gets_the_readme_answer(client):
    answer = run(client, readme_body())
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "completed"
    assert body["optimal_configuration"]["engine"] == "vllm"
    assert body["optimal_configuration"]["hardware_allocation"]["gpu_memory_gb"] <= 24
    assert body["predicted_performance"]["throughput_tokens_per_second"] >= 100
    assert body["simulation_metadata"]["models_evaluated"] > 0
    assert body["assumptions"]["input_tokens"] == 1024
    assert body["assumptions"]["output_tokens"] == 512
    assert body["assumptions"]["concurrency"] == 32


def test_a_stated_load_is_not_an_assumption(client):
    load = {"input_tokens": 100, "output_tokens": 50, "concurrency": 4}
    body = run(client, readme_body(workload=load)).json()
    assert not {"input_tokens", "output_tokens", "concurrency"} & set(body["assumptions"])


def test_naming_a_topic_makes_the_call_asynchronous(client):
    body = run(client, platform_body(source_topic="budAppMessages")).json()
    assert body["object"] == "workflow_metadata"
    assert body["workflow_name"] == "run_simulation"
    assert [step["id"] for step in body["steps"]] == ["validation", "performance_estimation", "ranking"]
    assert body["eta"] >= 1
    assert wait_for(client, body["workflow_id"]) == "COMPLETED"


def test_debug_waits_even_if_events_are_asked_for(client):
    metadata = {"workflow_id": "caller-1", "subscriber_ids": "user-1", "name": "bud-internal"}
    body = run(client, platform_body(debug=True, notification_metadata=metadata)).json()
    assert body["object"] == "cluster_recommendations"


def test_the_same_request_has_the_same_answer(client):
    first, second = (run(client, platform_body()).json() for _ in range(2))
    assert first["recommendations"] == second["recommendations"]


def test_a_mapped_uuid_stands_for_its_model(client):
    model_id = str(uuid.uuid4())
    assert client.put("/models", json={"model_id": model_id, "target": MODEL}).status_code == 200
    assert run(client, platform_body(pretrained_model_uri=model_id.upper())).status_code == 200


def test_missed_targets_are_named_with_what_would_help(client):
    body = run(client, platform_body(target_ttft=10.0)).json()
    metrics = body["recommendations"][0]["metrics"]
    assert not metrics["meets_targets"]
    miss = metrics["misses"][0]
    assert miss["target"] == "ttft"
    assert miss["predicted"] == pytest.approx(miss["wanted"] * (1 + miss["relative_miss"]))
    assert body["remedies"]


def test_targets_out_of_reach_are_an_error_that_shows_the_nearest_configurations(client):
    answer = run(client, platform_body(target_ttft=0.001, target_throughput_per_user=1e6, target_e2e_latency=1e-6))
    assert answer.status_code == 400
    error = answer.json()
    assert error["object"] == "error"
    assert error["type"] == "BadRequestError"
    assert error["param"]["nearest"][0]["metrics"]["misses"]


def test_an_unknown_model_is_a_bad_request(client):
    answer = run(client, platform_body(pretrained_model_uri="nobody/knows-this"))
    assert answer.status_code == 400
    assert "nobody/knows-this" in answer.json()["message"]


def test_a_version_of_the_models_is_chosen_by_request_and_an_unknown_one_refused(client):
    status = client.get("/models/cache/status").json()
    assert status["usable"]
    current = status["versions"][0]["version"]
    answer = run(client, platform_body(model_version=current))
    assert answer.status_code == 200
    unknown = run(client, platform_body(model_version="f0-never"))
    assert unknown.status_code == 400
    assert current in unknown.json()["message"]


def test_an_unknown_cluster_is_not_found_and_said_at_once(client):
    started = time.monotonic()
    answer = run(client, platform_body(cluster_id=str(uuid.uuid4())))
    assert time.monotonic() - started < 1.5
    assert answer.status_code == 404
    assert answer.json()["param"]["field"] == "cluster_id"


@pytest.mark.parametrize(
    ("device", "code", "words"),
    [
        ({"name": "Frobnicator 9000", "raw_name": "Frobnicator 9000"}, 400, "Unknown hardware"),
        ({"type": "quantum"}, 400, "quantum"),
        ({"available_count": 0}, 503, "no devices are free"),
    ],
)
def test_clusters_without_a_usable_device_are_said_at_once(client, device, code, words):
    document = clusters()[:1]
    document[0]["nodes"][0]["devices"][0].update(device)
    assert client.put("/clusters", json=document).status_code == 200
    try:
        started = time.monotonic()
        answer = run(client, platform_body())
        assert time.monotonic() - started < 1.5
    finally:
        client.put("/clusters", json=clusters())
    assert answer.status_code == code
    message = answer.json()["message"]
    assert words in message
    assert ".." not in message
    assert code == 503 or "free" not in message


def test_no_cluster_at_all_is_unavailable_at_once(client):
    assert client.put("/clusters", json=[]).status_code == 200
    try:
        started = time.monotonic()
        answer = run(client, platform_body())
        assert time.monotonic() - started < 1.5
    finally:
        client.put("/clusters", json=clusters())
    assert answer.status_code == 503
    assert "PUT /clusters" in answer.json()["message"]


def test_endpoints_that_the_model_does_not_serve_are_refused(client):
    assert run(client, platform_body(model_endpoints="llm")).status_code == 200
    answer = run(client, platform_body(model_endpoints="EMBEDDING"))
    assert answer.status_code == 400
    assert answer.json()["param"]["field"] == "model_endpoints"
    answer = run(client, platform_body(model_endpoints="LLM,TELEPATHY"))
    assert answer.status_code == 422
    assert "TELEPATHY" in answer.json()["message"]


def test_a_throughput_out_of_reach_is_no_recommendation(client):
    answer = run(client, readme_body(constraints={"min_throughput_tokens_per_second": 1e12}))
    assert answer.status_code == 400
    assert answer.json()["param"]["nearest"][0]["metrics"]["misses"]
    assert answer.json()["param"]["remedies"]


def test_a_throughput_slightly_out_of_reach_is_recommended_as_a_miss(client):
    best = run(client, readme_body(constraints={})).json()["predicted_performance"]["throughput_tokens_per_second"]
    body = run(client, readme_body(constraints={"min_throughput_tokens_per_second": 1.3 * best})).json()
    assert body["status"] == "completed"
    assert body["meets_targets"] is False
    assert body["misses"]


def test_one_limit_of_concurrency_and_its_own_field(client):
    for body, field in (
        (platform_body(concurrency=100_001), "concurrency"),
        (readme_body(constraints={"max_batch_size": 100_001}), "constraints.max_batch_size"),
        (readme_body(workload={"concurrency": 100_001}), "workload.concurrency"),
    ):
        answer = run(client, body)
        assert answer.status_code == 422
        assert list(answer.json()["param"]["fields"]) == [field]


@pytest.mark.parametrize(
    "body", [platform_body(surprise=1), readme_body(surprise=1), cloud_event(platform_body(surprise=1))]
)
def test_unknown_fields_are_named(client, body):
    answer = run(client, body)
    assert answer.status_code == 422
    assert "surprise" in answer.json()["message"]
    assert answer.json()["object"] == "error"
    assert answer.json()["detail"][0]["type"] == "extra_forbidden"


BAD_FIELDS = {
    "input_tokens": [0, -1, 10**12, 10**400, "many"],
    "output_tokens": [1.5],
    "concurrency": [2**31, True, None],
    "target_ttft": [-1.0, None, True],
    "pretrained_model_uri": ["", "a\x00b", "\ud800", "x" * 5000],
    "cluster_id": ["not-a-uuid"],
    "hardware_mode": ["borrowed"],
    "simulation_method": ["astrology"],
    "model_max_context_length": [0],
    "source_topic": [{"a": 1}],
    "is_proprietary_model": [None],
    "project_id": ["p\x00"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_FIELDS.items() for value in values])
def test_a_malformed_field_is_a_422(client, name, value):
    text = json.dumps(platform_body(**{name: value}))
    answer = client.post("/simulator/run", content=text, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["object"] == "error"


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", '"text"', "{", "NaN", "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "\xff\xfe",
        json.dumps(platform_body()).replace("1000.0", "NaN"), json.dumps(platform_body()).replace("1000.0", "Infinity"),
        json.dumps(platform_body()).replace("1000.0", "1e999"), '{"pretrained_model_uri": "\\u0000"}',
        json.dumps({**platform_body(), "notification_metadata": {"actor": "\x00"}}),
    ],
)  # fmt: skip
def test_no_text_is_a_500(client, text):
    content = text.encode("utf-8", "surrogatepass")
    answer = client.post("/simulator/run", content=content, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["object"] == "error"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (json.dumps(platform_body(target_ttft=float("nan"))), "target_ttft"),
        (json.dumps(platform_body(target_e2e_latency=float("inf"))), "target_e2e_latency"),
        (json.dumps(platform_body()).replace("1000.0", "1e400"), "target_ttft"),
        (json.dumps(platform_body(pretrained_model_uri="a\x00b")), "pretrained_model_uri"),
        (json.dumps(platform_body(pretrained_model_uri="\ud800")), "pretrained_model_uri"),
        (json.dumps(readme_body(constraints={"max_memory_gb": float("nan")})), "constraints.max_memory_gb"),
        (json.dumps(readme_body(quantization_options=["none", "\x00"])), "quantization_options.1"),
        (json.dumps(cloud_event(platform_body(target_ttft=float("nan")))), "data.target_ttft"),
        (json.dumps(platform_body(concurrency="many")), "concurrency"),
        ("{", "body"),
        ('{"pretrained_model_uri": ', "body"),
    ],
)
def test_the_field_at_fault_is_named(client, body, field):
    answer = client.post("/simulator/run", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    param = answer.json()["param"]
    assert param["field"] == field
    assert next(iter(param["fields"])) == field
    assert answer.json()["message"].startswith(f"{field}: ")


def test_a_large_body_is_refused(client):
    answer = client.post("/simulator/run", content=b"x" * 10_000_001)
    assert answer.status_code == 413
    assert answer.json()["type"] in ("ContentTooLargeError", "RequestEntityTooLargeError")


def wait_for(client, workflow_id, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = client.get(f"/simulator/status/{workflow_id}").json()["status"]
        if status not in ("PENDING", "RUNNING"):
            return status
        time.sleep(0.05)
    raise AssertionError(f"still {status}")


def test_both_bodies_may_ask_for_pools_and_say_so_in_their_answer(client):
    load = {"input_tokens": 6000, "output_tokens": 128, "concurrency": 16, "target_ttft": 0, "target_e2e_latency": 0}
    wanted = {"optimization_target": "latency", "target_throughput_per_user": 0, "allow_disaggregated": True}
    answer = run(client, platform_body(**load, **wanted))
    assert answer.status_code == 200
    body = answer.json()
    assert all(point["prefill_instances"] >= 0 for point in body["pareto"])
    assert all("prefill" in item["metrics"] for item in body["recommendations"])
    other = run(client, {**readme_body(), "allow_disaggregated": True})
    assert other.status_code == 200
    assert "prefill" in other.json()["optimal_configuration"]
