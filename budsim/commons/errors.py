"""The exception tree. Each class carries the HTTP status it becomes at the API rim.

BudSimError                       500
├── InvalidRequestError           400  a field has a value that cannot be served; ``param`` names it
│   ├── UnknownModelError         400  no catalogue entry, folder or hub repository has this name
│   ├── UnsupportedModelError     400  the config is read, but a needed field or the architecture is not supported
│   ├── UnknownHardwareError      400  no catalogue row matches; ``near`` lists similar names
│   ├── UnsupportedError          400  known, but not simulated (TPU, an engine version outside the tables …)
│   ├── IncompatibleEngineError   400  no engine serves this model on this device
│   └── InsufficientMemoryError   400  nothing fits; the message says what would
├── UnauthorizedError             401  no token, or a wrong one
├── NotFoundError                 404  no such run, cluster, model or row
├── SimulationTimeoutError        408  the search passed its time budget
├── ConflictError                 409  the workflow exists already, or is not in a state that allows this
├── PayloadTooLargeError          413  a body or an upload is over its limit
├── TooManyRequestsError          429  the caller asks faster than it may
└── UnavailableError              503  something outside is not there: clusters, database, sidecar, hub
    └── NoDeviceError             503  no cluster is known, or no device is free: until somebody changes that
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class BudSimError(Exception):
    """Root of all errors that BudSim raises on purpose.

    Args:
        message: What is wrong and what to do about it, for the caller to read.
        param: Machine-readable context; ``{"field": name}`` where one input field is at fault.
    """

    http_status = 500

    def __init__(self, message: str, param: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param: dict[str, Any] | None = dict(param) if param else None


class InvalidRequestError(BudSimError):
    """A field has a value that cannot be served."""

    http_status = 400


class UnknownModelError(InvalidRequestError):
    """No catalogue entry, local folder or hub repository has this name."""


class UnsupportedModelError(InvalidRequestError):
    """The model's config is known, but a needed field is missing or its architecture is not supported."""


class UnknownHardwareError(InvalidRequestError):
    """No catalogue row matches a device."""

    def __init__(self, message: str, near: Sequence[str] = (), param: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, param)
        self.near = tuple(near)


class UnsupportedError(InvalidRequestError):
    """The thing is known, but BudSim does not simulate it."""


class IncompatibleEngineError(InvalidRequestError):
    """No engine serves this model on this device."""


class InsufficientMemoryError(InvalidRequestError):
    """Nothing fits into the memory there is."""


class UnauthorizedError(BudSimError):
    """The request carries no valid token."""

    http_status = 401


class NotFoundError(BudSimError):
    """The thing asked for does not exist, or is not the caller's to see."""

    http_status = 404


class SimulationTimeoutError(BudSimError):
    """The search passed its time budget."""

    http_status = 408


class ConflictError(BudSimError):
    """The workflow exists already, or is not in a state that allows the call."""

    http_status = 409


class PayloadTooLargeError(BudSimError):
    """A body or an upload is over its limit."""

    http_status = 413


class TooManyRequestsError(BudSimError):
    """The caller asks faster than it may.

    Args:
        message: What the limit is.
        retry_after_s: Whole seconds until the next request is answered.
    """

    http_status = 429

    def __init__(self, message: str, retry_after_s: int = 1, param: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, param)
        self.retry_after_s = retry_after_s


class UnavailableError(BudSimError):
    """Something outside the process is not there: clusters, database, sidecar, hub."""

    http_status = 503


class OutageError(UnavailableError):
    """Database, broker or sidecar are away for the moment; the same call can succeed when they are back."""


class NoDeviceError(UnavailableError):
    """No cluster is known, or none has a free device. Asking again at once gets the same answer."""
