#!/usr/bin/env bash
# Start BudSim with its Dapr sidecar, Redis and PostgreSQL in containers, and wait until it answers.
#   deploy/start_dev.sh [--build]   --build builds the image anew first
# Without Docker: `make run` (BudSim alone) or scripts/dapr_up.sh --with-app (with a real sidecar).
set -euo pipefail
cd "$(dirname "$0")/.."

build=""
for argument in "$@"; do
  case "$argument" in
    --build) build=--build ;;
    *) echo "Unknown argument: $argument (only --build)" >&2; exit 2 ;;
  esac
done

if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  echo "Docker Compose is missing. Without Docker: make run, or scripts/dapr_up.sh --with-app." >&2
  exit 1
fi
docker info >/dev/null 2>&1 || {
  echo "No Docker engine answers. Start it, or go without: make run, or scripts/dapr_up.sh --with-app." >&2
  exit 1
}

# Secrets that .env lacks are made up once, for this machine only.
touch .env
chmod 600 .env
for name in APP_API_TOKEN DAPR_API_TOKEN POSTGRES_PASSWORD REDIS_PASSWORD; do
  if ! grep -qE "^$name=.+" .env; then
    [ ! -s .env ] || [ -z "$(tail -c 1 .env)" ] || echo >>.env
    printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>.env
    echo "Wrote a new $name into .env."
  fi
done

"${compose[@]}" up --detach ${build:+"$build"}
ready="import urllib.request as u; u.urlopen('http://127.0.0.1:8080/ready', timeout=2)"
deadline=$((SECONDS + 180))
until "${compose[@]}" exec -T app python -c "$ready" >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    "${compose[@]}" ps --all >&2
    "${compose[@]}" logs --tail 30 app migrations >&2
    exit 1
  fi
  sleep 1
done
port="$(sed -n 's/^BUDSIM_PORT=//p' .env | tail -n 1)"
port="${BUDSIM_PORT:-${port:-9083}}"
echo "API:      http://localhost:$port"
echo "API docs: http://localhost:$port/docs"
echo "Token:    APP_API_TOKEN in .env, sent as 'Authorization: Bearer ...'"
