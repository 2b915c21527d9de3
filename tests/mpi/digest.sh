# The dataset is the same for a serial run and on 1, 2 and 4 ranks, for a sampler and NSGA-II.
. "$(dirname "$0")/lib.sh"
for strategy in sobol nsga2; do
    spec "$work/$strategy.json" $strategy 1500
    first=
    for n in 0 1 2 4; do
        out="$work/$strategy-$n"
        ranks $n "$CIMDSE" run "$work/$strategy.json" -o "$out" >"$out.log" 2>&1 ||
            { cat "$out.log"; fail "$strategy on $n ranks"; }
        digest=$("$CIMDSE" digest "$out")
        echo "$strategy, $n ranks: $digest"
        [ -n "$first" ] || first=$digest
        [ "$digest" = "$first" ] || fail "$strategy: $n ranks give another dataset"
    done
done
