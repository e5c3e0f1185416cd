"""Where the files that ship beside the code lie: in the package when installed, at the top level in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE_DIR = Path(__file__).resolve().parent.parent


def shipped_path(name: str) -> Path:
    """Return the folder or file ``name`` (``examples``, ``alembic``) as it ships.

    A wheel carries the top-level folders inside the package (``pyproject.toml`` maps them); a checkout has them next
    to it.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for base in (_PACKAGE_DIR, _PACKAGE_DIR.parent):
        candidate = base / name
        if candidate.exists():
            return candidate
    msg = f"{name!r} is missing from this installation of budsim; install it again"
    raise FileNotFoundError(msg)
