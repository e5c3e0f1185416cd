"""Image and compose file: no root, hashed packages, no floating tag, secrets from outside, every start in order."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def instructions():
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = (line.strip() for line in text.splitlines())
    return [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]


def of(keyword):
    return [argument for name, argument in instructions() if name == keyword]


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_image_runs_as_a_numbered_user_that_is_not_root():
    uid, gid = of("USER")[-1].split(":")
    assert int(uid) > 0
    assert int(gid) > 0


def test_every_downloaded_package_is_checked_against_its_hash():
    installs = [part for run in of("RUN") for part in run.split("&&") if "pip install" in part]
    assert installs
    assert all("--require-hashes" in part or ("--no-deps" in part and "--no-index" in part) for part in installs)


def test_both_stages_use_the_base_image_that_the_builder_may_replace():
    assert {line.split()[0] for line in of("FROM")} == {"${PYTHON_IMAGE}"}
    default = next(argument for argument in of("ARG") if argument.startswith("PYTHON_IMAGE="))
    assert not default.endswith((":latest", "=python"))


def test_image_answers_on_8080_and_says_whether_it_is_healthy():
    assert of("EXPOSE") == ["8080"]
    assert of("CMD") == ['["budsim", "serve", "--host", "0.0.0.0", "--port", "8080"]']
    assert "/health" in of("HEALTHCHECK")[0]
    assert "APP_PORT=8080" in of("ENV")[-1]


def test_build_context_lets_in_what_the_image_copies_and_nothing_secret():
    allowed = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = {name for line in of("COPY") if "--from" not in line for name in line.split()[:-1]}
    assert {name.removeprefix("./") for name in copied} == allowed
    assert not allowed & {".env", ".git", ".venv"}


def test_compose_starts_everything_that_the_service_needs(services):
    assert set(services) == {"pod", "app", "daprd", "placement", "scheduler", "redis", "postgres", "migrations"}
    assert services["migrations"]["command"] == ["alembic", "upgrade", "head"]
    after = services["app"]["depends_on"]
    assert after["migrations"]["condition"] == "service_completed_successfully"
    assert after["postgres"]["condition"] == "service_healthy"


def test_sidecar_and_service_share_a_network_that_outlives_both(services):
    assert services["app"]["network_mode"] == services["daprd"]["network_mode"] == "service:pod"
    assert services["pod"]["ports"] == ["127.0.0.1:${BUDSIM_PORT:-9083}:8080"]


def test_compose_names_no_floating_image(services):
    for name, service in services.items():
        assert not re.search(r":latest\b", service["image"]), name
        assert ":" in service["image"], name


def test_every_secret_of_the_compose_file_comes_from_outside(services):
    for service in services.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("TOKEN|PASSWORD|AUTH", name):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), name


def test_what_can_be_asked_has_a_healthcheck_and_what_has_state_a_volume(services):
    assert {name for name, service in services.items() if "healthcheck" in service} == {
        "app", "daprd", "redis", "postgres",
    }  # fmt: skip
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    mounted = {mount.partition(":")[0] for service in services.values() for mount in service.get("volumes", [])}
    assert {"budsim-data", "postgres-data", "redis-data", "scheduler-data"} <= set(volumes) & mounted
