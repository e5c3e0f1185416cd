"""Secrets from the sidecar's secret store: the settings that ``DAPR_SECRETS`` names are read there at start.

What a store gives becomes this process's environment, where every setting is read from; what is configured already
stays as it is.
"""

from __future__ import annotations

import logging
import os

from budsim.commons.config import AppSettings, settings
from budsim.commons.dapr import Sidecar
from budsim.commons.errors import InvalidRequestError, UnavailableError

logger = logging.getLogger(__name__)

# What may come from a store. DAPR_API_TOKEN opens the sidecar itself and comes by the environment.
SECRET_SETTINGS = ("APP_API_TOKEN", "DATABASE_URL", "PSQL_PASSWORD", "JWT_SECRET", "HF_TOKEN")
_SIDECAR_WAIT_S = 60.0


def settings_with_secrets() -> AppSettings:
    """Return the settings of this process, with those that ``DAPR_SECRETS`` names read from ``DAPR_SECRET_STORE``.

    Raises:
        InvalidRequestError: A name is none of ``SECRET_SETTINGS``, or store or sidecar are not named.
        UnavailableError: The sidecar does not answer, or has no such store or secret.
    """
    config = settings()
    wanted = _wanted(config)
    if not wanted:
        return config
    store = str(config.dapr_secret_store)
    sidecar = Sidecar(config)
    try:
        if not sidecar.wait_until_ready(_SIDECAR_WAIT_S):
            raise UnavailableError(f"The Dapr sidecar does not answer on port {config.dapr_http_port}.")
        for name in wanted:
            os.environ[name] = _secret(sidecar, store, name)
    finally:
        sidecar.close()
    logger.info("Read from secret store %s: %s", store, ", ".join(wanted))
    settings.cache_clear()
    return settings()


def _wanted(config: AppSettings) -> list[str]:
    names = [name.strip().upper() for name in (config.dapr_secrets or "").split(",") if name.strip()]
    if wrong := [name for name in names if name not in SECRET_SETTINGS]:
        raise InvalidRequestError(
            f"DAPR_SECRETS: {', '.join(wrong)} cannot come from a store; possible: {', '.join(SECRET_SETTINGS)}.",
            {"field": "DAPR_SECRETS"},
        )
    if names and config.dapr_secret_store is None:
        raise InvalidRequestError("DAPR_SECRETS needs DAPR_SECRET_STORE.", {"field": "DAPR_SECRET_STORE"})
    if names and config.dapr_http_port is None:
        raise InvalidRequestError("DAPR_SECRETS needs DAPR_HTTP_PORT.", {"field": "DAPR_HTTP_PORT"})
    return [name for name in names if getattr(config, name.lower()) is None]


def _secret(sidecar: Sidecar, store: str, name: str) -> str:
    """Return one secret: the value of its own name, or the only one that it has."""
    values = sidecar.secret(store, name)
    value = values.get(name) or (next(iter(values.values())) if len(values) == 1 else "")
    if not value:
        raise UnavailableError(f"Secret store {store} has no value for {name}.", {"field": name})
    return value
