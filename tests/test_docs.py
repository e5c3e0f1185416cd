"""Pages that a script writes say what the code says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("script", ["build_engine_docs.py"])
def test_a_generated_page_is_what_its_script_writes_today(script):
    command = [sys.executable, str(ROOT / "scripts" / script), "--check"]
    known = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
