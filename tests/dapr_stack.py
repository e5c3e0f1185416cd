"""The whole of it on this machine, for tests that break it: Redis, Dapr, PostgreSQL, replicas, a subscribing caller.

``scripts/dapr_up.sh`` starts Redis, the control plane and the first sidecar; further sidecars are started as it does.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import httpx
import yaml
from dapr_parts import (
    APP_HEADERS,
    CALLER_TOPIC,
    EVENT_ORDER,
    MODEL,
    ROOT,
    SIDECAR_HEADERS,
    TOPIC,
    UNFINISHED,
    Caller,
    Postgres,
    clusters,
    free_ports,
    run_body,
    stop_session,
    wait_for,
)

# What PostgreSQL itself saw: every end of a run, and which replica stored which search.
TRACE = """
CREATE TABLE trace (id bigserial, what text, workflow_id uuid, key text, replica text, transaction text);
CREATE FUNCTION note_status() RETURNS trigger AS $$ BEGIN
  INSERT INTO trace (what, workflow_id, key, replica)
  VALUES ('status', NEW.workflow_id, NEW.status, current_setting('application_name'));
  RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE FUNCTION note_rows() RETURNS trigger AS $$ BEGIN
  INSERT INTO trace (what, workflow_id, key, replica, transaction)
  VALUES ('rows', NEW.workflow_id, NEW.task_key, current_setting('application_name'), pg_current_xact_id()::text);
  RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER note_status AFTER UPDATE OF status ON workflow_runs FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_status();
