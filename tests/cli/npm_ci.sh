#!/bin/sh
# Puts exact versions from the npm registry into the tests' cache, without install scripts, and does nothing when that is done:
#     npm_ci.sh WHAT SOURCE NAME
# SOURCE has package.json and package-lock.json; the modules are in $SMMQ_TEST_CACHE/NAME. Exit 77: cannot be had here.
set -eu

[ $# -eq 3 ] || { echo "usage: npm_ci.sh WHAT SOURCE NAME" >&2; exit 64; }
what=$1 source=$2 dir=${SMMQ_TEST_CACHE:?}/$3

skip() {
	echo "SKIPPED: $what: $1" >&2
	exit 77
}

command -v node >/dev/null || skip "node is not installed (package nodejs)"
command -v npm >/dev/null || skip "npm is not installed (package npm)"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip "node is version $major, 20 or newer is needed"

# One at a time: tests may run side by side.
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9
stamp=$(cksum <"$source/package-lock.json")
if [ -f "$dir/.done" ] && [ "$(cat "$dir/.done")" = "$stamp" ]; then
	exit 0
fi
rm -f "$dir/.done"
cp -f "$source/package.json" "$source/package-lock.json" "$dir/"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
	tail -n 5 "$dir/npm.log" >&2
	if grep -Eq 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH' "$dir/npm.log"; then
		skip "the npm registry cannot be reached"
	fi
	echo "npm_ci.sh: npm ci failed; the log is $dir/npm.log" >&2
	exit 1
}
echo "$stamp" >"$dir/.done"
