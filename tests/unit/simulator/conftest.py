import sys
from pathlib import Path

# tests/feasibility.py is shared by the search tests of this folder and by the integration tests.
sys.path.insert(0, str(Path(__file__).parents[2]))
