"""Measured runs over REST: a file in, calibrations at once, accuracy tracked, projects apart."""

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from service_doubles import MODEL as RUN_MODEL
from service_doubles import InProcessBackend, platform_body

from budsim.benchmarks.repository import BenchmarkRepository
from budsim.commons.health import Metrics
from budsim.main import OpenService, create_app
from budsim.perf_model.calibration import Calibration
from budsim.perf_model.fitted_constants import FITTED
from budsim.simulator import points_table
from budsim.simulator.heuristic import HeuristicPredictor

pytestmark = pytest.mark.integration

MODEL, HARDWARE = "Qwen/Qwen3-0.6B", "NVIDIA H100 SXM 80GB"
LOADS = [(1, 128, 32), (1, 2048, 32), (8, 512, 32)]
COLUMNS = ["ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "output_tps"]
REAL = {("vllm", "hopper", "served"): {**FITTED[("vllm", "hopper", "served")], "step_overhead_s": 0.015}}
SECRET = "a secret of this test that has enough bytes"
ALICE, BOB = "project-alice", "project-bob"


@pytest.fixture(scope="module")
def table():
    """Runs of a device that is slower than the shipped constants say, as a CSV without device and engine."""
    rows = [{"model": MODEL, "hardware": HARDWARE, "engine": "vllm", "concurrency": c, "isl": i, "osl": o,
             "num_prompts": 3 * c} for c, i, o in LOADS]  # fmt: skip
    points = pd.DataFrame(rows)
    truth = points_table.predict(points, predictor=HeuristicPredictor({**FITTED, **REAL}))
    return pd.concat([points, truth[COLUMNS]], axis=1).drop(columns=["hardware", "engine"]).to_csv(index=False)


@pytest.fixture
def upload(client, table):
    """Hand in the table; what a test added is removed after it."""
    added = []

    def post(content=None, where=client, headers=None, **changes):
        body = {"content": table if content is None else content, "hardware": HARDWARE, "engine": "vllm", **changes}
        answer = where.post("/api/benchmarks", json=body, headers=headers)
        if answer.status_code == 200:
            added.append(answer.json()["id"])
        return answer

    yield post
    for benchmark_id in dict.fromkeys(added):
        client.delete(f"/api/benchmarks/{benchmark_id}")


def test_a_file_is_stored_compared_and_learnt_from(client, upload):
    answer = upload(file_name="runs.csv")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert len(body["runs"]) == len(LOADS)
    for run in body["runs"]:
        assert run["predicted"]["tpot_ms_mean"] < 0.8 * run["measured"]["tpot_ms_mean"]  # before it was known
    (calibration,) = body["calibrations"]
    assert (calibration["model"], calibration["device"], calibration["engine"]) == (MODEL, HARDWARE, "vllm")
    assert all(error["after"] < error["before"] for error in calibration["held_out"])
    assert client.get(f"/api/benchmarks/{body['id']}").json() == body
    listed = client.get("/api/benchmarks").json()["items"][0]
    assert (listed["id"], listed["num_runs"], listed["models"]) == (body["id"], len(LOADS), [MODEL.lower()])


def measured_again(table, column="num_prompts"):
    """Return the same figures of runs with one prompt more each: other runs."""
    runs = pd.read_csv(io.StringIO(table))
    return runs.assign(**{column: runs[column] + 1}).to_csv(index=False)


def test_the_next_prediction_knows_what_was_handed_in(client, upload, table):
    first, second = upload().json(), upload(measured_again(table)).json()
    for before, after in zip(first["runs"], second["runs"], strict=True):
        measured = after["measured"]["tpot_ms_mean"]
        assert abs(after["predicted"]["tpot_ms_mean"] / measured - 1) < 0.1
        assert abs(before["predicted"]["tpot_ms_mean"] / measured - 1) > 0.2
        assert after["predicted"]["basis"] == "measured"
        low, high = after["predicted"]["intervals"]["tpot_ms_mean"]
        assert low < after["predicted"]["tpot_ms_mean"] < high


def test_accuracy_is_of_predictions_made_before_and_shows_as_gauges(client, upload):
    upload()
    report = client.get("/api/accuracy").json()
    names = {device["name"] for device in client.get("/api/hardware", params={"limit": 1000}).json()["hardware"]}
    assert {group["device"] for group in report["items"]} <= names  # as the catalogue spells them
    (group,) = [item for item in report["items"] if item["model"] == MODEL.lower()]
    assert (group["count"], group["engine"], group["load"]) == (len(LOADS), "vllm", "served")
    by_metric = {item["metric"]: item for item in group["metrics"]}
    assert by_metric["tpot_ms_mean"]["median_ape"] > 0.2
    assert by_metric["tpot_ms_mean"]["count"] == len(LOADS)
    assert group["calibration"]["num_points"] == len(LOADS)
    metrics = client.get("/metrics").text
    line = next(x for x in metrics.splitlines() if x.startswith("budsim_prediction_error_ratio{") and "tpot" in x)
    assert float(line.rsplit(" ", 1)[1]) == pytest.approx(by_metric["tpot_ms_mean"]["median_ape"])


def test_what_is_removed_is_forgotten(client, upload, table):
    kept, gone = upload().json(), upload(measured_again(table)).json()
    answer = client.delete(f"/api/benchmarks/{gone['id']}")
    assert answer.status_code == 200
    assert answer.json()["calibrations"][0]["num_points"] == len(LOADS)
    assert client.delete(f"/api/benchmarks/{kept['id']}").json()["calibrations"] == []
    assert client.get(f"/api/benchmarks/{gone['id']}").status_code == 404
    assert client.delete(f"/api/benchmarks/{gone['id']}").status_code == 404
    assert "budsim_prediction_error_ratio{" not in client.get("/metrics").text


def test_runs_can_be_tracked_without_being_learnt_from(upload):
    body = upload(calibrate=False).json()
    assert body["calibrations"] == []
    assert body["runs"][0]["predicted"] is not None


def test_json_comes_as_text_or_as_it_is(upload):
    run = {"model_id": MODEL, "num_prompts": 8, "completed": 8, "max_concurrency": 2, "request_rate": "inf",
           "request_throughput": 2.0, "output_throughput": 64.0, "total_input_tokens": 1024, "mean_ttft_ms": 20.0,
           "total_output_tokens": 256, "mean_tpot_ms": 30.0}  # fmt: skip
    for content in (run, [run], json.dumps(run)):
        answer = upload(content, calibrate=False)
        assert answer.status_code == 200, answer.text
        assert answer.json()["runs"][0]["configuration"]["concurrency"] == 2


@pytest.mark.parametrize(
    ("content", "changes", "status", "words"),
    [
        ('{"hello": 1}', {}, 400, "hello"),
        ("", {}, 400, "empty"),
        ("model,isl,osl,concurrency,ttft_ms_mean\nx,1,1,1,-5\n", {}, 400, "ttft_ms_mean"),
        ({"model_id": "x", "num_prompts": 1, "completed": 0, "request_throughput": 0}, {}, 400, "completed"),
        (None, {"settings": {"colour": "red"}}, 400, "colour"),
        (None, {"unknown": 1}, 422, "unknown"),
        (None, {"file_name": "x" * 300}, 422, "file_name"),
        (7, {}, 422, "content"),
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing_behind(client, upload, content, changes, status, words):
    before = client.get("/api/benchmarks").json()["total_items"]
    answer = upload(content, **changes)
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert client.get("/api/benchmarks").json()["total_items"] == before


def test_a_run_that_cannot_be_predicted_is_kept_with_the_reason(upload):
    body = upload(hardware="NoSuchCard 9").json()
    assert body["calibrations"] == []
    assert all(run["predicted"] is None and "NoSuchCard" in run["reason"] for run in body["runs"])


@pytest.mark.parametrize(("factor", "told"), [(1e-3, "by the datasheet"), (1e3, "over 100 times")])
def test_times_of_another_unit_calibrate_nothing_and_are_told(upload, factor, told):
    header = "model,tp,concurrency,isl,osl,ttft_ms_mean,tpot_ms_mean"
    runs = [f"{MODEL},1,{c},1024,256,{40 * c * factor},{5 * factor}" for c in (1, 8)]
    body = upload("\n".join([header, *runs])).json()
    assert body["calibrations"] == []
    assert all(run["predicted"] is None and told in run["reason"] for run in body["runs"])


def test_a_run_uses_what_was_calibrated_and_says_so(client, service):
    content = Calibration(RUN_MODEL, HARDWARE, "vllm", constants={"memory_efficiency": 0.5}).to_dict()
    key = (RUN_MODEL.lower(), HARDWARE.lower(), "vllm", "served")
    plain = client.post("/simulator/run", json=platform_body())
    with service.database.transaction() as session:
        BenchmarkRepository(session).keep_calibration("", key, 1, content)
        BenchmarkRepository(session).keep_calibration(ALICE, key, 1, {**content, "device": "not of this project"})
    calibrated = client.post("/simulator/run", json=platform_body())
    with service.database.transaction() as session:
        for project in ("", ALICE):
            BenchmarkRepository(session).remove_calibration(project, key)
    assert plain.status_code == calibrated.status_code == 200, calibrated.text
    assert "calibration" not in plain.json()["assumptions"]
    assert HARDWARE in calibrated.json()["assumptions"]["calibration"]
    assert "not of this project" not in calibrated.text


def test_an_older_fit_never_replaces_a_newer_one(service):
    key = ("m", "d", "vllm", "served")
    with service.database.transaction() as session:
        repository = BenchmarkRepository(session)
        for newest in (5, 3):
            repository.keep_calibration("", key, newest, {"from": newest})
        (kept,) = repository.calibrations(model="M")
        assert kept.content == {"from": 5}
        repository.remove_calibration("", key)


def test_a_project_sees_and_calibrates_its_own_only(client, service_settings, upload):
    settings = service_settings.model_copy(
        update={"app_api_token": SecretStr("app-token"), "jwt_secret": SecretStr(SECRET), "dashboard": False}
    )
    app = create_app(settings, InProcessBackend(), OpenService(client.app.state.service, Metrics()))

    def bearer(project):
        content = {"exp": time.time() + 600, "projects": [project], "clusters": []}
        return {"authorization": f"Bearer {jwt.encode(content, SECRET, 'HS256')}"}

    with TestClient(app, raise_server_exceptions=False) as guarded:
        own = upload(where=guarded, headers=bearer(ALICE)).json()
        assert own["project_id"] == ALICE
        for method in (guarded.get, guarded.delete):
            assert method(f"/api/benchmarks/{own['id']}", headers=bearer(BOB)).status_code == 404
        assert guarded.get("/api/benchmarks", headers=bearer(BOB)).json()["items"] == []
        assert guarded.get("/api/accuracy", headers=bearer(BOB)).json()["total_runs"] == 0
        assert guarded.get("/api/accuracy", headers=bearer(ALICE)).json()["total_runs"] == len(LOADS)
        others = upload(where=guarded, headers=bearer(BOB)).json()
        for run in others["runs"]:  # nothing of Alice's calibration
            assert run["predicted"]["tpot_ms_mean"] < 0.8 * run["measured"]["tpot_ms_mean"]
        assert upload(where=guarded, headers=bearer(BOB), project_id=ALICE).status_code == 404


# ---------------------------------------------------------------------------------------------------------- duplicates
def test_a_file_handed_in_twice_counts_once(client, upload):
    first = upload(file_name="runs.csv").json()
    again = upload(file_name="copy.csv")
    assert again.status_code == 200, again.text
    assert [run["benchmark_id"] for run in again.json()["known"]] == [first["id"]] * len(LOADS)
    assert again.json()["id"] == first["id"]
    assert client.get("/api/benchmarks").json()["total_items"] == 1
    (group,) = client.get("/api/accuracy").json()["items"]
    assert (group["count"], group["calibration"]["num_points"]) == (len(LOADS), len(LOADS))


def test_of_a_file_that_grew_only_the_new_runs_are_stored(client, upload, table):
    lines = table.splitlines()
    first = upload("\n".join(lines[:-1])).json()
    grown = upload("\n".join([*lines, lines[-1]])).json()
    assert grown["id"] != first["id"]
    assert len(grown["runs"]) == 1
    assert sorted(run["benchmark_id"] for run in grown["known"]) == [first["id"]] * (len(LOADS) - 1) + [grown["id"]]
    assert client.get("/api/accuracy").json()["total_runs"] == len(LOADS)


def test_runs_that_were_only_tracked_are_learnt_from_when_they_come_again_to_be_learnt_from(upload):
    tracked = upload(calibrate=False).json()
    learnt = upload().json()
    assert (tracked["id"], tracked["calibrations"]) == (learnt["id"], [])
    assert learnt["calibrations"][0]["num_points"] == len(LOADS)
    assert upload(calibrate=False).json()["calibrations"] == []


def test_the_same_file_at_the_same_time_counts_once(client, upload):
    with ThreadPoolExecutor(4) as callers:
        answers = [answer.json() for answer in callers.map(lambda _: upload(calibrate=False), range(4))]
    assert len({answer["id"] for answer in answers}) == 1
    assert client.get("/api/accuracy").json()["total_runs"] == len(LOADS)
