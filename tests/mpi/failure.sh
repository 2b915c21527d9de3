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
head -c 300 /dev/urandom >"$work/broken.onnx"
check "no such spec" "$CIMDSE" run "$work/none.json" -o "$work/out"
check "truncated spec" "$CIMDSE" run "$work/short.json" -o "$work/out"
check "unknown objective" "$CIMDSE" run "$work/objective.json" -o "$work/out"
check "broken network" "$CIMDSE" run "$work/model.json" -o "$work/out"
check "unwritable directory" "$CIMDSE" run "$work/good.json" -o "$work/missing/deeper"
check "unknown flag" "$CIMDSE" run "$work/good.json" -o "$work/out" --evaluation 5
