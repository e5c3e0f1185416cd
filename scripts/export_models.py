"""Copies a version of the trained models, verified, to a folder: to keep it beside a new one, or to take it elsewhere.

    python scripts/export_models.py --output ./models/ [--version f1-0a1b2c3d]

The version lands in ``<output>/<version>``. Under ``<models>/versions/`` it is a version that requests can name and
that ``REGRESSOR_MODEL_VERSION`` rolls back to; ``scripts/load_pretrained_models.py --from`` installs it anywhere.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from budsim.simulator.model_cache import MANIFEST, find_version, read_models


def copy_version(source: Path, target: Path) -> list[Path]:
    """Copy what the manifests of one version list, and nothing else; return the files.

    Raises:
        ModelFilesError: A file of the source is not what its manifest says.
    """
    read_models(source)
    names = [Path(MANIFEST)]
    for cell in json.loads((source / MANIFEST).read_text(encoding="utf-8"))["cells"]:
        manifest = json.loads((source / cell / MANIFEST).read_text(encoding="utf-8"))
        files = {kept["file"] for role in ("residuals", "widths") for kept in manifest.get(role, {}).values()}
        names += [Path(cell) / MANIFEST, *(Path(cell) / name for name in sorted(files))]
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    read_models(target)
    return [target / name for name in names]


def main() -> None:
    """Export one version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--version", default=None, help="as /models/cache/status lists it; default: the current one")
    arguments = parser.parse_args()
    found = find_version(arguments.version)
    files = copy_version(found.root, arguments.output / found.version)
    print(f"version {found.version}: {len(files)} files in {arguments.output / found.version}, verified")


if __name__ == "__main__":
    main()
