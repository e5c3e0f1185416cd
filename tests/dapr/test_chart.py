"""The chart as Helm renders it: valid objects for every way it is installed, refusals that say what to set."""

import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

CHART = Path(__file__).parents[2] / "charts" / "budsim"
KUBERNETES_VERSIONS = ("1.27", "1.31", "1.36")

PRODUCTION = {
    "replicas": 2,
    "database": {"existingSecret": "db"},
    "redis": {"address": "redis:6379", "password": "secret", "enableTLS": True},
}
CASES = {
    "alone": {},
    "production": PRODUCTION,
    "the service README's values": {
        "database": {"url": "postgresql://u:p@host/budsim"},
        "budsim": {
            "replicas": 2,
            "resources": {"requests": {"memory": "1Gi", "cpu": "1000m"}, "limits": {"memory": "4Gi", "cpu": "4000m"}},
            "ml": {"cacheSize": "10Gi", "enableGPU": True},
            "env": [
                {"name": "MAX_EVOLUTION_GENERATIONS", "value": "100"},
                {"name": "POPULATION_SIZE", "value": "200"},
            ],
        },
    },
    "everything on": {
        **PRODUCTION,
        "autoscaling": {"enabled": True},
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
        "ml": {
            "persistence": {"enabled": True, "accessMode": "ReadWriteMany", "storageClass": "fast"},
            "modelsDir": "/m",
        },
        "modelRegistry": {"existingClaim": "models"},
        "networkPolicy": {"egress": [{"to": [{"namespaceSelector": {}}]}], "from": [{"namespaceSelector": {}}]},
        "probes": {"startup": None},
        "dapr": {"apiTokenSecret": "dapr-token", "annotations": {"dapr.io/config": "appconfig"}},
        "imagePullSecrets": [{"name": "pull"}],
        "image": {"digest": "sha256:" + "0" * 64},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "high",
        "extraVolumes": [{"name": "x", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "x", "mountPath": "/m"}],
    },
    "without Dapr": {
        "dapr": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "serviceAccount": {"create": False},
    },
    "components from an umbrella chart": {
        "dapr": {"workflowEngine": "dapr", "components": {"create": False, "statestore": "bud-dapr-statestore"}}
    },
}


