"""What these tests build and start for themselves: Helm, daprd, Redis. Not part of `make test`."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def helm():
    """Path of a Helm 3, built once when the machine has none."""
    done = subprocess.run([ROOT / "deploy" / "helm" / "build.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def dapr_environment(tmp_path_factory):
    """Start Redis, placement, scheduler and a sidecar on free ports; stop them afterwards, whatever happened."""
    folder = tmp_path_factory.mktemp("dapr")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DAPR_", "REDIS_", "PSQL_"))
    }
    environment |= {
        "BUDSIM_DAPR_DIR": str(folder / "state"),
        "DAPR_API_TOKEN": "sidecar-token",
        "APP_API_TOKEN": "app-token",
        "SECRETS_REDIS_PASSWORD": "redis-password",
        "APP_PORT": str(free_port()),
    }
    environment.pop("DATABASE_URL", None)
    started = subprocess.run(
        [ROOT / "scripts" / "dapr_up.sh"], env=environment, capture_output=True, text=True, timeout=900
    )
    assert started.returncode == 0, started.stderr
    for line in (folder / "state" / "env").read_text().splitlines():
        environment |= dict(pair.split("=", 1) for pair in line.removeprefix("export ").split())
    try:
        yield environment
    finally:
        subprocess.run([ROOT / "scripts" / "dapr_down.sh"], env=environment, check=True, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)


def free_port():
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """Everything for tests that break it, PostgreSQL and a subscribing app included; stopped afterwards."""
    from dapr_stack import Stack

    running = None
    try:
        running = Stack(tmp_path_factory.mktemp("stack"))
        yield running
    finally:
        if running is not None:
            running.down()