CREATE TRIGGER note_rows AFTER INSERT ON simulation_results FOR EACH ROW EXECUTE FUNCTION note_rows();
"""


class Replica:
    """BudSim beside its sidecar."""

    def __init__(self, stack, name, app_port, http_port, grpc_port, keeper_pid, core=None):
        self.stack, self.name, self.core = stack, name, core
        self.url = f"http://127.0.0.1:{app_port}"
        self.sidecar = f"http://127.0.0.1:{http_port}/v1.0"
        self.keeper_pid = keeper_pid
        self.log = stack.folder / f"{name}.log"
        self.process = None
        path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = stack.environment | {
            "PYTHONPATH": os.pathsep.join(path),
            "APP_PORT": str(app_port),
            "DAPR_HTTP_PORT": str(http_port),
            "DAPR_GRPC_PORT": str(grpc_port),
            "WORKFLOW_ENGINE": "dapr",
            "DATABASE_URL": stack.postgres.url(name),
            "BUDSIM_DATA_DIR": str(stack.folder / name),
            "MODEL_REGISTRY_DIR": str(stack.folder),
            "SEARCH_WORKERS": "1",
        }

    def start(self):
        pin = [] if self.core is None else ["taskset", "-c", str(self.core)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*pin, sys.executable, "-m", "budsim.cli", "serve"],
                env=self.environment, cwd=self.stack.folder, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(self.is_ready, 120)
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return httpx.get(f"{self.url}/ready", timeout=5).status_code == 200

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def sidecar_pid(self):
        """Return the pid of the daprd that runs now under the keeper."""
        command = ["ps", "-o", "pid=,comm=", "--ppid", str(self.keeper_pid)]
        found = subprocess.run(command, capture_output=True, text=True).stdout.split()
        return int(found[0]) if "daprd" in found else None

    def kill_sidecar(self):
        os.kill(self.sidecar_pid(), signal.SIGKILL)

    def remove(self):
        """Stop service and sidecar for good."""
        self.stop()
        stop_session(self.keeper_pid)

    def ask(self, path, **kwargs):
        return httpx.get(self.url + path, headers=APP_HEADERS, timeout=60, **kwargs)

    def dapr(self, method, path, headers=(), **kwargs):
        return httpx.request(
            method, f"{self.sidecar}/{path}", headers=SIDECAR_HEADERS | dict(headers), timeout=60, **kwargs
        )

    def sidecar_is_ready(self):
        return self.dapr("GET", "healthz").is_success and self.has_worker()

    def has_worker(self):
        return self.dapr("GET", "metadata").json().get("workflows", {}).get("connectedWorkers", 0) > 0

    def rest(self, client=None, **kwargs):
        """Start a run over REST, without waiting for its end; return its id."""
        post = (client or httpx).post
        answer = post(
            f"{self.url}/simulator/run",
            json=run_body(source_topic=CALLER_TOPIC, **kwargs), headers=APP_HEADERS, timeout=60,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.json()["workflow_id"]

    def invoke(self, **kwargs):
        """Start a run by service invocation, without waiting for its end; return its id."""
        answer = self.dapr(
            "POST", "invoke/budsim/method/simulator/run", json=run_body(source_topic=CALLER_TOPIC, **kwargs)
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["workflow_id"]

    def publish(self, event_id, data, source="test", topic=TOPIC):
        """Publish one CloudEvent."""
        event = {
            "specversion": "1.0", "id": event_id, "source": source, "type": "run_simulation",
            "datacontenttype": "application/json", "data": data,
        }  # fmt: skip
        answer = self.dapr(
            "POST",
            f"publish/pubsub-redis/{topic}",
            json=event,
            headers={"content-type": "application/cloudevents+json"},
        )
        assert answer.status_code == 204, answer.text

    def memory_bytes(self):
        """Return the resident memory of the service and its workers."""
        listed = subprocess.run(["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True).stdout
        children, rss = defaultdict(list), {}
        for line in listed.splitlines():
            pid, parent, kilobytes = map(int, line.split())
            children[parent].append(pid)
            rss[pid] = kilobytes * 1024
        todo, total = [self.process.pid], 0
        while todo:
            pid = todo.pop()
            total += rss.get(pid, 0)
            todo += children[pid]
        return total


class Stack:
    """Everything, with handles to break it."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "state"
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text(json.dumps(MODEL))
        first_port, self.poison_seen = free_ports(1)[0], 0
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("DAPR_", "REDIS_", "PSQL_"))
        } | {
            "BUDSIM_DAPR_DIR": str(self.state),
            "DAPR_API_TOKEN": "sidecar-token",
            "APP_API_TOKEN": "app-token",
            "SECRETS_REDIS_PASSWORD": "redis-password",
            "DAPR_HOST_IP": "127.0.0.1",
            "APP_PORT": str(first_port),
        }
        self.replicas = []
        self._sessions = []
        self.postgres = Postgres()
        self.caller = Caller()
        self._up()
        self.first = self._first(first_port)
        self._start_caller_sidecar()
        self.set_clusters(1)
        self.first.start()
        self.postgres.run(TRACE)

    def _up(self):
        up = [ROOT / "scripts" / "dapr_up.sh"]
        done = subprocess.run(up, env=self.environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        self.ports = {}
        for line in (self.state / "env").read_text().splitlines():
            self.ports |= dict(pair.split("=", 1) for pair in line.removeprefix("export ").split())
        self.environment["BUDSIM_REDIS_ADDRESS"] = self.ports["BUDSIM_REDIS_ADDRESS"]

    def down(self):
        for replica in self.replicas:
            replica.stop()
        for pid in self._sessions:
            stop_session(pid)
        subprocess.run([ROOT / "scripts" / "dapr_down.sh"], env=self.environment, check=True, timeout=120)
        self.caller.stop()
        self.postgres.remove()

    def _pid(self, name):
        return int((self.state / f"{name}.pid").read_text().split()[0])

    def _first(self, app_port):
        http_port, grpc_port = self.ports["DAPR_HTTP_PORT"], self.ports["DAPR_GRPC_PORT"]
        replica = Replica(self, "replica-1", app_port, http_port, grpc_port, self._pid("daprd"))
        self.replicas.append(replica)
        return replica

    def _start_sidecar(self, name, **options):
        """Start a sidecar as the first was, but for ``options``; return the pid of what keeps it running."""
        command = Path(f"/proc/{self._pid('daprd')}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        for option, value in options.items():
            command[command.index("--" + option.replace("_", "-")) + 1] = str(value)
        with (self.folder / f"{name}.daprd.log").open("ab") as log:
            started = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self._sessions.append(started.pid)
        return started.pid

    def _start_caller_sidecar(self):
        """One message at a time, so that this subscriber sees a topic's order."""
        components = self.folder / "caller-components"
        components.mkdir()
        source = ROOT / "deploy" / "dapr" / "components"
        shutil.copy(source / "secretstore-local.yaml", components)
        pubsub = yaml.safe_load((source / "pubsub-redis.yaml").read_text())
        pubsub["spec"]["metadata"] += [
            {"name": "concurrency", "value": "1"},
            {"name": "processingTimeout", "value": "5s"},
            {"name": "redeliverInterval", "value": "5s"},
        ]
        (components / "pubsub.yaml").write_text(yaml.safe_dump(pubsub))
        http_port, grpc_port, internal_port = free_ports(3)
        self._start_sidecar(
            "caller", app_id="caller", app_port=self.caller.port, dapr_http_port=http_port, dapr_grpc_port=grpc_port,
            dapr_internal_grpc_port=internal_port, resources_path=components,
        )  # fmt: skip
        url = f"http://127.0.0.1:{http_port}/v1.0/healthz"
        wait_for(lambda: httpx.get(url, timeout=1, headers=SIDECAR_HEADERS).is_success, 60)

    def add_replica(self, core=None, **sidecar_options):
        """Return one more replica, not started yet, with its sidecar, which is."""
        name = f"replica-{len(self.replicas) + 1}"
        app_port, http_port, grpc_port, internal_port = free_ports(4)
        keeper = self._start_sidecar(
            name, app_port=app_port, dapr_http_port=http_port, dapr_grpc_port=grpc_port,
            dapr_internal_grpc_port=internal_port, **sidecar_options,
        )  # fmt: skip
        replica = Replica(self, name, app_port, http_port, grpc_port, keeper, core)
        self.replicas.append(replica)
        return replica

    def set_clusters(self, count, nodes=1):
        """Write the clusters as the platform does."""
        state = [{"key": "cluster_info", "value": json.dumps(clusters(count, nodes))}]
        answer = wait_for(lambda: self.first.dapr("POST", "state/statestore", json=state), 20)
        assert answer.is_success, answer.text

    def restart_redis(self, away_s=2.0):
        """Kill Redis, and start it again as ``dapr_up.sh`` did."""
        os.kill(self._pid("redis"), signal.SIGKILL)
        time.sleep(away_s)
        script = f". deploy/dapr/processes.sh; start_process redis redis-server {self.state}/redis.conf"
        environment = self.environment | {"STATE": str(self.state)}
        subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment, check=True, timeout=30)

    def statuses(self, workflow_ids):
        found = self.postgres.run(
            "SELECT workflow_id::text, status FROM workflow_runs WHERE workflow_id::text = ANY(%s)",
            (list(workflow_ids),),
        )
        return dict(found)

    def wait_until_over(self, workflow_ids, seconds=120):
        """Return the final status of every run."""

        def over():
            found = self.statuses(workflow_ids)
            return found if len(found) == len(workflow_ids) and not UNFINISHED & set(found.values()) else None

        return wait_for(over, seconds, 0.3)

    def number_of_rows(self, workflow_id):
        return self.postgres.run("SELECT count(*) FROM simulation_results WHERE workflow_id = %s", (workflow_id,))[0][0]

    def assert_each_finished_once(self, workflow_ids, seconds=120):
        """Every run completed, ended once, has rows, and told its steps in the contract's order."""
        workflow_ids = list(workflow_ids)
        assert set(self.wait_until_over(workflow_ids, seconds).values()) == {"COMPLETED"}
        ends = self.postgres.run(
            "SELECT workflow_id::text, count(*) FROM trace WHERE what = 'status' AND key = 'COMPLETED'"
            " AND workflow_id::text = ANY(%s) GROUP BY 1",
            (workflow_ids,),
        )
        assert dict(ends) == dict.fromkeys(workflow_ids, 1)
        for workflow_id in workflow_ids:
            assert self.number_of_rows(workflow_id) > 0
        wait_for(lambda: all(len(self.caller.steps(each)) >= len(EVENT_ORDER) for each in workflow_ids), 90)
        for workflow_id in workflow_ids:
            assert self.caller.steps(workflow_id) == EVENT_ORDER, workflow_id
