# Sourced by scripts/dapr_up.sh and scripts/dapr_down.sh: background processes by pid file.
# The caller sets STATE, the folder of pid files and logs.

# What tells a process from a later one with the same pid.
process_start() { LC_ALL=C ps -o lstart= -p "$1" 2>/dev/null || true; }

# is_running NAME: whether the process that start_process started as NAME still lives.
is_running() {
  local pid started
  [ -f "$STATE/$1.pid" ] || return 1
  { read -r pid && read -r started; } <"$STATE/$1.pid" || return 1
  [ -n "$started" ] && [ "$(process_start "$pid")" = "$started" ]
}

# start_process NAME COMMAND...: run COMMAND in a session of its own, log to NAME.log, remember it in NAME.pid.
start_process() {
  local name="$1" pid
  shift
  setsid "$@" </dev/null >"$STATE/$name.log" 2>&1 &
  pid=$!
  printf '%s\n%s\n' "$pid" "$(process_start "$pid")" >"$STATE/$name.pid"
}

# wait_until NAME SECONDS COMMAND...: poll COMMAND; fail with the end of the log when NAME dies or the time is up.
wait_until() {
  local name="$1" deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! is_running "$name" || [ "$SECONDS" -ge "$deadline" ]; then
      echo "$name did not come up; the end of $STATE/$name.log:" >&2
      tail -n 15 "$STATE/$name.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

# stop_process NAME: TERM, then KILL after ten seconds, to the whole session; nothing to do is no error.
stop_process() {
  local name="$1" pid waited=0
  if is_running "$name"; then
    read -r pid <"$STATE/$name.pid"
    kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || true
    while is_running "$name" && [ "$waited" -lt 100 ]; do
      sleep 0.1
      waited=$((waited + 1))
    done
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -f "$STATE/$name.pid"
}
