#!/bin/sh
# Generate Python from the contract: proto/gen (ours and its imports) and proto/stubs (google.rpc); and the JSON form of
# events in contracts/events.
#
# usage: infra/proto/generate.sh [DIRECTORY]    DIRECTORY takes gen/ and stubs/; proto/ by default
set -eu
cd "$(dirname "$0")/../.."
PATH="$PWD/.venv/bin:$PATH"
out=${1:-proto}

# Somebody who imports half-written code must not see it: generate beside, then replace.
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir "$fresh/gen" "$fresh/stubs"

googleapis=$(python -c 'import google.rpc; print(list(google.rpc.__path__)[0].removesuffix("/google/rpc"))')
contract=$(cd proto && find somagent -name '*.proto' | sort)
services=$(cd proto && grep -rl --include='*.proto' '^service ' somagent | sort)

# shellcheck disable=SC2086  # lists of paths without spaces
{
    python -m grpc_tools.protoc -I proto -I proto/third_party \
        --python_out="$fresh/gen" --mypy_out="quiet:$fresh/gen" \
        $contract buf/validate/validate.proto
    python -m grpc_tools.protoc -I proto -I proto/third_party \
        --grpc_python_out="$fresh/gen" --mypy_grpc_out="quiet:$fresh/gen" \
        $services
}
# googleapis-common-protos brings the code and no types.
python -m grpc_tools.protoc -I "$googleapis" --mypy_out="quiet:$fresh/stubs" \
    google/rpc/code.proto google/rpc/error_details.proto google/rpc/status.proto

mkdir -p "$out"
rm -rf "$out/gen" "$out/stubs"
mv "$fresh/gen" "$fresh/stubs" "$out/"

# Of the tree itself also the JSON form of events.
if [ "$out" = proto ]; then
    (cd proto && buf build --path somagent -o "$fresh/events.binpb")
    PYTHONPATH=src:proto/gen python infra/proto/events.py "$fresh/events.binpb" contracts/events
fi
