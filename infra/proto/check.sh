#!/bin/sh
# Check the contract: format, lint, nothing broken since the last release, generated code up to date.
set -eu
cd "$(dirname "$0")/../.."
PATH="$PWD/.venv/bin:$PATH"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

cd proto
buf format --diff --exit-code
buf lint
# The released set is one image; so is what it is compared with, its imports left aside.
buf build --path somagent -o "$fresh/contract.binpb"
buf breaking "$fresh/contract.binpb" --exclude-imports --against ../contracts/somagent.binpb
cd ..

infra/proto/vendor.sh "$fresh/validate.proto"
diff -u proto/third_party/buf/validate/validate.proto "$fresh/validate.proto"

infra/proto/generate.sh "$fresh"
for tree in gen stubs; do
    diff -ru --exclude=__pycache__ "proto/$tree" "$fresh/$tree" || {
        echo "proto/$tree is not what the contract says: run infra/proto/generate.sh" >&2
        exit 1
    }
done

# The JSON form of events follows from the contract, and keeps what was released.
(cd proto && buf build --path somagent -o "$fresh/events.binpb")
PYTHONPATH=src:proto/gen python infra/proto/events.py "$fresh/events.binpb" "$fresh/events"
diff -ru --exclude=released.json contracts/events "$fresh/events" || {
    echo "contracts/events is not what the contract says: run infra/proto/generate.sh" >&2
    exit 1
}
python infra/proto/event_changes.py check "$fresh/events" contracts/events/released.json
