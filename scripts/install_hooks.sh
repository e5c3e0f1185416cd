#!/usr/bin/env bash
# Install the pre-commit hooks into this clone.
set -euo pipefail
cd "$(dirname "$0")/.."
"${BIN:-.venv/bin}/pre-commit" install
