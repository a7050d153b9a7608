#!/bin/sh
# A test of the test: a core that is broken in one place must make the simulation fail, and for the right reason.
set -u
sim=${top_builddir:?}/tests/sim
failed=0

# mutant NAME WORD SEEDS [OPTION ...]: some line of the output begins with WORD, or, where that is "stopped", the core did not survive
mutant() {
	name=$1 word=$2 seeds=$3 out=$sim/mutant_$1.out
	shift 3
	if "$sim/mutant_$name" --seeds "$seeds" "$@" >"$out" 2>&1; then
		echo "not ok - mutant $name was not noticed"
		failed=$((failed + 1))
	elif [ "$word" = stopped ]; then
		echo "ok - mutant $name: stopped"
	elif ! grep -q "^$word " "$out"; then
		echo "not ok - mutant $name failed, but nothing was $word"
		tail -n 5 "$out"
		failed=$((failed + 1))
	else
		echo "ok - mutant $name: $(grep -c "^$word " "$out") times $word"
	fi
	rm -f "$out"
}

mutant attempt stopped 3      # no attempt is recorded: a lost answer finds none
mutant resend DOUBLED 3       # a lost answer is taken for a passing failure and the request is sent again
mutant absent DOUBLED 3       # a look says at once that nothing is there
mutant late LATE 5 --items 4 --faults 0 --steps 0    # the alarm comes half an hour after what it is for
echo "$((4 - failed)) passed, $failed failed"
exit "$failed"
