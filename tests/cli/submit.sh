#!/bin/bash
# cimdse submit against programs that play sbatch and squeue: what it hands over, what it makes of
# answers and refusals, what it leaves behind. tests/slurm/submit.sh does it with a real Slurm.
set -eu
: "${CIMDSE:?the cimdse binary}"
[ -x "$CIMDSE" ] || { echo "skipped: $CIMDSE is not built"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/cimdse-submit-XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

mkdir "$work/bin"
# Both do what the files next to them say: ANSWER, MESSAGE (stderr), STATUS.
for program in sbatch squeue; do
    cat >"$work/bin/$program" <<'FAKE'
#!/bin/sh
me=$(basename "$0"); here=$(dirname "$0")
printf '%s\n' "$@" >"$here/$me.arguments"
[ "$me" != sbatch ] || cp "$3" "$here/script" 2>/dev/null || cp "$2" "$here/script"
cat "$here/$me.answer"; cat "$here/$me.message" >&2; exit "$(cat "$here/$me.status")"
FAKE
    chmod +x "$work/bin/$program"
done
says() { # PROGRAM ANSWER MESSAGE STATUS
    printf '%s' "$2" >"$work/bin/$1.answer"
    printf '%s' "$3" >"$work/bin/$1.message"
    echo "$4" >"$work/bin/$1.status"
}
PATH=$work/bin:$PATH
says squeue '' '' 0

cat >"$work/spec.json" <<'JSON'
{"name": "a/b c", "model": "vgg8", "arch": "isaac",
 "parameters": {"chip.cores": {"range": [64, 600]}, "crossbar.adc_bits": {"range": [5, 9]}},
 "objectives": {"latency_s": "min", "area_mm2": "min"},
 "strategy": {"name": "random", "seed": "3"}, "budget": {"evaluations": 50}}
JSON
submit() { # DIRECTORY ARGUMENT...
    local dir=$1
    shift
    status=0
    "$CIMDSE" submit "$work/spec.json" -o "$dir" --nodes 2 --ntasks 8 --time 1:00:00 "$@" \
        >"$work/out" 2>"$work/err" || status=$?
}
expect() { # STATUS PATTERN FILE
    [ "$status" = "$1" ] || fail "exit $status, expected $1: $(cat "$work/out" "$work/err")"
    grep -qE -- "$2" "$work/$3" || fail "no \"$2\" in: $(cat "$work/$3")"
}

# accepted, on a named cluster, with a warning that is passed on
says sbatch '4711;west
' 'sbatch: warning: be patient
' 0
submit "$work/run" --sbatch --account=chem
expect 0 '^submitted job 4711: 2 nodes, 8 ranks' out
expect 0 'be patient' err
[ "$(cat "$work/run/job.id")" = 4711 ] || fail "job.id"
cmp -s "$work/run/job.sbatch" "$work/bin/script" || fail "sbatch got another script"
[ "$(sed -n 1p "$work/bin/sbatch.arguments")" = --parsable ] || fail "not --parsable"
grep -qx '#SBATCH --account=chem' "$work/run/job.sbatch" || fail "--sbatch"
grep -qx '#SBATCH --job-name=cimdse-a-b-c' "$work/run/job.sbatch" || fail "job name"
grep -qx "cimdse='$(readlink -f "$CIMDSE")'" "$work/run/job.sbatch" || fail "binary"
"$CIMDSE" space show "$work/run/spec-submitted.json" >/dev/null || fail "spec-submitted.json"

# the same directory again: refused while squeue knows the job, accepted after
says squeue 'PENDING
' '' 0
submit "$work/run"
expect 2 'job 4711 for this directory is still PENDING' err
says squeue '' 'slurm_load_jobs error: Invalid job id specified' 1
submit "$work/run" --json
expect 0 '"job_id": "4711"' out

# a dry run writes nothing; as JSON it holds the script that the text form is
submit "$work/dry" --dry-run
expect 0 '^#SBATCH --ntasks=8' out
cp "$work/out" "$work/script"
submit "$work/dry" --dry-run --json
expect 0 '"job_id": null' out
python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["script_text"])' \
    <"$work/out" | cmp - "$work/script" || fail "script_text"
[ ! -e "$work/dry" ] || fail "a dry run left $(ls "$work/dry")"

# the script runs without Slurm too, given what Slurm sets; its dataset is the one of a plain run
sed 's/^launch=.*/launch=()/' "$work/run/job.sbatch" >"$work/alone"
(SLURM_JOB_ID=1 SLURM_NTASKS=1 bash "$work/alone") >"$work/out" 2>&1 || fail "$(cat "$work/out")"
"$CIMDSE" run "$work/spec.json" -o "$work/plain" --quiet
[ "$("$CIMDSE" digest "$work/run")" = "$("$CIMDSE" digest "$work/plain")" ] || fail "digest"
submit "$work/run"
expect 2 'already holds a finished run' err

# an unfinished run of another spec
"$CIMDSE" run "$work/spec.json" --seed 4 --evaluations 100000000 --max-seconds 0.3 -o "$work/other" \
    --quiet 2>/dev/null && fail "not stopped"
submit "$work/other"
expect 2 '^cimdse: ' err

# refused by Slurm: its reason, exit 2, nothing left; unreachable: exit 1
says sbatch '' 'sbatch: error: Batch job submission failed: Invalid account or account/partition
' 1
submit "$work/none"
expect 2 'sbatch: refused the job .*Invalid account' err
[ ! -e "$work/none" ] || fail "left: $(ls "$work/none")"
says sbatch '' 'sbatch: error: Unable to contact slurm controller (connect failure)
' 1
submit "$work/none"
expect 1 'Unable to contact' err
[ ! -e "$work/none" ] || fail "left: $(ls "$work/none")"
says sbatch 'hello' '' 0
submit "$work/none"
expect 1 'gave no job number but "hello"' err

# places that cannot be written, and a file where a directory is needed
submit "$work/missing/deeper"
expect 2 'deeper: cannot be made' err
submit "$work/spec.json"
expect 2 'is a file' err
echo ok
