# Programs whose jars Maven fetches by a pom; sourced by the scripts beside this folder.
# shellcheck shell=bash

readonly engines=${ENGINES_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/somagent/engines}

# maven_program VERB NAME VERSION POM: answers `fetch` and `path` (the folder of the jars).
maven_program() {
    local verb=$1 name=$2 version=$3 pom=$4
    local home=$engines/$name-$version
    case $verb in
    path)
        [ -d "$home/libs" ] && command -v java >/dev/null || return 1
        printf '%s\n' "$home/libs"
        ;;
    fetch)
        if [ -d "$home/libs" ]; then
            printf '%s %s: already there\n' "$name" "$version" >&2
            return
        fi
        local missing
        for missing in java mvn; do
            if ! command -v "$missing" >/dev/null; then
                printf '%s: Java 17 or newer and Maven are needed, and %s was not found (Debian, Ubuntu: apt install maven).\n' \
                    "$name" "$missing" >&2
                return 1
            fi
        done
        printf '%s %s: fetching its jars, a minute the first time\n' "$name" "$version" >&2
        mkdir -p "$engines"
        # Fetched beside its place and moved there whole: a fetch cut short leaves no half program behind.
        local fetching
        fetching=$(mktemp -d "$engines/.$name.XXXXXX")
        if ! mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$fetching/libs" >"$fetching/log" 2>&1; then
            cat "$fetching/log" >&2
            rm -rf "$fetching"
            return 1
        fi
        mkdir -p "$home"
        mv -fT "$fetching/libs" "$home/libs"
        rm -rf "$fetching"
        printf '%s %s: ready\n' "$name" "$version" >&2
        ;;
    esac
}
