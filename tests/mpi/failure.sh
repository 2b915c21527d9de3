# Mistakes on several ranks: one message, exit 2, no rank left hanging.
. "$(dirname "$0")/lib.sh"
check() { # check WHAT COMMAND...
    what=$1; shift
    status=0
    timeout 60 mpirun --oversubscribe -n 3 "$@" >"$work/log" 2>&1 || status=$?
    [ $status = 2 ] || { cat "$work/log"; fail "$what: exit $status, 2 expected"; }
    n=$(grep -c '^cimdse: ' "$work/log" || true)
    [ "$n" = 1 ] || { cat "$work/log"; fail "$what: $n messages, one expected"; }
    echo "$what: $(grep '^cimdse: ' "$work/log")"
}
spec "$work/good.json" nsga2 100
sed 's/"latency_s"/"latncy_s"/' "$work/good.json" >"$work/objective.json"
head -c 100 "$work/good.json" >"$work/short.json"
sed 's/"resnet18"/"broken.onnx"/' "$work/good.json" >"$work/model.json"
printf 'this is no network at all' >"$work/broken.onnx"
check "no such spec" "$CIMDSE" run "$work/none.json" -o "$work/out"
check "truncated spec" "$CIMDSE" run "$work/short.json" -o "$work/out"
check "unknown objective" "$CIMDSE" run "$work/objective.json" -o "$work/out"
check "broken network" "$CIMDSE" run "$work/model.json" -o "$work/out"
check "unwritable directory" "$CIMDSE" run "$work/good.json" -o "$work/missing/deeper"
check "unknown flag" "$CIMDSE" run "$work/good.json" -o "$work/out" --evaluation 5

# another spec on an existing run is refused and touches nothing
spec "$work/other.json" random 50
"$CIMDSE" run "$work/good.json" -o "$work/run" >/dev/null 2>&1 || fail "a plain run"
before=$("$CIMDSE" digest "$work/run")
check "resuming another spec" "$CIMDSE" run "$work/other.json" -o "$work/run" --resume
[ "$("$CIMDSE" digest "$work/run")" = "$before" ] || fail "a foreign resume changed results"

# rank 0 fails in the middle (its directory is gone): exit 1 and the workers are released
spec "$work/long.json" random 1000000
timeout 60 mpirun --oversubscribe -n 3 "$CIMDSE" run "$work/long.json" -o "$work/gone" \
    --checkpoint-seconds 0.1 >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 100); do [ -e "$work/gone/checkpoint/segment-000001.bin" ] && break; sleep 0.1; done
while [ -e "$work/gone" ]; do rm -rf "$work/gone" 2>/dev/null || true; done
status=0
wait $pid || status=$?
[ $status = 1 ] || { cat "$work/log"; fail "a failing rank 0: exit $status, 1 expected"; }
echo "failing rank 0: $(grep '^cimdse: ' "$work/log")"
