#!/bin/sh
# Write proto/third_party/buf/validate/validate.proto anew, after an upgrade of protovalidate.
#
# usage: infra/proto/vendor.sh [FILE]    FILE takes the source instead
set -eu
cd "$(dirname "$0")/../.."
PATH="$PWD/.venv/bin:$PATH"
file=${1:-proto/third_party/buf/validate/validate.proto}
python infra/proto/validate_source.py > "$file"
buf format -w "$file"
