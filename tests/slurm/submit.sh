#!/bin/bash
# A search submitted to a real Slurm ends in the dataset of a plain serial run: straight through on
# two nodes, and when a signal (as before a time limit) makes it stop, requeue and go on.
# Also at a real time limit, and when it is cancelled and submitted again.
. "$(dirname "$0")/lib.sh"
slurm_start

spec() { # FILE EVALUATIONS
    cat >"$1" <<JSON
{"name": "slurm test", "model": "resnet18", "arch": "isaac",
 "parameters": {"chip.cores": {"range": [64, 600]}, "crossbar.rows": {"log2": [64, 512]},
   "crossbar.cols": {"expr": "crossbar.rows"}, "crossbar.parallel_rows": {"expr": "crossbar.rows"},
   "crossbar.adc_bits": {"range": [5, 9]}, "clock_mhz": {"real": [600, 1800]},
   "schedule.duplication": {"choice": ["exact", "none"]}},
 "objectives": {"latency_s": "min", "energy_j": "min", "area_mm2": "min"},
 "strategy": {"name": "nsga2", "seed": "3"}, "budget": {"evaluations": $2}}
JSON
}
refused() { # STATUS PATTERN ARGUMENT...
    local wanted=$1 pattern=$2 status=0
    shift 2
    "$CIMDSE" submit "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" = "$wanted" ] || fail "submit $*: exit $status, expected $wanted: $(cat "$work/err")"
    grep -q -- "$pattern" "$work/err" || fail "submit $*: $(cat "$work/err") has no \"$pattern\""
    [ "$(wc -l <"$work/err")" = 1 ] || fail "submit $*: more than one line: $(cat "$work/err")"
}
points() { "$CIMDSE" status "$1" --json | grep -oE '"evaluations": [0-9]+' | grep -oE '[0-9]+'; }

# ---- what is refused, before anything is written
spec "$work/spec.json" 1500
need=(--nodes 1 --ntasks 1 --time 5)
refused 2 'array' "$work/spec.json" -o "$work/no" "${need[@]}" --array 3
refused 2 '--time' "$work/spec.json" -o "$work/no" --nodes 1 --ntasks 1 --time soon
refused 2 '--time: is needed' "$work/spec.json" -o "$work/no" --nodes 1 --ntasks 1
refused 2 '--ntasks' "$work/spec.json" -o "$work/no" --nodes 2 --ntasks 1 --time 5
refused 2 '--nodes' "$work/spec.json" -o "$work/no" --nodes 0 --ntasks 1 --time 5
refused 2 'partition' "$work/spec.json" -o "$work/no" "${need[@]}" --partition 'a b'
refused 2 'nvalid partition' "$work/spec.json" -o "$work/no" "${need[@]}" --partition elsewhere
sed 's/"min"}/"low"}/' "$work/spec.json" >"$work/wrong.json"
refused 2 'wrong.json:/objectives' "$work/wrong.json" -o "$work/no" "${need[@]}"
status=0
PATH=/nowhere "$CIMDSE" submit "$work/spec.json" -o "$work/no" "${need[@]}" 2>"$work/err" || status=$?
[ "$status" = 2 ] && grep -q 'sbatch: is not on PATH' "$work/err" || fail "without sbatch: $(cat "$work/err")"
"$CIMDSE" submit "$work/spec.json" -o "$work/no" "${need[@]}" --dry-run >"$work/dry"
bash -n "$work/dry" || fail "the script does not parse"
grep -q '^#SBATCH --ntasks=1$' "$work/dry" || fail "--dry-run: $(cat "$work/dry")"
[ ! -e "$work/no" ] || fail "something was written: $(ls "$work/no")"

# ---- straight through, two nodes, a directory with an awkward name
dir="$work/run 1's \"50%\""
"$CIMDSE" run "$work/spec.json" -o "$work/serial" --quiet
digest=$("$CIMDSE" digest "$work/serial")
id=$("$CIMDSE" submit "$work/spec.json" -o "$dir" --nodes 2 --ntasks 3 --time 5 --json |
    sed -n 's/.*"job_id": "\([0-9]*\)".*/\1/p')
