# Shared by the checks: the list of files that belong to the project, and how to complain.
# shellcheck shell=bash
set -u
: "${CIM_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
cd "$CIM_SOURCE" || exit 1
failures=0

complain() {
    printf '%s\n' "$*"
    failures=$((failures + 1))
}

finish() {
    if [ "$failures" -gt 0 ]; then
        echo "$failures complaint(s)"
        exit 1
    fi
    exit 0
}

# project_files PATTERN...: tracked files (all files of a source tree without git), as git globs
project_files() {
    if git -C "$CIM_SOURCE" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -- "$@" | while IFS= read -r f; do [ -f "$f" ] && printf '%s\n' "$f"; done
    else
        local f pattern
        find . -name 'build*' -prune -o -type f -print | sed 's|^\./||' | sort |
            while IFS= read -r f; do
                for pattern in "$@"; do
                    # shellcheck disable=SC2254 # a pattern on purpose
                    case $f in $pattern) printf '%s\n' "$f" && break ;; esac
                done
            done
    fi
}
