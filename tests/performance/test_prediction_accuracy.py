"""Accuracy of the predictions against measured servings: ``python tests/performance/test_prediction_accuracy.py``.

Needs the measurements beside the checkout (``../shared/data``) or in ``BUDSIM_ACCURACY_DATA``. ``make accuracy`` has
the limits; this prints the tables behind them.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    folder = os.environ.get("BUDSIM_ACCURACY_DATA") or str(ROOT.parent / "shared" / "data")
    if not Path(folder).is_dir():
        print(f"No measurements in {folder}; set BUDSIM_ACCURACY_DATA.")
        return 1
    return subprocess.call([sys.executable, str(ROOT / "scripts" / "accuracy_report.py"), "--data", folder])


if __name__ == "__main__":
    sys.exit(main())
