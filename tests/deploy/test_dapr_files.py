"""The Dapr resources and the pinned build: names the platform relies on, no secret, no address of one machine."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "deploy" / "dapr" / "components"


def resources():
    return {path.stem: yaml.safe_load(path.read_text()) for path in COMPONENTS.glob("*.yaml")}


@pytest.fixture(scope="module")
def components():
    return {found["metadata"]["name"]: found for found in resources().values() if found["kind"] == "Component"}


def test_components_carry_the_names_and_kinds_of_the_contract(components):
    assert {name: found["spec"]["type"] for name, found in components.items()} == {
        "pubsub-redis": "pubsub.redis",
        "statestore": "state.redis",
        "configstore": "configuration.redis",
        "secretstore-local": "secretstores.local.env",
    }


def metadata(component):
    return {entry["name"]: entry for entry in component["spec"]["metadata"]}


def test_workflow_state_lives_in_the_state_store_and_shared_keys_stay_unprefixed(components):
    found = metadata(components["statestore"])
    assert found["actorStateStore"]["value"] == "true"
    assert found["keyPrefix"]["value"] == "none"


def test_secrets_are_read_from_the_environment_behind_a_prefix(components):
    assert metadata(components["secretstore-local"])["prefix"]["value"] == "SECRETS_"


@pytest.mark.parametrize("name", ["pubsub-redis", "statestore", "configstore"])
def test_redis_address_and_password_are_never_written_down(components, name):
    found = metadata(components[name])
    assert found["redisHost"].keys() == {"name", "envRef"}
    assert found["redisPassword"].keys() == {"name", "secretKeyRef"}
    assert components[name]["auth"]["secretStore"] == "secretstore-local"


def test_messages_reach_the_notification_route_and_refused_ones_the_dead_letter_topic():
    subscription = resources()["subscription"]
    assert subscription["spec"] == {
        "pubsubname": "pubsub-redis",
        "topic": "budSimMessages",
        "routes": {"default": "/notifications"},
        "deadLetterTopic": "poisonMessages",
    }
    assert subscription["scopes"] == ["budsim"]


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("deploy/dapr/runtime", "github.com/dapr/dapr v1.18.1"),
        ("deploy/dapr/runtime", "github.com/diagridio/go-etcd-cron v0.12.6"),
        ("deploy/helm", "helm.sh/helm/v3 v3.21.4"),
    ],
)
def test_built_tools_are_pinned_with_the_hash_of_their_source(module, wanted):
    path, version = wanted.split()
    assert re.search(rf"^\s*{re.escape(path)} {re.escape(version)}\b", (ROOT / module / "go.mod").read_text(), re.M)
    assert re.search(
        rf"^{re.escape(path)} {re.escape(version)} h1:\S{{44}}$", (ROOT / module / "go.sum").read_text(), re.M
    )


def test_sidecar_images_are_of_the_version_that_is_built():
    version = re.search(r"github.com/dapr/dapr v(\S+)", (ROOT / "deploy/dapr/runtime/go.mod").read_text()).group(1)
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert {services[name]["image"] for name in ("daprd", "placement", "scheduler")} == {
        f"daprio/{name}:${{DAPR_VERSION:-{version}}}" for name in ("daprd", "placement", "scheduler")
    }


def test_seed_script_takes_a_list_or_an_object_of_clusters(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import seed_states

    clusters = [{"id": "a", "nodes": []}]
    for document in (clusters, {"clusters": clusters}):
        path = tmp_path / "clusters.json"
        path.write_text(json.dumps(document))
        assert seed_states.read_clusters(path) == clusters
    path.write_text('{"clusters": 3}')
    with pytest.raises(seed_states.SeedError, match="no list of clusters"):
        seed_states.read_clusters(path)


def test_seed_script_says_how_to_get_a_sidecar_when_none_answers(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import seed_states

    monkeypatch.setenv("DAPR_HTTP_PORT", "1")
    with pytest.raises(seed_states.SeedError, match=r"scripts/dapr_up\.sh"):
        seed_states.call_sidecar("GET", "metadata")
