#!/bin/sh
# A test of the test: a core that is broken in one place must make the simulation fail, and for the right reason.
set -u
sim=${top_builddir:?}/tests/sim
failed=0

# mutant NAME WORD SEEDS: some line of the output begins with WORD, or, where that is "stopped", the core did not survive
mutant() {
	if "$sim/mutant_$1" --seeds "$3" >"$sim/mutant_$1.out" 2>&1; then
		echo "not ok - mutant $1 was not noticed"
		failed=$((failed + 1))
	elif [ "$2" = stopped ]; then
		echo "ok - mutant $1: stopped"
	elif ! grep -q "^$2 " "$sim/mutant_$1.out"; then
		echo "not ok - mutant $1 failed, but nothing was $2"
		tail -n 5 "$sim/mutant_$1.out"
		failed=$((failed + 1))
	else
		echo "ok - mutant $1: $(grep -c "^$2 " "$sim/mutant_$1.out") times $2"
	fi
	rm -f "$sim/mutant_$1.out"
}

mutant attempt stopped 3      # no attempt is recorded: a lost answer finds none
mutant resend DOUBLED 3       # a lost answer is taken for a passing failure and the request is sent again
mutant absent DOUBLED 3       # a look says at once that nothing is there
echo "$((3 - failed)) passed, $failed failed"
exit "$failed"
