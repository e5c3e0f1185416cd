#!/usr/bin/env bash
# Start BudSim on its embedded default with the example clusters, ask it the question it exists for, and stay up.
#   scripts/run.sh          foreground; Ctrl-C stops the service and its Postgres
#   DETACH=1 scripts/run.sh return once the answer is printed; `scripts/run.sh stop` ends it
set -euo pipefail
cd "$(dirname "$0")/.."
BIN="${BIN:-.venv/bin}"
STATE=.budsim
PORT="${APP_PORT:-9083}"
URL="http://127.0.0.1:$PORT"
mkdir -p "$STATE"

stop_service() {
  local pid="$1"
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

if [ "${1:-}" = stop ]; then
  if [ -f "$STATE/pid" ]; then
    stop_service "$(cat "$STATE/pid")"
    rm -f "$STATE/pid"
    echo "BudSim stopped."
  else
    echo "No detached BudSim here."
  fi
  exit 0
fi

export APP_PORT="$PORT" BUDSIM_DATA_DIR="${BUDSIM_DATA_DIR:-$PWD/$STATE/data}"
setsid "$BIN/budsim" serve --import-clusters examples/clusters.json >"$STATE/serve.log" 2>&1 &
pid=$!
trap 'stop_service "$pid"' EXIT
trap 'exit 0' INT TERM

echo "Starting BudSim on $URL (log: $STATE/serve.log) ..."
for _ in $(seq 1 300); do
  if ! kill -0 "$pid" 2>/dev/null; then
    echo "BudSim did not start:" >&2
    tail -n 20 "$STATE/serve.log" >&2
    exit 1
  fi
  if "$BIN/python" -c "import sys, urllib.request as u; u.urlopen('$URL/ready', timeout=1)" 2>/dev/null; then break; fi
  sleep 0.2
done

status=0
"$BIN/budsim" simulate meta-llama/Llama-3.1-8B-Instruct --input-tokens 1024 --output-tokens 512 --concurrency 64 \
  --ttft-ms 1000 --throughput-per-user 20 --e2e-s 30 --server "$URL" || status=$?
[ "$status" -eq 0 ] || [ "$status" -eq 4 ] || exit "$status"

echo
echo "API: $URL   documentation: $URL/docs   metrics: $URL/metrics"
if [ -n "${DETACH:-}" ]; then
  echo "$pid" >"$STATE/pid"
  trap - EXIT
  echo "BudSim stays up; 'make stop' ends it."
else
  echo "BudSim stays up; Ctrl-C stops it."
  wait "$pid"
fi
