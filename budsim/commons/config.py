"""Application settings: the only reader of environment variables and of ``.env``.

Every variable has a default that works on one machine without any other service. A variable that the platform's
documents name and that has no meaning here is accepted and listed under *inert* (see ``.env.sample``).
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from budsim.commons.errors import InvalidRequestError


def default_data_dir() -> Path:
    """Return the per-user folder of BudSim's own data, by the XDG base directory rules."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "budsim"


def _blank_to_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _names(default: str, *aliases: str) -> AliasChoices:
    return AliasChoices(default, *aliases)


OptionalStr = Annotated[str | None, BeforeValidator(_blank_to_none)]
OptionalInt = Annotated[int | None, BeforeValidator(_blank_to_none)]
OptionalFloat = Annotated[float | None, BeforeValidator(_blank_to_none)]
OptionalPath = Annotated[Path | None, BeforeValidator(_blank_to_none)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_blank_to_none)]


class AppSettings(BaseSettings):
    """All settings of the service, the library and the CLI, by environment variable name in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    # Application
    app_name: str = "bud-serve-simulator"
    app_id: str = "budsim"
    app_host: OptionalStr = None
    app_port: int = Field(default=9083, ge=1, le=65535)
    namespace: str = "development"
    debug: bool = False
    log_level: str = "INFO"
    log_format: Literal["plain", "json"] = "plain"
    enable_profiling: bool = False
    dashboard: bool = True
    max_body_bytes: int = Field(default=10_000_000, ge=1)
    data_dir: Path = Field(default_factory=default_data_dir, validation_alias=_names("budsim_data_dir", "data_dir"))

    # Access
    app_api_token: OptionalSecret = None
    dapr_api_token: OptionalSecret = None
    metrics_need_token: bool = True
    jwt_secret: OptionalSecret = None
    jwt_public_key: OptionalStr = None
    jwt_jwks: OptionalStr = None
    jwt_algorithms: OptionalStr = None
    jwt_audience: OptionalStr = None
    jwt_issuer: OptionalStr = None
    jwt_leeway_seconds: float = Field(default=30.0, ge=0, le=300)
    jwt_jwks_lifetime_seconds: float = Field(default=300.0, gt=0)
    jwt_jwks_max_age_seconds: float = Field(default=86_400.0, gt=0)
    jwt_jwks_timeout_seconds: float = Field(default=5.0, gt=0)
    rate_limit_per_minute: int = Field(default=0, ge=0)

    # Telemetry
    otel_exporter_otlp_endpoint: OptionalStr = None
    otel_service_name: str = "budsim"

    # Database: nothing set = PostgreSQL embedded in data_dir
    database_url: OptionalSecret = None
    psql_host: OptionalStr = None
    psql_port: int = 5432
    psql_db_name: str = "budsim"
    psql_user: OptionalStr = None
    psql_password: OptionalSecret = None
    database_pool_size: int = Field(default=10, ge=1)

    # Dapr and peers
    workflow_engine: Literal["auto", "embedded", "dapr"] = "auto"
    dapr_http_port: OptionalInt = None
    dapr_grpc_port: OptionalInt = None
    dapr_wait_seconds: float = Field(default=2.0, ge=0)
    dapr_secret_store: OptionalStr = None
    dapr_secrets: OptionalStr = None
    statestore_name: OptionalStr = None
    pubsub_name: OptionalStr = None
    cluster_info_state_key: str = "cluster_info"
    cluster_info_file: OptionalPath = None
    notify_service_name: str = "notify"
    notify_service_topic: OptionalStr = None
    bud_connect_url: OptionalStr = None

    # Models
    model_registry_dir: Path = Path("/models")
    hf_token: OptionalSecret = Field(default=None, validation_alias=_names("hf_token", "hugging_face_hub_token"))
    hub_offline: bool = Field(default=False, validation_alias=_names("budsim_offline", "hf_hub_offline", "hub_offline"))
    hub_timeout_seconds: float = Field(default=10.0, gt=0)
    benchmark_predictor_models_dir: OptionalPath = Field(
        default=None, validation_alias=_names("benchmark_predictor_models_dir", "model_cache_dir")
    )
    regressor_model_version: OptionalStr = None

    # Simulation
    default_simulation_method: Literal["regressor", "heuristic"] = "regressor"
    default_timeout_seconds: float = Field(default=300.0, gt=0)
    population_size: int = Field(default=50, ge=2)
    max_evolution_generations: int = Field(
        default=30, ge=1, validation_alias=_names("max_evolution_generations", "generation_count")
    )
    skip_master_node_for_cpu: bool = True
    max_batch_size: OptionalInt = Field(default=None)
    enable_result_pagination: bool = True
    evolution_verbose: bool = False
    xgboost_verbosity: int = Field(default=0, ge=0, le=3)
    search_workers: OptionalInt = None
    feedback_expiry_days: float = Field(default=30.0, gt=0)

    # Prices
    price_basis: Literal["auto", "on_demand", "reserved_1y", "reserved_3y", "spot", "on_prem"] = "auto"
    on_prem_amortisation_years: float = Field(default=5.0, gt=0, le=100)
    on_prem_utilization: float = Field(default=1.0, gt=0, le=1)
    electricity_usd_per_kwh: OptionalFloat = Field(default=None)
    data_center_pue: float = Field(default=1.58, ge=1, le=10)
    price_service_url: OptionalStr = None
    price_service_timeout_seconds: float = Field(default=3.0, gt=0, le=60)
    price_service_cache_seconds: float = Field(default=900.0, ge=0)

    # Engine images
    vllm_cuda_image: str = Field(
        default="budecosystem/bud-runtime-cuda:latest", validation_alias=_names("vllm_cuda_image", "vllm_image")
    )
    vllm_cpu_image: str = "budecosystem/bud-runtime-cpu:latest"
    vllm_hpu_image: str = "budecosystem/bud-runtime-hpu:latest"
    vllm_rocm_image: str = "vllm/vllm-openai-rocm:latest"
    sglang_cuda_image: str = Field(
        default="lmsysorg/sglang:latest", validation_alias=_names("sglang_cuda_image", "sglang_image")
    )
    sglang_rocm_image: OptionalStr = None
    litellm_image: str = "ghcr.io/berriai/litellm:main-latest"
    latentbud_cpu_image: str = "budecosystem/latentbud:cpu-latest"
    latentbud_cuda_image: str = "budecosystem/latentbud:cuda-latest"
    quantization_cpu_image: str = "budecosystem/quantization:cpu-latest"
    quantization_cuda_image: str = "budecosystem/quantization:cuda-latest"

    # Inert: named by the platform's documents, accepted, without effect here
    redis_url: OptionalSecret = None
    nfd_detection_timeout: int = 300
    enable_model_updates: bool = True

    @property
    def uses_embedded_postgres(self) -> bool:
        """Whether no database is configured, so that BudSim starts its own."""
        return self.database_url is None and self.psql_host is None

    @property
    def requires_token(self) -> bool:
        """Whether any token is configured."""
        return self.app_api_token is not None or self.dapr_api_token is not None or self.checks_jwt

    @property
    def checks_jwt(self) -> bool:
        """Whether a key is configured that bearer tokens are checked against."""
        return any(value is not None for value in (self.jwt_secret, self.jwt_public_key, self.jwt_jwks))

    @property
    def listen_host(self) -> str:
        """The address to bind: ``APP_HOST``, else loopback without a token and every interface with one."""
        return self.app_host or ("0.0.0.0" if self.requires_token else "127.0.0.1")  # noqa: S104 - guarded by a token

    def engine_images(self) -> dict[str, str]:
        """Return the container image of every engine by ``<engine>_<device type>``, as far as there is one."""
        images = {
            "vllm_cuda": self.vllm_cuda_image,
            "vllm_rocm": self.vllm_rocm_image,
            "vllm_cpu": self.vllm_cpu_image,
            "vllm_cpu_high": self.vllm_cpu_image,
            "vllm_hpu": self.vllm_hpu_image,
            "sglang_cuda": self.sglang_cuda_image,
            "sglang_rocm": self.sglang_rocm_image,
            "litellm_cpu": self.litellm_image,
            "litellm_cpu_high": self.litellm_image,
            "latentbud_cuda": self.latentbud_cuda_image,
            "latentbud_cpu": self.latentbud_cpu_image,
            "latentbud_cpu_high": self.latentbud_cpu_image,
            "quantization_cuda": self.quantization_cuda_image,
            "quantization_cpu": self.quantization_cpu_image,
        }
        return {name: image for name, image in images.items() if image}


def _variables(field_name: str) -> str:
    """Return the environment variables that a field is read from."""
    field = AppSettings.model_fields.get(field_name.lower())
    alias = field.validation_alias if field else None
    names = alias.choices if isinstance(alias, AliasChoices) else [field_name]
    return " or ".join(str(name).upper() for name in names)


@lru_cache(maxsize=1)
def settings() -> AppSettings:
    """Return the settings of this process, read once. ``settings.cache_clear()`` reads them anew.

    Raises:
        InvalidRequestError: A variable has a value that cannot be used; the message names it, not the value.
    """
    try:
        return AppSettings()
    except ValidationError as error:
        wrong = {_variables(str(item["loc"][0])): item["msg"] for item in error.errors()}
        text = "; ".join(f"{name}: {reason}" for name, reason in wrong.items())
        raise InvalidRequestError(f"Settings that cannot be used: {text}.", {"field": next(iter(wrong))}) from None
