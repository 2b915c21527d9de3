#!/bin/bash
# From a fresh Debian machine to a Pareto front: installs what is missing, builds, searches hardware
# and schedule of ResNet-18 on a ReRAM chip on all cores, prints and draws the front.
#
# usage: bash jobs/quickstart.sh [--no-install] [--ranks N]
#   --no-install  the packages are there (other systems, no root)
#   --ranks N     instead of one MPI rank per core; 1 runs without mpirun
#
# Results go to quickstart-result in the current folder, or -2, -3, ... when that exists.
set -euo pipefail

# shellcheck source=jobs/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

install=yes
ranks=''
while [ $# -gt 0 ]; do
    case $1 in
    --no-install) install=no ;;
    --ranks)
        ranks=${2:-}
        [[ $ranks =~ ^[1-9][0-9]{0,3}$ ]] || cim_die "--ranks: found \"$ranks\", allowed is 1 to 9999"
        shift
        ;;
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *) cim_die "$1: unknown option (--help lists them)" ;;
    esac
    shift
done

[ -w . ] || cim_die "the current folder cannot be written; start it from another one"
started=$SECONDS
[ "$install" = no ] || cim_install build run
: "${ranks:=$(nproc)}"

build=$cim_root/build
cim_say "building in $build"
cim_build "$build" -DCMAKE_BUILD_TYPE=Release --target cimdse
cimdse=$build/cimdse

result=quickstart-result
for ((i = 2; ; i++)); do
    [ -e "$result" ] || break
    result=quickstart-result-$i
done

# One machine: no binding, so that a busy neighbour does not hold up a rank; more ranks than cores
# only when asked for.
cim_mpi_environment
launch=(mpirun --bind-to none --use-hwthread-cpus -n "$ranks")
[ "$ranks" -le "$(nproc)" ] || launch+=(--oversubscribe)
if [ "$ranks" -gt 1 ] && ! "${launch[@]}" true >/dev/null 2>&1; then
    cim_say "mpirun does not start here, going on with one process"
    ranks=1
fi
[ "$ranks" -gt 1 ] || launch=()

cim_say "searching with $ranks process(es): $cim_root/jobs/quickstart.json"
searching=$SECONDS
# Its closing table is the one printed below.
"${launch[@]}" "$cimdse" run "$cim_root/jobs/quickstart.json" -o "$result" >"$result.out" ||
    { status=$?; cat "$result.out"; rm -f "$result.out"; exit "$status"; }
rm -f "$result.out"
searched=$((SECONDS - searching))

again=$cimdse
if [ "$ranks" -gt 1 ]; then
    again="mpirun -n $ranks $cimdse"
    [ "$(id -u)" != 0 ] || again="mpirun --allow-run-as-root -n $ranks $cimdse"
fi

cim_say "Pareto front"
"$cimdse" pareto "$result"
"$cimdse" plot "$result" -o "$result/front.svg"
"$cimdse" plot "$result" -o "$result/front.png"

cat <<END

== done: $searched s of search, $((SECONDS - started)) s in all
  $result/front.csv    the front, one design per row
  $result/front.svg    the front drawn (also front.png)
  $result/results.h5   every point: pandas.DataFrame({k: f["metrics"][k][:] for k in f["metrics"]})
  $result/spec.json    what was searched, all defaults written out

Next:
  $cimdse pareto $result --objectives energy_j,sqnr_db
  $cimdse export $result --csv points.csv
  cp $cim_root/jobs/quickstart.json my.json    # change it, then
  $again run my.json -o my-result
  $cimdse help
END