[ -n "$id" ] || fail "no job number"
refused 2 "job $id for this directory" "$work/spec.json" -o "$dir" "${need[@]}"
wait_job "$id" 120
log=$dir/slurm-$id.out
[ "$state" = COMPLETED ] || fail "job $id is $state: $(cat "$log")"
grep -q 'n\[1-2\], 3 ranks' "$log" || fail "not on two nodes: $(cat "$log")"
grep -q 'started on 2 workers\|started on 3 workers' "$dir/log.txt" || fail "$(cat "$dir/log.txt")"
[ "$("$CIMDSE" digest "$dir")" = "$digest" ] || fail "the job's digest differs from the serial one"
refused 2 'already holds a finished run' "$work/spec.json" -o "$dir" "${need[@]}"

# ---- stopped by the signal that precedes a time limit: checkpoint, requeue, the same dataset
spec "$work/long.json" 30000
"$CIMDSE" run "$work/long.json" -o "$work/serial2" --quiet
digest=$("$CIMDSE" digest "$work/serial2")
dir=$work/run2
"$CIMDSE" submit "$work/long.json" -o "$dir" --nodes 1 --ntasks 2 --time 10 >"$work/out"
id=$(sed -n 's/^submitted job \([0-9]*\):.*/\1/p' "$work/out")
[ -n "$id" ] || fail "no job number: $(cat "$work/out")"
log=$dir/slurm-$id.out
wait_for 60 grep -qs started "$dir/log.txt" || fail "does not start: $(cat "$log")"
sleep 1
scancel --batch --signal=USR1 "$id"
wait_for 30 grep -q 'requeued' "$log" || fail "not requeued: $(cat "$log")"
n=$(points "$dir")
[ "$n" -gt 0 ] && [ "$n" -lt 30000 ] || fail "$n points when stopped"
# submitting another spec into it is refused, also while it waits
refused 2 . "$work/spec.json" -o "$dir" "${need[@]}"
wait_job "$id" 180
[ "$state" = COMPLETED ] || fail "job $id is $state: $(cat "$log")"
scontrol show job "$id" | grep -q 'Restarts=1' || fail "not restarted once"
grep -q -- '--resume' "$log" || fail "not resumed: $(cat "$log")"
[ "$("$CIMDSE" digest "$dir")" = "$digest" ] || fail "the digest after a requeue differs"

# ---- cancelled: no requeue; submitting again goes on where it was
dir=$work/run3
"$CIMDSE" submit "$work/long.json" -o "$dir" --nodes 1 --ntasks 2 --time 10 >"$work/out"
id=$(sed -n 's/^submitted job \([0-9]*\):.*/\1/p' "$work/out")
wait_for 60 grep -qs started "$dir/log.txt" || fail "does not start"
sleep 1
scancel --batch --signal=TERM "$id"
wait_job "$id" 60
[ "$state" = FAILED ] || fail "cancelled job $id is $state"
"$CIMDSE" submit "$work/long.json" -o "$dir" --nodes 2 --ntasks 4 --time 10 >"$work/out"
grep -q 'goes on after [1-9][0-9]* points' "$work/out" || fail "$(cat "$work/out")"
id=$(sed -n 's/^submitted job \([0-9]*\):.*/\1/p' "$work/out")
wait_job "$id" 180
[ "$("$CIMDSE" digest "$dir")" = "$digest" ] || fail "the digest after a new job differs"

# ---- a real time limit: Slurm sends the signal by itself, up to a minute early
spec "$work/limit.json" 10000000
dir=$work/run4
"$CIMDSE" submit "$work/limit.json" -o "$dir" --nodes 1 --ntasks 2 --time 1 >"$work/out"
id=$(sed -n 's/^submitted job \([0-9]*\):.*/\1/p' "$work/out")
wait_for 100 grep -qs 'time limit is near: requeued' "$dir/slurm-$id.out" ||
    fail "no requeue at the time limit: $(cat "$dir/slurm-$id.out")"
scancel "$id"
wait_job "$id" 30
echo "ok"
