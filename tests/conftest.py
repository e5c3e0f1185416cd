"""Options and the one service that contract and integration tests share: real routes, workflows and PostgreSQL."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from service_doubles import InProcessBackend, clusters
from starlette.testclient import TestClient

from budsim.commons.config import AppSettings
from budsim.main import create_app

os.environ["BUDSIM_OFFLINE"] = "1"  # no test asks the hub


def pytest_addoption(parser):
    parser.addoption("--dapr-http-port", type=int, default=None, help="HTTP port of a running Dapr sidecar")
    parser.addoption("--dapr-api-token", default=None, help="API token of that sidecar")


@pytest.fixture(scope="session")
def dapr_http_port(request):
    port = request.config.getoption("--dapr-http-port")
    if port is None:
        pytest.skip("needs a Dapr sidecar: --dapr-http-port")
    return port


@pytest.fixture(scope="session")
def dapr_api_token(request):
    return request.config.getoption("--dapr-api-token")


@pytest.fixture(scope="session")
def backend():
    return InProcessBackend()


@pytest.fixture(scope="module")
def database_folder():
    """An empty folder in which PostgreSQL may run.

    pytest's own folders will not do when the tests run as root: PostgreSQL then runs as another account, and every
    further pytest closes them to other accounts.
    """
    folder = Path(tempfile.mkdtemp(prefix="budsim tests "))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def service_settings():
    """Settings of nothing but defaults: no .env, no environment, a data folder with a space in its path."""
    folder = Path(tempfile.mkdtemp(prefix="budsim tests "))
    yield AppSettings(_env_file=None, data_dir=folder, workflow_engine="embedded")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def client(service_settings, backend):
    """A running service with two clusters; ``client.app.state.service`` is what is behind it."""
    app = create_app(service_settings, backend)
    with TestClient(app, raise_server_exceptions=False) as running:
        assert running.put("/clusters", json=clusters()).status_code == 200
        yield running


@pytest.fixture
def service(client):
    return client.app.state.service
