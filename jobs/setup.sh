# Shared by jobs/quickstart.sh and tests/run.sh: packages and the build. Source it, do not run it.
#
#   cim_install ROLE...              install what is missing of the roles in jobs/packages.txt
#   cim_build DIR [OPTION...]        configure and build out of tree; after --target go its targets
#
# shellcheck shell=bash

cim_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

cim_say() { printf '== %s\n' "$*"; }

cim_die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# Packages of the given roles that are not installed.
cim_missing() {
    local role package
    while read -r role package; do
        case " $* " in *" $role "*) ;; *) continue ;; esac
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s\n' "$package"
    done < <(sed 's/#.*//' "$cim_root/jobs/packages.txt" | awk 'NF == 2')
}

cim_install() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        cim_die "this is no Debian; install the equivalents of jobs/packages.txt ($*) and give --no-install"
    fi
    local missing=() sudo=()
    mapfile -t missing < <(cim_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            cim_die "needs root once, run as root: apt-get install --no-install-recommends ${missing[*]}"
        sudo=(sudo)
    fi
    cim_say "installing ${missing[*]}"
    # env after sudo, which drops variables
    local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q
        -o DPkg::Lock::Timeout=300 -o APT::Install-Recommends=false)
    "${apt[@]}" update </dev/null || cim_die "apt-get update failed"
    "${apt[@]}" install "${missing[@]}" </dev/null || cim_die "apt-get install failed"
}

cim_build() {
    local dir=$1 generator=() options=()
    shift
    while [ $# -gt 0 ] && [ "$1" != --target ]; do
        options+=("$1")
        shift
    done
    # A source tree that was moved or copied with its build directory is configured anew; otherwise
    # an existing build directory keeps its generator.
    if [ -f "$dir/CMakeCache.txt" ] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$cim_root" "$dir/CMakeCache.txt"; then
        rm -rf "$dir/CMakeCache.txt" "$dir/CMakeFiles"
    fi
    if [ ! -f "$dir/CMakeCache.txt" ] && command -v ninja >/dev/null; then
        generator=(-G Ninja)
    fi
    cmake -S "$cim_root" -B "$dir" "${generator[@]}" "${options[@]}" >"$dir.log" 2>&1 ||
        { cat "$dir.log" >&2; cim_die "cmake failed in $dir"; }
    rm -f "$dir.log"
    cmake --build "$dir" --parallel "$(nproc)" "$@"
}

# Open MPI as root (containers, fresh machines) wants to be told twice; in a container its
# single-copy transfers may be forbidden and would fill the screen with warnings.
cim_mpi_environment() {
    if [ "$(id -u)" = 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    export OMPI_MCA_btl_vader_single_copy_mechanism=none
}
