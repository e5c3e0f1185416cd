# Sourced by the scripts that build a pinned Go tool: one function, no effect of its own.

# build_go_tools MODULE_DIR OUTPUT_DIR [go build flags...]
# Builds every `tool` of the module into OUTPUT_DIR, each source verified against the committed go.sum.
build_go_tools() {
  local module_dir="$1" output_dir="$2" staging lowered=()
  shift 2
  command -v go >/dev/null || {
    echo "Go is needed to build $(basename "$module_dir") and is not on PATH. Install the Go that $module_dir/go.mod names." >&2
    return 1
  }
  command -v nice >/dev/null && lowered+=(nice -n 19)
  command -v ionice >/dev/null && lowered+=(ionice -c3)
  mkdir -p "$output_dir"
  staging="$output_dir/.build.$$"
  mkdir "$staging"
  # The public checksum database lacks some of these modules; go.sum, which is committed, vouches for all of them.
  if ! (cd "$module_dir" && GOSUMDB=off GOFLAGS=-mod=readonly GOWORK=off \
        "${lowered[@]}" go build -trimpath "$@" -o "$staging/" tool); then
    rm -rf "$staging"
    return 1
  fi
  mv -f "$staging"/* "$output_dir"/
  rmdir "$staging"
}
