#!/usr/bin/env bash
# helm: renders and lints the chart in infra/helm.
set -euo pipefail
# shellcheck source=infra/engines/sources/go.sh
source "$(dirname "$0")/sources/go.sh"
go_program "${1:-}" helm helm.sh/helm/v4/cmd/helm v4.3.1
