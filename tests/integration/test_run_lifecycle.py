"""A run from its request to its rows, what is deployed from it, and what its failures teach the next one."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_doubles import CLUSTER_A, CLUSTER_B, MODEL, a100, clusters, platform_body, readme_body
from sqlalchemy import func, select

from budsim.commons.search_pool import WorkerLostError
from budsim.simulator.models import ExcludedConfiguration, SimulationResult, WorkflowRun

pytestmark = pytest.mark.integration


@pytest.fixture
def open_gate(backend):
    """Whatever a test does to the core, the next one finds it as it was."""
    yield backend
    backend.gate.set()
    backend.failures.clear()


@pytest.fixture
def own_model(service):
    """A model id that no other test gives feedback on."""
    name = f"tests/{uuid.uuid4()}"
    yield name
    with service.database.transaction() as session:
        for row in session.scalars(select(ExcludedConfiguration).where(ExcludedConfiguration.model_name == name)):
            session.delete(row)


def run(client, **changes):
    answer = client.post("/simulator/run", json=platform_body(**changes))
    assert answer.status_code == 200, answer.text
    return answer.json()


def start(client, **changes):
    answer = client.post("/simulator/run", json=platform_body(**changes), headers={"Prefer": "wait=0"})
    assert answer.status_code == 202, answer.text
    return answer.json()["workflow_id"]


def configuration(client, workflow_id, **changes):
    return client.post("/simulator/configurations", json={"workflow_id": workflow_id, **changes})


def status_of(client, workflow_id):
    return client.get(f"/workflow/{workflow_id}/status").json()["param"]["status"]


def wait_for(client, workflow_id, *wanted, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = status_of(client, workflow_id)
        if status in wanted:
            return status
        time.sleep(0.05)
    raise AssertionError(f"{status}, wanted {wanted}")


def rows_of(service, workflow_id):
    with service.database.transaction() as session:
        return list(
            session.scalars(select(SimulationResult).where(SimulationResult.workflow_id == uuid.UUID(workflow_id)))
        )


def test_stored_rows_give_what_the_run_answered(client, service):
    body = run(client)
    rows = rows_of(service, body["workflow_id"])
    assert {row.cluster_id for row in rows} == {CLUSTER_A, CLUSTER_B}
    assert len({(row.task_key, row.config_hash) for row in rows}) == len(rows)
    answer = client.get("/simulator/recommendations", params={"workflow_id": body["workflow_id"], "limit": 20}).json()
    assert answer["object"] == "cluster_recommendations"
    assert answer["total_items"] == 2
    assert answer["items"] == body["recommendations"]
    assert client.get(f"/simulator/results/{body['workflow_id']}").json()["recommendations"] == body["recommendations"]


def test_pages_split_the_recommendations(client):
    workflow_id = run(client)["workflow_id"]
    pages = [
        client.get("/simulator/recommendations", params={"workflow_id": workflow_id, "page": page}).json()
        for page in (1, 2, 3)
    ]
    assert [page["total_pages"] for page in pages] == [2, 2, 2]
    assert [len(page["items"]) for page in pages] == [1, 1, 0]


def test_a_larger_load_gets_more_replicas_or_nothing(client):
    workflow_id = run(client)["workflow_id"]
    params = {"workflow_id": workflow_id, "limit": 20}
    more = client.get("/simulator/recommendations", params={**params, "concurrency": 40}).json()["items"]
    assert more
    assert all(item["metrics"]["concurrency"] >= 40 for item in more)
    assert client.get("/simulator/recommendations", params={**params, "concurrency": 90_000}).json()["items"] == []


def test_an_unknown_run_recommends_nothing(client):
    answer = client.get("/simulator/recommendations", params={"workflow_id": str(uuid.uuid4())})
    assert answer.status_code == 200
    assert answer.json()["items"] == []
    assert client.get(f"/simulator/status/{uuid.uuid4()}").status_code == 404
    assert client.get(f"/simulator/results/{uuid.uuid4()}").status_code == 404


BAD_QUERIES = [
    {"page": 0}, {"page": -1}, {"limit": 0}, {"limit": -5}, {"limit": 10**9}, {"page": 10**30}, {"workflow_id": "x"},
    {"concurrency": 0}, {"error_rate_threshold": "nan"}, {"error_rate_threshold": -1}, {"cluster_id": "\x00"},
]  # fmt: skip


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_bad_query_is_a_422(client, query):
    answer = client.get("/simulator/recommendations", params={"workflow_id": str(uuid.uuid4()), **query})
    assert answer.status_code == 422
    assert answer.json()["object"] == "error"


def test_the_best_configuration_can_be_launched(client):
    body = run(client)
    answer = configuration(client, body["workflow_id"], cluster_id=CLUSTER_B).json()
    group = answer["node_groups"][0]
    assert answer["object"] == "deployment_configuration"
    assert answer["id"] == CLUSTER_B
    assert answer["nodes"] is None
    assert answer["replica"] == group["replicas"]
    assert answer["concurrency"] >= 16
    assert group["image"]
    assert group["type"] == "cuda"
    assert int(group["config_id"]) > 0
    assert 0 < group["weight_memory_gb"] < group["memory"] < 80
    assert answer["supports_pipeline_parallelism"] is not None


def test_a_failed_configuration_is_not_offered_again_and_later_runs_leave_it_out(client, service, own_model):
    body = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)
    workflow_id = body["workflow_id"]
    best = configuration(client, workflow_id).json()["node_groups"][0]
    second = configuration(
        client, workflow_id, feedback=[{"config_id": best["config_id"], "failed": True, "reason": "crashed"}]
    ).json()["node_groups"][0]
    assert second["config_id"] != best["config_id"]
    failed_hash = next(row.config_hash for row in rows_of(service, workflow_id) if str(row.id) == best["config_id"])

    later = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)
    assert failed_hash not in {row.config_hash for row in rows_of(service, later["workflow_id"])}

    configuration(client, workflow_id, feedback=[{"config_id": best["config_id"], "failed": False}])
    again = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)
    assert failed_hash in {row.config_hash for row in rows_of(service, again["workflow_id"])}


def test_where_every_configuration_failed_it_is_said_with_what_takes_one_back(client, own_model):
    workflow_id = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)["workflow_id"]
    while (answer := configuration(client, workflow_id)).status_code == 200:
        config_id = answer.json()["node_groups"][0]["config_id"]
        last = configuration(client, workflow_id, feedback=[{"config_id": config_id, "failed": True}])
    for said in (last, answer):
        assert said.status_code == 400
        assert said.json()["param"]["field"] == "feedback"
        assert "failed: false" in said.json()["message"]
    assert config_id in answer.json()["param"]["failed_config_ids"]
    again = configuration(client, workflow_id, feedback=[{"config_id": config_id, "failed": False}])
    assert again.json()["node_groups"][0]["config_id"] == config_id


def test_what_is_asked_of_a_configuration_beyond_its_figures_is_named(client):
    workflow_id = run(client, target_ttft=15.0, cluster_id=CLUSTER_A)["workflow_id"]
    for asked, field in (
        ({"concurrency": 90_000}, "concurrency"),
        ({"error_rate_threshold": 0.0}, "error_rate_threshold"),
    ):
        answer = configuration(client, workflow_id, **asked)
        assert answer.status_code == 400
        assert answer.json()["param"]["field"] == field


def test_out_of_memory_also_leaves_out_what_has_no_more_headroom(client, service, own_model):
    workflow_id = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)["workflow_id"]
    rows = rows_of(service, workflow_id)
    failed = sorted(rows, key=lambda row: row.top_k_configs["memory_headroom"])[0]
    configuration(
        client, workflow_id, feedback=[{"config_id": str(failed.id), "failed": True, "reason": "CUDA out of memory"}]
    )
    later = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)
    headrooms = [row.top_k_configs["memory_headroom"] for row in rows_of(service, later["workflow_id"])]
    assert headrooms
    assert min(headrooms) > failed.top_k_configs["memory_headroom"]


def test_expired_feedback_counts_no_more(client, service, own_model):
    workflow_id = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)["workflow_id"]
    row = rows_of(service, workflow_id)[0]
    configuration(client, workflow_id, feedback=[{"config_id": str(row.id), "failed": True}])
    with service.database.transaction() as session:
        excluded = session.scalar(select(ExcludedConfiguration).where(ExcludedConfiguration.model_name == own_model))
        excluded.expires_at = func.now()
    later = run(client, pretrained_model_uri=own_model, cluster_id=CLUSTER_A)
    assert row.config_hash in {found.config_hash for found in rows_of(service, later["workflow_id"])}


@pytest.mark.parametrize("config_id", ["abc", "1.5", "-1", "99999999999999999999", "0x10", " ", "١"])
def test_a_config_id_that_is_no_number_is_a_bad_request(client, config_id):
    workflow_id = run(client)["workflow_id"]
    answer = configuration(client, workflow_id, feedback=[{"config_id": config_id, "failed": True}])
    assert answer.status_code == 400
    assert answer.json()["param"]["field"] == "feedback.config_id"


def test_feedback_on_another_runs_rows_is_refused(client, service):
    first, second = run(client)["workflow_id"], run(client)["workflow_id"]
    row = rows_of(service, first)[0]
    answer = configuration(client, second, feedback=[{"config_id": str(row.id), "failed": True}])
    assert answer.status_code == 400
    assert not any(found.is_blacklisted for found in rows_of(service, first))


def test_no_configuration_is_a_400(client):
    answer = configuration(client, str(uuid.uuid4()))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("No deployment configuration found: the run is not known")


def test_sixteen_runs_at_once_all_end_with_their_own_answer(client, service):
    def one(index):
        return run(client, output_tokens=64 + index)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(16)))
    assert len({answer["workflow_id"] for answer in answers}) == 16
    for index, answer in enumerate(answers):
        rows = rows_of(service, answer["workflow_id"])
        assert {row.output_tokens for row in rows} == {64 + index}
        assert len({(row.task_key, row.config_hash) for row in rows}) == len(rows)


def test_prefer_wait_answers_202_and_the_run_goes_on(client, open_gate):
    open_gate.gate.clear()
    started = time.monotonic()
    answer = client.post("/simulator/run", json=platform_body(), headers={"Prefer": "wait=1"})
    assert time.monotonic() - started < 5
    assert answer.status_code == 202
    body = answer.json()
    assert body["object"] == "workflow_metadata"
    assert answer.headers["location"] == body["status_url"]
    progress = client.get(body["status_url"]).json()
    assert progress["status"] == "RUNNING"
    assert 0 < progress["percent"] < 100
    assert progress["eta_seconds"] >= 0
    assert client.get(f"/simulator/results/{body['workflow_id']}").status_code == 202
    open_gate.gate.set()
    assert wait_for(client, body["workflow_id"], "COMPLETED", "FAILED") == "COMPLETED"
    assert client.get(body["status_url"]).json()["percent"] == 100


def test_a_malformed_preference_is_a_bad_request(client):
    answer = client.post("/simulator/run", json=platform_body(), headers={"Prefer": "wait=soon"})
    assert answer.status_code == 400


def test_a_run_past_its_time_is_a_408_and_is_recorded_as_such(client, service, open_gate, monkeypatch):
    monkeypatch.setattr(service.config, "default_timeout_seconds", 1.0)
    open_gate.gate.clear()
    answer = client.post("/simulator/run", json=platform_body())
    assert answer.status_code == 408
    assert answer.json()["type"] == "RequestTimeoutError"
    assert status_of(client, answer.json()["param"]["workflow_id"]) == "TIMED_OUT"
    for words in ("passed its 1 s", "nothing was found by then", "cluster_id", "restart"):
        assert words in answer.json()["message"]


def test_a_run_past_its_time_keeps_the_best_it_found(client, service, open_gate, monkeypatch):
    whole = list(run(client))
    monkeypatch.setattr(service.config, "default_timeout_seconds", 2.0)
    held = threading.Event()
    search = open_gate.search

    def slow_for_b(task, method, timeout_s, **watch):
        if CLUSTER_B in task["task_key"]:
            held.wait(timeout_s)
            open_gate.gate.clear()
            try:
                return search(task, method, 0.01, **watch)
            finally:
                open_gate.gate.set()
        return search(task, method, timeout_s, **watch)

    monkeypatch.setattr(open_gate, "search", slow_for_b)
    answer = client.post("/simulator/run", json=platform_body())
    assert answer.status_code == 408
    best = answer.json()["param"]["best"]
    assert [item["cluster_id"] for item in best["recommendations"]] == [CLUSTER_A]
    assert best["status"] == "TIMED_OUT"
    assert "passed its 2 s (DEFAULT_TIMEOUT_SECONDS); param.best is" in answer.json()["message"]
    monkeypatch.setattr(service.config, "default_timeout_seconds", 300.0)
    assert client.get(f"/simulator/results/{best['workflow_id']}").json() == answer.json()  # whatever holds by now
    assert list(best) == whole  # the same fields in the same order


def test_a_search_that_ends_half_way_is_a_408_with_its_best(client, open_gate, monkeypatch):
    search = open_gate.search

    def half_way(*arguments, **watch):
        return {**search(*arguments, **watch), "is_complete": False}

    monkeypatch.setattr(open_gate, "search", half_way)
    body = client.post("/simulator/run", json=platform_body())
    assert body.status_code == 408
    assert body.json()["param"]["best"]["recommendations"]
    assert {item["code"] for item in body.json()["param"]["best"]["refusals"]} == {"partly_searched"}
    far = client.post("/simulator/run", json=platform_body(target_ttft=0.001, target_e2e_latency=1e-6))
    assert far.status_code == 408
    assert far.json()["param"]["best"]["recommendations"] == []
    assert far.json()["param"]["best"]["nearest"][0]["metrics"]["misses"]


@pytest.mark.parametrize("action", ["stop", "pause"])
def test_a_run_that_is_held_or_ended_ends_its_searches(client, open_gate, monkeypatch, action):
    ended = []
    search = open_gate.search

    def watched(*arguments, **watch):
        try:
            return search(*arguments, **watch)
        finally:
            ended.append(time.monotonic())

    monkeypatch.setattr(open_gate, "search", watched)
    open_gate.gate.clear()
    workflow_id = start(client)
    wait_for(client, workflow_id, "RUNNING")
    time.sleep(0.5)
    told = time.monotonic()
    call = client.delete if action == "stop" else client.post
    assert call(f"/workflow/{workflow_id}/{action}").status_code == 200
    time.sleep(1.5)
    assert len(ended) >= 2
    assert max(ended[:2]) - told < 1.2
    client.delete(f"/workflow/{workflow_id}/stop")


def test_a_lost_worker_costs_its_group_and_no_other(client, open_gate):
    open_gate.failures = [WorkerLostError("The search worker died again and again.")]
    body = run(client)
    assert len(body["recommendations"]) == 1
    assert any("worker died" in reason for reason in body["reasons"])


def test_rows_that_cannot_be_stored_cost_their_group_and_no_other(client, open_gate, monkeypatch):
    search = open_gate.search

    def far_out(task, *arguments, **watch):
        outcome = search(task, *arguments, **watch)
        if CLUSTER_B in task["task_key"]:
            outcome["rows"] = [{**row, "available_count": 10**12} for row in outcome["rows"]]
        return outcome

    monkeypatch.setattr(open_gate, "search", far_out)
    body = run(client)
    assert [item["cluster_id"] for item in body["recommendations"]] == [CLUSTER_A]
    assert any("beyond what can be stored" in reason for reason in body["reasons"])


def test_an_activity_that_fails_once_is_tried_again(client, open_gate):
    open_gate.failures = [OSError("a hiccup")]
    assert len(run(client)["recommendations"]) == 2


def test_a_stopped_run_stays_stopped_and_writes_nothing(client, service, open_gate):
    open_gate.gate.clear()
    workflow_id = start(client)
    wait_for(client, workflow_id, "RUNNING")
    answer = client.delete(f"/workflow/{workflow_id}/stop")
    assert answer.json()["param"]["status"] == "TERMINATED"
    open_gate.gate.set()
    time.sleep(1.5)
    assert status_of(client, workflow_id) == "TERMINATED"
    assert rows_of(service, workflow_id) == []
    assert client.get(f"/simulator/results/{workflow_id}").status_code == 409


def test_a_paused_run_goes_on_where_it_was(client, service, open_gate):
    open_gate.gate.clear()
    workflow_id = start(client)
    wait_for(client, workflow_id, "RUNNING")
    assert client.post(f"/workflow/{workflow_id}/pause").json()["param"]["status"] == "SUSPENDED"
    assert client.post(f"/workflow/{workflow_id}/pause").status_code == 409
    open_gate.gate.set()
    time.sleep(5.0)  # longer than an activity is tried again
    assert status_of(client, workflow_id) == "SUSPENDED"
    assert client.post(f"/workflow/{workflow_id}/resume").status_code == 200
    assert wait_for(client, workflow_id, "COMPLETED", "FAILED") == "COMPLETED"
    assert {row.cluster_id for row in rows_of(service, workflow_id)} == {CLUSTER_A, CLUSTER_B}


def test_a_finished_run_can_be_run_again(client, service):
    workflow_id = run(client)["workflow_id"]
    before = {row.config_hash for row in rows_of(service, workflow_id)}
    assert client.post(f"/workflow/{workflow_id}/restart").status_code == 200
    assert wait_for(client, workflow_id, "COMPLETED", "FAILED") == "COMPLETED"
    assert {row.config_hash for row in rows_of(service, workflow_id)} == before


def test_stopping_a_run_that_was_started_again_keeps_the_answer_it_had(client, service, open_gate):
    body = run(client)
    workflow_id = body["workflow_id"]
    open_gate.gate.clear()
    assert client.post(f"/workflow/{workflow_id}/restart").status_code == 200
    wait_for(client, workflow_id, "RUNNING")
    assert client.get(f"/simulator/results/{workflow_id}").status_code == 202
    assert client.delete(f"/workflow/{workflow_id}/stop").json()["param"]["status"] == "TERMINATED"
    answer = client.get(f"/simulator/results/{workflow_id}")
    assert answer.status_code == 200
    assert answer.json()["recommendations"] == body["recommendations"]
    assert configuration(client, workflow_id).status_code == 200


def test_a_resumed_run_has_lasted_since_it_was_asked_for(client, open_gate):
    open_gate.gate.clear()
    workflow_id = start(client)
    wait_for(client, workflow_id, "RUNNING")
    client.post(f"/workflow/{workflow_id}/pause")
    time.sleep(1.5)
    open_gate.gate.set()
    client.post(f"/workflow/{workflow_id}/resume")
    wait_for(client, workflow_id, "COMPLETED")
    assert client.get(f"/simulator/status/{workflow_id}").json()["duration_seconds"] > 1.5


def test_controls_of_an_unknown_run_are_404(client):
    unknown = uuid.uuid4()
    assert client.delete(f"/workflow/{unknown}/stop").status_code == 404
    for action in ("pause", "resume", "restart"):
        assert client.post(f"/workflow/{unknown}/{action}").status_code == 404
    assert client.get("/workflow/not-a-uuid/status").status_code == 422


def test_a_run_that_was_stored_but_never_scheduled_is_taken_up(client, service):
    """A crash between the two leaves such a run behind."""
    workflow_id = run(client)["workflow_id"]
    with service.database.transaction() as session:
        asked = session.scalar(select(WorkflowRun.input).where(WorkflowRun.workflow_id == uuid.UUID(workflow_id)))
        orphan = uuid.uuid4()
        session.add(WorkflowRun(workflow_id=orphan, workflow_name="run_simulation", status="PENDING", input=asked))
    assert service.recover() >= 1
    assert wait_for(client, str(orphan), "COMPLETED", "FAILED") == "COMPLETED"


def test_the_readme_status_routes_follow_a_run(client):
    body = client.post("/simulator/run", json=readme_body()).json()
    workflow_id = body["simulation_id"]
    assert client.get(f"/simulator/status/{workflow_id}").json()["status"] == "COMPLETED"
    assert client.get(f"/simulator/status/{workflow_id}/progress").json()["percent"] == 100
    assert client.get(f"/simulator/results/{workflow_id}").json()["simulation_id"] == workflow_id


def test_without_clusters_a_platform_body_waits_for_some_and_a_readme_body_uses_the_examples(
    client, service, monkeypatch
):
    from budsim.simulator.cluster_source import KnownClusters

    monkeypatch.setattr(service.clusters, "load", lambda: KnownClusters("database", []))
    answer = client.post("/simulator/run", json=platform_body())
    assert answer.status_code == 503
    assert "PUT /clusters" in answer.json()["message"]
    body = client.post("/simulator/run", json=readme_body()).json()
    assert body["assumptions"]["clusters"] == "shipped examples"


def test_the_model_named_by_the_hub_id_stands_in_for_a_folder_that_is_not_here(client):
    assert run(client, pretrained_model_uri=MODEL, model_uri="meta/other")["recommendations"]


def test_a_cluster_left_out_for_its_misses_is_said_while_others_are_recommended(client):
    small = [{**cluster, "nodes": cluster["nodes"][:1]} for cluster in clusters()]
    small[1]["nodes"][0]["devices"] = [a100(1)]
    try:
        assert client.put("/clusters", json=small).status_code == 200
        targets = {"target_ttft": 40.0, "target_throughput_per_user": 250.0, "target_e2e_latency": 0.6}
        body = run(client, concurrency=32, **targets)
    finally:
        assert client.put("/clusters", json=clusters()).status_code == 200
    assert [found["cluster_id"] for found in body["recommendations"]] == [CLUSTER_A]
    assert any("Cluster b" in reason and "over the threshold" in reason for reason in body["reasons"])
