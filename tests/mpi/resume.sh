# A run killed with SIGKILL again and again, and one stopped by SIGUSR1 and by its time budget, end
# after --resume in the dataset of an uninterrupted run.
. "$(dirname "$0")/lib.sh"
spec "$work/spec.json" nsga2 12000
ranks 0 "$CIMDSE" run "$work/spec.json" -o "$work/whole" >"$work/whole.log" 2>&1 ||
    { cat "$work/whole.log"; fail "the uninterrupted run"; }
whole=$("$CIMDSE" digest "$work/whole")

# killed: the launcher's ranks die at once, whatever they were doing
kills=0
for delay in 0.6 0.8 1.0; do
    timeout -s KILL $delay mpirun --oversubscribe -n 2 "$CIMDSE" run "$work/spec.json" \
        -o "$work/killed" --resume --checkpoint-seconds 0.1 >>"$work/killed.log" 2>&1 || kills=$((kills + 1))
    sleep 0.3
done
for n in 4 0; do # the number of ranks may change from part to part
    ranks $n "$CIMDSE" run "$work/spec.json" -o "$work/killed" --resume >>"$work/killed.log" 2>&1 ||
        { cat "$work/killed.log"; fail "resuming on $n ranks"; }
    [ "$("$CIMDSE" digest "$work/killed")" = "$whole" ] || fail "killed $kills times: another dataset"
done
echo "killed $kills times, resumed: $whole"

# stopped on purpose: exit 3, and the time budget is no part of the dataset
stops=0
stopped() { # stopped WHAT STATUS
    [ "$2" = 3 ] && stops=$((stops + 1))
    [ "$2" = 3 ] || [ "$2" = 0 ] || { cat "$work/stopped.log"; fail "$1: exit $2, 3 expected"; }
}
status=0
ranks 2 "$CIMDSE" run "$work/spec.json" -o "$work/stopped" --max-seconds 0.2 \
    >"$work/stopped.log" 2>&1 || status=$?
stopped "time budget" $status
"$CIMDSE" run "$work/spec.json" -o "$work/stopped" --resume >>"$work/stopped.log" 2>&1 &
pid=$!
sleep 0.2
kill -USR1 $pid 2>/dev/null || true
status=0
wait $pid || status=$?
stopped "SIGUSR1" $status
mpirun --oversubscribe -n 2 "$CIMDSE" run "$work/spec.json" -o "$work/stopped" --resume \
    >>"$work/stopped.log" 2>&1 &
pid=$!
sleep 0.8
kill -USR1 $pid 2>/dev/null || true # mpirun hands it to all ranks
status=0
wait $pid || status=$?
stopped "SIGUSR1 to mpirun" $status
ranks 2 "$CIMDSE" run "$work/spec.json" -o "$work/stopped" --resume >>"$work/stopped.log" 2>&1 ||
    { cat "$work/stopped.log"; fail "resuming"; }
[ "$("$CIMDSE" digest "$work/stopped")" = "$whole" ] || fail "stopped and resumed: another dataset"
[ $stops -gt 0 ] || fail "no run was stopped early, all were too fast"
echo "stopped $stops times, resumed: $whole"

# without --resume nothing is touched
status=0
ranks 2 "$CIMDSE" run "$work/spec.json" -o "$work/stopped" >"$work/again.log" 2>&1 || status=$?
[ $status = 2 ] || { cat "$work/again.log"; fail "an existing result gives exit $status, not 2"; }
[ "$("$CIMDSE" digest "$work/stopped")" = "$whole" ] || fail "an existing result was touched"
