#!/usr/bin/env bash
# grpcurl: the client a stranger calls the API with; the e2e tests do as he would.
set -euo pipefail
# shellcheck source=infra/engines/sources/go.sh
source "$(dirname "$0")/sources/go.sh"
go_program "${1:-}" grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl v1.9.4
