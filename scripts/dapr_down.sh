#!/usr/bin/env bash
# Stop what scripts/dapr_up.sh started. Running it again, or with nothing up, is no error.
#   scripts/dapr_down.sh          keep Redis' and the scheduler's data for the next start
#   scripts/dapr_down.sh --purge  remove the data and the logs too
set -euo pipefail
cd "$(dirname "$0")/.."
STATE="${BUDSIM_DAPR_DIR:-$PWD/.budsim/dapr}"
. deploy/dapr/processes.sh

for name in app daprd scheduler placement redis; do
  stop_process "$name"
done
rm -f "$STATE/env"
if [ "${1:-}" = --purge ]; then
  rm -rf "$STATE"
fi
echo "Dapr is down."
