"""Settings: an empty environment works, every documented name is read, and no secret is shown."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from budsim.commons.config import AppSettings, default_data_dir
from budsim.commons.config import settings as read_settings
from budsim.commons.database import configured_database_url
from budsim.commons.errors import InvalidRequestError

ROOT = Path(__file__).parents[3]
DOCUMENTED = """
    APP_NAME APP_PORT APP_HOST NAMESPACE DEBUG LOG_LEVEL ENABLE_PROFILING BUDSIM_DATA_DIR APP_API_TOKEN DAPR_API_TOKEN
    DATABASE_URL PSQL_HOST PSQL_PORT PSQL_DB_NAME PSQL_USER PSQL_PASSWORD REDIS_URL DAPR_HTTP_PORT DAPR_GRPC_PORT
    CLUSTER_INFO_STATE_KEY CLUSTER_INFO_FILE NOTIFY_SERVICE_NAME NOTIFY_SERVICE_TOPIC BUD_CONNECT_URL MODEL_REGISTRY_DIR
    HF_TOKEN BUDSIM_OFFLINE HF_HUB_OFFLINE BENCHMARK_PREDICTOR_MODELS_DIR MODEL_CACHE_DIR DEFAULT_SIMULATION_METHOD
    SKIP_MASTER_NODE_FOR_CPU NFD_DETECTION_TIMEOUT VLLM_IMAGE VLLM_CUDA_IMAGE VLLM_CPU_IMAGE VLLM_HPU_IMAGE
    VLLM_ROCM_IMAGE SGLANG_IMAGE SGLANG_CUDA_IMAGE LITELLM_IMAGE LATENTBUD_CPU_IMAGE LATENTBUD_CUDA_IMAGE
    QUANTIZATION_CPU_IMAGE QUANTIZATION_CUDA_IMAGE POPULATION_SIZE MAX_EVOLUTION_GENERATIONS GENERATION_COUNT
    DEFAULT_TIMEOUT_SECONDS ENABLE_MODEL_UPDATES MAX_BATCH_SIZE ENABLE_RESULT_PAGINATION XGBOOST_VERBOSITY
    EVOLUTION_VERBOSE
