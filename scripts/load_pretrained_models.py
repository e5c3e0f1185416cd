"""Verifies the installed models, and installs a version from a folder.

    python scripts/load_pretrained_models.py                      # what is installed, every file checked
    python scripts/load_pretrained_models.py --from ./models/f1-0a1b2c3d

A version is installed beside the current one, as ``<models>/versions/<version>``, where
``BENCHMARK_PREDICTOR_MODELS_DIR`` (else the package) has the models; set ``REGRESSOR_MODEL_VERSION`` to let it answer.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from export_models import copy_version

from budsim.commons.errors import BudSimError
from budsim.simulator.model_cache import VERSIONS, cache_status, models_root, read_models


def main() -> int:
    """Verify, and install where a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, default=None, help="folder of one exported version")
    arguments = parser.parse_args()
    try:
        if arguments.source is not None:
            version = read_models(arguments.source).version
            copy_version(arguments.source, models_root() / VERSIONS / version)
            print(f"version {version} installed; REGRESSOR_MODEL_VERSION={version} lets it answer")
        start = time.perf_counter()
        status = cache_status()
    except (BudSimError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    for entry in status["versions"]:
        cells = ", ".join(f"{cell['engine']}/{cell['device_type']} ({cell['status']})" for cell in entry["cells"])
        print(f"{'*' if entry['is_current'] else ' '} {entry['version']}: {cells or entry['reason']}")
    print(f"{status['root']}: {status['reason'] or 'verified'} in {time.perf_counter() - start:.2f} s")
    return 0 if status["usable"] else 2


if __name__ == "__main__":
    sys.exit(main())
