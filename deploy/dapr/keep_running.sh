#!/usr/bin/env bash
# Run COMMAND..., and run it again whenever it ends by itself; TERM ends both. What a kubelet does for a sidecar:
# an application that finds its sidecar wedged asks it to shut down (README, "A sidecar that loses its worker").
child=""
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null; wait; exit 0' TERM INT
while :; do
  "$@" &
  child=$!
  wait "$child"
  echo "ended with status $?; starting it again" >&2
  sleep 1
done
