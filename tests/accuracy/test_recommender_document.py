"""The recommender document's own examples, as they stand in it but for the module path (run by ``make accuracy``)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.accuracy

DATA = Path(os.environ.get("BUDSIM_ACCURACY_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
DOCUMENT = DATA.parent / "sources" / "gpu-recommender-summary.md"


@pytest.mark.skipif(not DOCUMENT.is_file(), reason="the documents do not lie beside the checkout")
def test_the_documents_examples_run_but_for_the_module_path(capsys):
    usage = DOCUMENT.read_text(encoding="utf-8").partition("## Usage Examples")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", usage, re.DOTALL)
    assert len(blocks) == 3
    scope: dict = {}
    for block in blocks:
        code = block.replace("config_explorer.recommender", "budsim.recommender")
        exec(compile(code, str(DOCUMENT), "exec"), scope)  # noqa: S102 - the document's own examples
    assert capsys.readouterr().out.count("GPU Recommendation Report") == 2
    assert min(scope["ttft"], scope["itl"], scope["max_concurrent"]) > 0
