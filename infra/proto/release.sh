#!/bin/sh
# Make the contract as it is now the released one, which later changes must not break.
set -eu
cd "$(dirname "$0")/../../proto"
PATH="$PWD/../.venv/bin:$PATH"
buf build --path somagent --as-file-descriptor-set --exclude-source-info -o ../contracts/somagent.binpb
cd ..
python infra/proto/event_changes.py release contracts/events contracts/events/released.json
