#!/usr/bin/env bash
# Print the folder that holds daprd, placement and scheduler, building them once when no right version is there.
#   scripts/build_dapr.sh            use BUDSIM_DAPR_BIN, PATH, ~/.dapr/bin or the cache; build into the cache otherwise
#   scripts/build_dapr.sh --rebuild  build anew, whatever is there
# The cache is ${XDG_CACHE_HOME:-~/.cache}/budsim/dapr/<version>/bin. Progress goes to stderr, the folder to stdout.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/go_tool.sh

module=deploy/dapr/runtime
version="$(awk '$1 == "github.com/dapr/dapr" { sub(/^v/, "", $2); print $2 }' "$module/go.mod")"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/budsim/dapr/$version/bin"

is_right_version() {  # placement has no --version of its own; the three come from one build
  [ -x "$1/placement" ] && [ -x "$1/scheduler" ] && [ "$("$1/daprd" --version 2>/dev/null)" = "$version" ]
}

if [ "${1:-}" != --rebuild ]; then
  on_path="$(command -v daprd || true)"
  for folder in "${BUDSIM_DAPR_BIN:-}" ${on_path:+"$(dirname "$on_path")"} "$HOME/.dapr/bin" "$cache"; do
    if [ -n "$folder" ] && is_right_version "$folder"; then
      echo "$folder"
      exit 0
    fi
  done
fi

echo "Building Dapr $version into $cache (once; minutes) ..." >&2
build_go_tools "$module" "$cache" -tags stablecomponents \
  -ldflags "-s -w -X github.com/dapr/dapr/pkg/buildinfo.version=$version" >&2
is_right_version "$cache" || { echo "The build does not answer as Dapr $version." >&2; exit 1; }
echo "$cache"
