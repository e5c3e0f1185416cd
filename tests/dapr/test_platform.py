"""What the platform gives an application besides messages and workflows: traces, secrets, an orderly end."""

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import yaml
from dapr_parts import APP_HEADERS, CALLER_TOPIC, ROOT, run_body, wait_for

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STORE = "secrets-in-a-file"
STOP_BOUND_S = 10.0  # the longest step of these runs takes a second, and the machine may be busy


def test_a_trace_goes_through_the_sidecar_into_the_run_and_out_with_its_events(stack):
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    body = run_body(source_topic=CALLER_TOPIC)
    answer = stack.first.dapr("POST", "invoke/budsim/method/simulator/run", headers=headers, json=body)
    workflow_id = answer.json()["workflow_id"]
    stack.assert_each_finished_once([workflow_id], 60)
    ((stored,),) = stack.postgres.run(
        "SELECT input->>'traceparent' FROM workflow_runs WHERE workflow_id = %s", (workflow_id,)
    )
    assert stored.split("-")[1] == TRACE
    told = stack.caller.told(workflow_id)
    assert told
    assert {event["traceparent"].split("-")[1] for event in told} == {TRACE}


@pytest.fixture
def beside_a_store(stack, tmp_path):
    """A replica that knows neither its token nor its database, beside a sidecar whose secret store does."""
    secrets = {"APP_API_TOKEN": "token-of-the-store", "DATABASE_URL": stack.postgres.url("from-the-store")}
    (tmp_path / "secrets.json").write_text(json.dumps(secrets))
    resources = tmp_path / "resources"
    shutil.copytree(ROOT / "deploy" / "dapr" / "components", resources)
    metadata = [{"name": "secretsFile", "value": str(tmp_path / "secrets.json")}]
    component = {
        "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": STORE},
        "spec": {"type": "secretstores.local.file", "version": "v1", "metadata": metadata},
    }  # fmt: skip
    (resources / "store.yaml").write_text(yaml.safe_dump(component))
    replica = stack.add_replica(resources_path=resources)
    for name in secrets:
        del replica.environment[name]
    replica.environment |= {"DAPR_SECRET_STORE": STORE, "DAPR_SECRETS": ",".join(secrets)}
    yield replica
    replica.remove()
    stack.replicas.remove(replica)


def test_token_and_database_come_from_the_secret_store(stack, beside_a_store):
    beside_a_store.start()
    url = f"{beside_a_store.url}/clusters"
    assert httpx.get(url, headers=APP_HEADERS).status_code == 401
    assert httpx.get(url, headers={"dapr-api-token": "token-of-the-store"}).status_code == 200
    connected = stack.postgres.run("SELECT DISTINCT application_name FROM pg_stat_activity")
    assert ("from-the-store",) in connected
    assert "token-of-the-store" not in beside_a_store.log.read_text()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"DAPR_SECRETS": "APP_API_TOKEN,JWT_SECRET"}, "JWT_SECRET"),
        ({"DAPR_SECRET_STORE": "no-such-store"}, "no-such-store"),
        ({"DAPR_SECRETS": "PATH"}, "DAPR_SECRETS"),
    ],
)
def test_a_secret_that_cannot_be_had_stops_the_start_and_is_named(beside_a_store, changed, named):
    done = subprocess.run(
        [sys.executable, "-m", "budsim.cli", "serve"], env=beside_a_store.environment | changed,
        cwd=beside_a_store.stack.folder, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode != 0
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "token-of-the-store" not in done.stderr


def test_an_orderly_end_waits_for_steps_that_run_not_for_those_that_wait(stack):
    with ThreadPoolExecutor(16) as pool:
        workflow_ids = list(pool.map(lambda index: stack.first.rest(output_tokens=600 + index), range(60)))
    began = time.monotonic()
    stack.first.stop()
    took_s = time.monotonic() - began
    left = [status for status in stack.statuses(workflow_ids).values() if status in {"PENDING", "RUNNING"}]
    stack.first.start()
    stack.assert_each_finished_once(workflow_ids)
    wait_for(stack.first.sidecar_is_ready)
    print(f"\nstopped in {took_s:.1f} s with {len(left)} of {len(workflow_ids)} runs in flight")
    assert left
    assert took_s < STOP_BOUND_S