"""


def read_names():
    names = set()
    for name, field in AppSettings.model_fields.items():
        choices = getattr(field.validation_alias, "choices", None) or [name]
        names |= {str(choice).upper() for choice in choices}
    return names


@pytest.fixture
def bare(monkeypatch):
    for name in read_names():
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def settings(**values):
    return AppSettings(_env_file=None, **values)


def test_every_documented_variable_is_read():
    assert read_names() >= set(DOCUMENTED.split())


def test_the_sample_names_every_variable_and_no_other():
    sample = (ROOT / ".env.sample").read_text()
    mentioned = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", sample, re.MULTILINE))
    assert mentioned <= read_names()
    for name in DOCUMENTED.split():
        assert re.search(rf"\b{name}\b", sample), name


def test_the_sample_is_a_working_configuration(bare):
    config = AppSettings(_env_file=ROOT / ".env.sample")
    assert config.uses_embedded_postgres
    assert config.app_port == 9083
    assert config.listen_host == "127.0.0.1"


def test_an_empty_environment_is_a_working_configuration(bare):
    config = settings()
    assert config.app_port == 9083
    assert config.default_timeout_seconds == 300
    assert (config.population_size, config.max_evolution_generations) == (50, 30)
    assert config.uses_embedded_postgres
    assert configured_database_url(config) is None
    assert all(config.engine_images().values())


@pytest.mark.parametrize(
    ("name", "documented"),
    [
        ("APP_NAME", "bud-serve-simulator"),
        ("LOG_LEVEL", "INFO"),
        ("ENABLE_MODEL_UPDATES", True),
        ("DEFAULT_TIMEOUT_SECONDS", 300),
        ("MODEL_REGISTRY_DIR", Path("/models")),
        ("DEFAULT_SIMULATION_METHOD", "regressor"),
        ("SKIP_MASTER_NODE_FOR_CPU", True),
        ("NFD_DETECTION_TIMEOUT", 300),
    ],
)
def test_defaults_are_those_of_the_documents(bare, name, documented):
    assert getattr(settings(), name.lower()) == documented


@pytest.mark.parametrize(
    "name", ["DAPR_HTTP_PORT", "DAPR_GRPC_PORT", "LOG_LEVEL", "NFD_DETECTION_TIMEOUT", "REDIS_URL"]
)
def test_a_documented_variable_reaches_its_setting(bare, name):
    value = {"LOG_LEVEL": "DEBUG", "REDIS_URL": "redis://localhost:6379"}.get(name, "3510")
    bare.setenv(name, value)
    found = getattr(settings(), name.lower())
    assert str(found.get_secret_value() if name == "REDIS_URL" else found) == value


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("GENERATION_COUNT", "max_evolution_generations"),
        ("MAX_EVOLUTION_GENERATIONS", "max_evolution_generations"),
        ("POPULATION_SIZE", "population_size"),
    ],
)
def test_numbers_and_their_aliases_are_read(bare, name, field):
    bare.setenv(name, "77")
    assert getattr(settings(), field) == 77


def test_image_aliases_are_read(bare):
    bare.setenv("VLLM_IMAGE", "mine")
    bare.setenv("SGLANG_IMAGE", "yours")
    assert settings().engine_images()["vllm_cuda"] == "mine"
    assert settings().engine_images()["sglang_cuda"] == "yours"


@pytest.mark.parametrize("name", ["DATABASE_URL", "PSQL_HOST", "DAPR_HTTP_PORT", "APP_API_TOKEN", "CLUSTER_INFO_FILE"])
def test_an_empty_variable_is_not_set(bare, name):
    bare.setenv(name, "")
    config = settings()
    assert getattr(config, name.lower()) is None
    assert config.uses_embedded_postgres


def test_a_database_url_wins_over_its_parts_whatever_its_driver(bare):
    bare.setenv("PSQL_HOST", "elsewhere")
    bare.setenv("DATABASE_URL", "postgresql+asyncpg://u:p%40ss@db:5433/name")
    url = configured_database_url(settings())
    assert (url.drivername, url.host, url.port, url.database, url.password) == (
        "postgresql+psycopg2", "db", 5433, "name", "p@ss",
    )  # fmt: skip


def test_the_parts_make_a_url(bare):
    bare.setenv("PSQL_HOST", "db")
    bare.setenv("PSQL_USER", "u")
    bare.setenv("PSQL_PASSWORD", "a/b@c")
    url = configured_database_url(settings())
    assert (url.host, url.username, url.password, url.database) == ("db", "u", "a/b@c", "budsim")


def test_secrets_are_not_shown(bare):
    for name in ("APP_API_TOKEN", "DAPR_API_TOKEN", "DATABASE_URL", "PSQL_PASSWORD", "HF_TOKEN", "REDIS_URL"):
        bare.setenv(name, "postgresql://hush-hush")
    assert "hush-hush" not in repr(settings())


def test_a_wrong_value_is_not_repeated_in_the_error(bare):
    bare.setenv("APP_PORT", "hush-hush")
    with pytest.raises(ValidationError) as caught:
        settings()
    assert "hush-hush" not in str(caught.value)
    assert "app_port" in str(caught.value)


def test_a_wrong_variable_is_named_and_its_value_is_not(bare):
    bare.setenv("GENERATION_COUNT", "hush-hush")
    read_settings.cache_clear()
    try:
        with pytest.raises(InvalidRequestError, match="GENERATION_COUNT") as caught:
            read_settings()
        assert "hush-hush" not in str(caught.value)
    finally:
        read_settings.cache_clear()


@pytest.mark.parametrize("url", ["hush-hush", "mysql://u:hush-hush@h/db", "sqlite:///x", "http://["])
def test_a_database_that_is_not_postgresql_is_refused(bare, url):
    bare.setenv("DATABASE_URL", url)
    with pytest.raises(InvalidRequestError, match="DATABASE_URL") as caught:
        configured_database_url(settings())
    assert "hush-hush" not in str(caught.value)


def test_a_token_opens_the_service_to_the_network(bare):
    assert settings().listen_host == "127.0.0.1"
    bare.setenv("DAPR_API_TOKEN", "t")
    assert settings().listen_host == "0.0.0.0"  # noqa: S104
    bare.setenv("APP_HOST", "10.0.0.1")
    assert settings().listen_host == "10.0.0.1"


def test_the_data_folder_follows_the_xdg_rules(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    assert default_data_dir() == Path("/elsewhere/budsim")
