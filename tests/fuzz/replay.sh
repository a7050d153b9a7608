#!/bin/sh
# Every fuzz target on its own corpus, with mutations of each file: what a fuzzer once found stays found.
set -eu

ran=0
for corpus in "${srcdir:?}"/tests/fuzz/corpus/*/; do
	target=$(basename "$corpus")
	program=${top_builddir:?}/tests/fuzz/replay_$target
	[ -x "$program" ] || { echo "the corpus $target has no program $program" >&2; exit 1; }
	echo "$target:"
	"$program" "$corpus" || { echo "FAIL: $program $corpus" >&2; exit 1; }
	ran=$((ran + 1))
done
for program in "$top_builddir"/tests/fuzz/replay_*; do
	target=${program##*/replay_}
	case $target in *.*) continue ;; esac
	[ -d "$srcdir/tests/fuzz/corpus/$target" ] || { echo "$program has no corpus" >&2; exit 1; }
done
[ "$ran" -gt 0 ] || { echo "no corpora below $srcdir/tests/fuzz/corpus" >&2; exit 1; }