def run_helm(helm, tmp_path, values, *arguments):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return subprocess.run(
        [helm, *arguments, str(CHART), "--values", str(file)], capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def render(helm, tmp_path):
    """Return a function from values to the rendered objects by (kind, name)."""

    def rendered(values):
        done = run_helm(helm, tmp_path, values, "template", "rel", "--namespace", "ns")
        assert done.returncode == 0, done.stderr
        objects = [found for found in yaml.safe_load_all(done.stdout) if found]
        named = {(found["kind"], found["metadata"]["name"]): found for found in objects}
        assert len(named) == len(objects)
        return named

    return rendered


def the(objects, kind):
    found = [each for (k, _), each in objects.items() if k == kind]
    assert len(found) == 1, (kind, list(objects))
    return found[0]


def kinds(objects):
    return {kind for kind, _ in objects}


@pytest.mark.parametrize("case", CASES)
def test_lint_finds_nothing_to_say(helm, tmp_path, case):
    done = run_helm(helm, tmp_path, CASES[case], "lint", "--strict")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_every_object_is_valid_for_the_kubernetes_version(render, case, version):
    for (kind, name), found in render(CASES[case]).items():
        if found["apiVersion"].startswith("dapr.io/"):
            continue
        kubernetes_validate.validate(found, version, strict=True)
        assert len(name) <= 63, kind


def test_pod_carries_the_sidecar_annotations_of_the_design(render):
    annotations = the(render({}), "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert (
        annotations.items()
        >= {
            "dapr.io/enabled": "true",
            "dapr.io/app-id": "budsim",
            "dapr.io/app-port": "8080",
            "dapr.io/enable-api-logging": "true",
        }.items()
    )


def test_alone_the_service_needs_neither_dapr_components_nor_a_database(render):
    objects = render({})
    assert kinds(objects).isdisjoint({"Component", "Subscription", "Job"})
    assert the(objects, "ConfigMap")["data"]["WORKFLOW_ENGINE"] == "embedded"
    assert the(objects, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_production_runs_on_dapr_with_the_contract_s_names(render):
    objects = render(PRODUCTION)
    components = {name: found["spec"]["type"] for (kind, name), found in objects.items() if kind == "Component"}
    assert components == {
        "rel-pubsub": "pubsub.redis",
        "rel-statestore": "state.redis",
        "rel-configstore": "configuration.redis",
        "rel-secretstore": "secretstores.local.env",
    }
    subscription = the(objects, "Subscription")
    assert subscription["spec"] == {
        "pubsubname": "rel-pubsub",
        "topic": "budSimMessages",
        "routes": {"default": "/notifications"},
        "deadLetterTopic": "poisonMessages",
    }
    resiliency = the(objects, "Resiliency")["spec"]
    assert resiliency["targets"]["components"] == {"rel-pubsub": {"inbound": {"retry": "messages"}}}
    settings = the(objects, "ConfigMap")["data"]
    assert (settings["WORKFLOW_ENGINE"], settings["STATESTORE_NAME"]) == ("dapr", "rel-statestore")
    assert ("PodDisruptionBudget", "rel-budsim") in objects


def test_no_object_but_a_secret_holds_a_secret_value(render):
    secrets = {"url-password", "redis-password-1", "token-1"}
    values = {
        **PRODUCTION,
        "database": {"url": "postgresql://u:url-password@host/db"},
        "redis": {"address": "redis:6379", "password": "redis-password-1"},
        "auth": {"token": "token-1"},
    }
    for (kind, name), found in render(values).items():
        told = {secret for secret in secrets if secret in yaml.safe_dump(found)}
        assert kind == "Secret" or not told, name


def test_migrations_run_before_the_release_with_what_exists_then(render):
    objects = render({"database": {"url": "postgresql://u:p@host/db"}})
    job = the(objects, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["alembic", "upgrade", "head"]
    secret = next(env for env in container["env"] if env["name"] == "DATABASE_URL")["valueFrom"]["secretKeyRef"]["name"]
    assert "helm.sh/hook" in objects["Secret", secret]["metadata"]["annotations"]


def test_values_under_the_chart_s_name_win_over_its_own(render):
    case = CASES["the service README's values"]
    deployment = the(render(case), "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert deployment["spec"]["replicas"] == 2
    assert container["resources"]["limits"] == {"memory": "4Gi", "cpu": "4000m", "nvidia.com/gpu": "1"}
    assert {env["name"]: env.get("value") for env in container["env"]}["POPULATION_SIZE"] == "200"


def test_pods_of_an_umbrella_chart_take_the_same_values(helm, tmp_path):
    umbrella = tmp_path / "umbrella"
    (umbrella / "charts").mkdir(parents=True)
    (umbrella / "charts" / "budsim").symlink_to(CHART)
    (umbrella / "Chart.yaml").write_text("apiVersion: v2\nname: bud\nversion: 0.0.1\n")
    (umbrella / "values.yaml").write_text(
        yaml.safe_dump({"budsim": {"replicas": 2, "database": {"existingSecret": "db"}}})
    )
    done = subprocess.run([helm, "template", "bud", str(umbrella)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    deployment = next(found for found in yaml.safe_load_all(done.stdout) if found and found["kind"] == "Deployment")
    assert (deployment["metadata"]["name"], deployment["spec"]["replicas"]) == ("bud-budsim", 2)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": 2}, "set database.existingSecret or database.url"),
        ({"autoscaling": {"enabled": True}}, "set database.existingSecret or database.url"),
        ({"replica": 2}, "additional properties 'replica' not allowed"),
        ({"budsim": {"replica": 2}}, "additional properties 'replica' not allowed"),
        ({"redis": {"address": "redis"}}, "/redis/address"),
        ({"ml": {"cacheSize": "10 Gigabytes"}}, "/ml/cacheSize"),
    ],
)
def test_values_that_cannot_work_are_refused_with_what_to_change(helm, tmp_path, values, said):
    done = run_helm(helm, tmp_path, values, "template", "rel")
    assert done.returncode != 0
    assert said in done.stderr
