# Programs built from the Go module proxy; sourced by the scripts beside this folder.
# shellcheck shell=bash

readonly engines=${ENGINES_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/somagent/engines}

# go_program VERB NAME PACKAGE VERSION: answers `fetch` and `path` for a program that `go install` builds.
go_program() {
    local verb=$1 name=$2 package=$3 version=$4
    local home=$engines/$name-$version
    case $verb in
    path)
        [ -x "$home/$name" ] || return 1
        printf '%s\n' "$home/$name"
        ;;
    fetch)
        if [ -x "$home/$name" ]; then
            printf '%s %s: already there\n' "$name" "$version" >&2
            return
        fi
        if ! command -v go >/dev/null; then
            printf '%s: Go is needed to build it and was not found (Debian, Ubuntu: apt install golang).\n' "$name" >&2
            return 1
        fi
        printf '%s %s: building with %s, a few minutes the first time\n' "$name" "$version" "$(go version)" >&2
        mkdir -p "$engines"
        # Built beside its place and moved there whole: a build cut short leaves no half program behind.
        local building
        building=$(mktemp -d "$engines/.$name.XXXXXX")
        if ! GOBIN=$building GOFLAGS='' CGO_ENABLED=0 go install "$package@$version" 2>"$building/log"; then
            cat "$building/log" >&2
            rm -rf "$building"
            return 1
        fi
        mkdir -p "$home"
        mv -f "$building/$name" "$home/$name"
        rm -rf "$building"
        printf '%s %s: ready\n' "$name" "$version" >&2
        ;;
    *)
        printf 'usage: %s fetch | path\n' "$0" >&2
        return 2
        ;;
    esac
}
