#!/bin/sh
# mutate.sh FILE OUT WORDS OTHERS: a copy of a file of the daemon in which some words are others. They must stand there exactly once.
set -eu
file=$1 out=$2 words=$3 others=$4
[ "$(grep -cF -- "$words" "$file")" = 1 ] || {
	echo "mutate.sh: \"$words\" does not stand exactly once in $file" >&2
	exit 1
}
awk -v words="$words" -v others="$others" '
	BEGIN { gsub(/\\&/, "\\&", others) }
	{ at = index($0, words); if (at) $0 = substr($0, 1, at - 1) others substr($0, at + length(words)); print }' "$file" >"$out.tmp"
mv "$out.tmp" "$out"
