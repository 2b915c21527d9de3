# Shared by the MPI tests: a spec, a scratch directory, and how to start ranks.
set -eu
: "${CIMDSE:?the cimdse binary}"
[ -x "$CIMDSE" ] || { echo "skipped: $CIMDSE is not built"; exit 77; }
command -v mpirun >/dev/null || { echo "skipped: no mpirun"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
work=$(mktemp -d "${TMPDIR:-/tmp}/cimdse-mpi-XXXXXX")
trap 'rm -rf "$work"' EXIT
# A sanitized binary looks for leaks itself before MPI ends; what Open MPI keeps is not ours.
echo 'leak:pmix_hash_fetch' >"$work/lsan.supp"
export ASAN_OPTIONS=${ASAN_OPTIONS:-leak_check_at_exit=0}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$work/lsan.supp}

# spec FILE STRATEGY EVALUATIONS
spec() {
    cat >"$1" <<JSON
{"name": "mpi", "model": "resnet18", "arch": "isaac",
 "parameters": {"chip.cores": {"range": [64, 600]}, "crossbar.rows": {"log2": [64, 512]},
   "crossbar.cols": {"expr": "crossbar.rows"}, "crossbar.adc_bits": {"range": [5, 9]},
   "clock_mhz": {"real": [600, 1800]}, "core.crossbars": {"values": [32, 64, 96]},
   "schedule.duplication": {"choice": ["exact", "none"]}},
 "constraints": ["crossbar.parallel_rows <= crossbar.rows", "area_mm2 <= 400"],
 "objectives": {"latency_s": "min", "energy_j": "min", "area_mm2": "min"},
 "strategy": {"name": "$2", "seed": "7"}, "budget": {"evaluations": $3}}
JSON
}

# ranks N COMMAND...: N ranks, more than cores if need be; 0: no mpirun at all
ranks() {
    n=$1; shift
    if [ "$n" = 0 ]; then "$@"; else timeout 300 mpirun --oversubscribe -n "$n" "$@"; fi
}

fail() { echo "FAILED: $*"; exit 1; }
