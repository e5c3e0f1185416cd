"""Writes the runs that were handed in to a service's database as training files.

    python scripts/export_benchmarks.py FOLDER [--project ID]

FOLDER gets ``serving_train.csv`` and ``train_protocol.csv`` in the columns of the public measurements, so that the next
training reads both. The database is that of the settings (``DATABASE_URL``, else the embedded one).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from budsim.benchmarks.repository import BenchmarkRepository
from budsim.benchmarks.training_rows import protocol_row, training_row
from budsim.commons.access import SERVICE, Principal
from budsim.commons.config import settings
from budsim.commons.database import Database, database_url

_MAX_POINTS = 1_000_000


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--project", help="only runs of this project")
    arguments = parser.parse_args()
    who = SERVICE if arguments.project is None else Principal(projects=frozenset({arguments.project}))
    with database_url(settings()) as url:
        database = Database(url)
        try:
            with database.reading() as session:
                stored = BenchmarkRepository(session, who).predicted_points(_MAX_POINTS)
                rows = [training_row(p.id, p.configuration, p.measured, p.derived) for p in stored if not p.ignored]
                protocols = [protocol_row(p.id, p.configuration) for p in stored if not p.ignored]
        finally:
            database.close()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(arguments.folder / "serving_train.csv", index=False)
    pd.DataFrame(protocols).to_csv(arguments.folder / "train_protocol.csv", index=False)
    print(f"{len(rows)} measured runs written to {arguments.folder}")


if __name__ == "__main__":
    main()
