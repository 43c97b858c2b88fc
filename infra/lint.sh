#!/usr/bin/env bash
# Lints what is not Python: shell scripts, the image, compose.yaml and the chart.
set -euo pipefail
cd "$(dirname "$0")/.."

{
    git ls-files -co --exclude-standard '*.sh'
    printf '.ci/run\n'
} | xargs .venv/bin/shellcheck --external-sources
.venv/bin/hadolint infra/Dockerfile
.venv/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec infra/compose.yaml

if helm=$(infra/engines/helm.sh path); then
    "$helm" lint --strict --quiet infra/helm
elif [ -n "${CI:-}" ]; then
    echo 'infra/helm: not linted, and in CI that is a failure: make engines' >&2
    exit 1
else
    echo 'infra/helm: not linted, helm was not fetched (make engines)' >&2
fi
echo 'infra: shell scripts, image, compose.yaml and chart have no findings'
