"""Log lines: plain for people, JSON for collectors. Nothing that holds a secret is ever handed to a logger."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from budsim.commons.config import AppSettings
from budsim.commons.telemetry import log_fields

_QUIET_LOGGERS = ("dbos", "alembic", "uvicorn.access", "httpx", "httpcore", "durabletask-worker", "durabletask-client")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the ids of the request, run and trace that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= log_fields()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(config: AppSettings) -> None:
    """Set up the root logger of this process, by ``LOG_LEVEL`` and ``LOG_FORMAT``."""
    level = logging.getLevelNamesMapping().get(config.log_level.upper(), logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    if config.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)
