#!/usr/bin/env bash
# Print the path of a Helm 3, building the pinned one once when neither BUDSIM_HELM, PATH nor the cache has it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/go_tool.sh

module=deploy/helm
version="$(awk '$1 == "helm.sh/helm/v3" { print $2 }' "$module/go.mod")"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/budsim/helm/${version#v}/bin"

for helm in "${BUDSIM_HELM:-}" "$(command -v helm || true)" "$cache/helm"; do
  if [ -n "$helm" ] && [ -x "$helm" ] && [[ "$("$helm" version --short 2>/dev/null)" == v3.* ]]; then
    echo "$helm"
    exit 0
  fi
done
echo "Building Helm ${version#v} into $cache (once; about a minute) ..." >&2
# Rendered without a cluster, a chart sees the Kubernetes that this Helm's client library belongs to.
kubernetes="$(awk '$1 == "k8s.io/client-go" { split($2, part, "."); print part[2] }' "$module/go.mod")"
build_go_tools "$module" "$cache" -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$version \
  -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$kubernetes" >&2
echo "$cache/helm"
