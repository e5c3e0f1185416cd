#!/usr/bin/env bash
# Bring up the real Dapr runtime on this machine, without containers: Redis, placement, scheduler and a sidecar.
#
#   scripts/dapr_up.sh                   sidecar for an application on APP_PORT (9083), started by you afterwards
#   scripts/dapr_up.sh --with-app        start BudSim too
#   scripts/dapr_up.sh --app-port N --app-id ID
#
# Given ports are taken from DAPR_HTTP_PORT, DAPR_GRPC_PORT and REDIS_PORT; the others are free ones. An existing Redis
# is used when BUDSIM_REDIS_ADDRESS=host:port is set, with its password in SECRETS_REDIS_PASSWORD.
# DAPR_API_TOKEN and APP_API_TOKEN, when set, hold for the sidecar and the application.
# State, logs and pid files lie in .budsim/dapr (BUDSIM_DAPR_DIR); .budsim/dapr/env holds the ports for `source`.
set -euo pipefail
cd "$(dirname "$0")/.."
STATE="${BUDSIM_DAPR_DIR:-$PWD/.budsim/dapr}"
. deploy/dapr/processes.sh

app_id=budsim
app_port="${APP_PORT:-9083}"
with_app=""
while [ $# -gt 0 ]; do
  case "$1" in
    --with-app) with_app=1; shift ;;
    --app-port) app_port="${2:?--app-port needs a number}"; shift 2 ;;
    --app-id) app_id="${2:?--app-id needs a name}"; shift 2 ;;
    *) echo "Unknown argument: $1 (see the head of $0)" >&2; exit 2 ;;
  esac
done

PYTHON="${BIN:-.venv/bin}/python"
[ -x "$PYTHON" ] || PYTHON=python3

free_ports() {  # N different ports that nothing listens on
  "$PYTHON" - "$1" <<'PY'
import socket
import sys

sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PY
}

answers_http() { "$PYTHON" -c "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=1)" "$1"; }

require_redis() {
  command -v redis-server >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing redis-server ..." >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server; } \
      >"$STATE/apt.log" 2>&1 || { tail -n 5 "$STATE/apt.log" >&2; exit 1; }
    return
  fi
  echo "redis-server is missing. Install it (Debian: apt-get install redis-server; macOS: brew install redis)," >&2
  echo "or point BUDSIM_REDIS_ADDRESS at a Redis of yours." >&2
  exit 1
}

start_redis() {
  require_redis
  mkdir -p "$STATE/redis"
  # The password goes through standard input, so that no process list shows it.
  { printf 'port %s\nbind 127.0.0.1\ndir %s\nappendonly yes\n' "$redis_port" "$STATE/redis"
    [ -z "${SECRETS_REDIS_PASSWORD:-}" ] || printf 'requirepass %s\n' "$SECRETS_REDIS_PASSWORD"
  } >"$STATE/redis.conf"
  chmod 600 "$STATE/redis.conf"
  start_process redis redis-server "$STATE/redis.conf"
  wait_until redis 20 env REDISCLI_AUTH="${SECRETS_REDIS_PASSWORD:-}" redis-cli -p "$redis_port" get ready
}

start_control_plane() {
  start_process placement "$dapr_bin/placement" --listen-address 127.0.0.1 --port "$placement_port" \
    --initial-cluster "dapr-placement-0=127.0.0.1:$raft_port" \
    --healthz-listen-address 127.0.0.1 --healthz-port "$placement_health_port" --enable-metrics=false
  start_process scheduler "$dapr_bin/scheduler" --listen-address 127.0.0.1 --port "$scheduler_port" \
    --etcd-data-dir "$STATE/scheduler" --etcd-client-port "$etcd_port" \
    --etcd-initial-cluster "dapr-scheduler-server-0=http://localhost:$etcd_peer_port" \
    --override-broadcast-host-port "127.0.0.1:$scheduler_port" \
    --healthz-listen-address 127.0.0.1 --healthz-port "$scheduler_health_port" --enable-metrics=false
  wait_until placement 30 answers_http "http://127.0.0.1:$placement_health_port/healthz"
  wait_until scheduler 60 answers_http "http://127.0.0.1:$scheduler_health_port/healthz"
}

start_sidecar() {
  start_process daprd deploy/dapr/keep_running.sh "$dapr_bin/daprd" --app-id "$app_id" --app-port "$app_port" --app-protocol http \
    --dapr-listen-addresses 127.0.0.1 --dapr-http-port "$http_port" --dapr-grpc-port "$grpc_port" \
    --dapr-internal-grpc-listen-address 127.0.0.1 --dapr-internal-grpc-port "$internal_port" \
    --placement-host-address "127.0.0.1:$placement_port" --scheduler-host-address "127.0.0.1:$scheduler_port" \
    --resources-path deploy/dapr/components --enable-metrics=false --enable-api-logging
  wait_until daprd 60 answers_http "http://127.0.0.1:$http_port/v1.0/healthz/outbound"
}

start_app() {
  start_process app env APP_PORT="$app_port" DAPR_HTTP_PORT="$http_port" DAPR_GRPC_PORT="$grpc_port" \
    WORKFLOW_ENGINE="${WORKFLOW_ENGINE:-dapr}" BUDSIM_DATA_DIR="${BUDSIM_DATA_DIR:-$PWD/.budsim/data}" \
    "${BIN:-.venv/bin}/budsim" serve --port "$app_port"
  wait_until app 120 answers_http "http://127.0.0.1:$app_port/ready"
}

mkdir -p "$STATE"
for name in redis placement scheduler daprd app; do
  if is_running "$name"; then
    echo "$name is already running here; scripts/dapr_down.sh stops it." >&2
    exit 1
  fi
done
trap 'status=$?; [ "$status" = 0 ] || scripts/dapr_down.sh >/dev/null; exit "$status"' EXIT

dapr_bin="$(scripts/build_dapr.sh)"
read -r redis_free placement_port raft_port placement_health_port scheduler_port etcd_port etcd_peer_port \
  scheduler_health_port http_free grpc_free internal_port <<<"$(free_ports 11)"
redis_port="${REDIS_PORT:-$redis_free}"
http_port="${DAPR_HTTP_PORT:-$http_free}"
grpc_port="${DAPR_GRPC_PORT:-$grpc_free}"

if [ -z "${BUDSIM_REDIS_ADDRESS:-}" ]; then
  start_redis
  export BUDSIM_REDIS_ADDRESS="127.0.0.1:$redis_port"
fi
start_control_plane
start_sidecar
cat >"$STATE/env" <<ENV
export DAPR_HTTP_PORT=$http_port DAPR_GRPC_PORT=$grpc_port APP_PORT=$app_port APP_ID=$app_id
export BUDSIM_REDIS_ADDRESS=$BUDSIM_REDIS_ADDRESS
ENV
[ -z "$with_app" ] || start_app
trap - EXIT

echo "Dapr is up: app id $app_id, HTTP $http_port, gRPC $grpc_port, application port $app_port, Redis $BUDSIM_REDIS_ADDRESS."
[ -n "$with_app" ] || echo "Start the application with: source $STATE/env && WORKFLOW_ENGINE=dapr .venv/bin/budsim serve"
echo "Logs: $STATE; stop with scripts/dapr_down.sh"
