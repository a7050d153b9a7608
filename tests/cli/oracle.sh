#!/bin/sh
# Compares our text counting with Bluesky's and X's own client libraries: puts them (exact versions, no install scripts) into the
# tests' cache, then runs oracle_text.mjs and oracle_x.mjs with the arguments given. Exit 77: cannot be had here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=${SMMQ_TEST_CACHE:?}/oracle

skip() {
	echo "SKIPPED: comparison with the platforms' client libraries: $1" >&2
	exit 77
}

command -v node >/dev/null || skip "node is not installed (package nodejs)"
command -v npm >/dev/null || skip "npm is not installed (package npm)"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip "node is version $major, 20 or newer is needed"

mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9
stamp=$(cksum <"$here/oracle/package-lock.json")
if [ ! -f "$dir/.done" ] || [ "$(cat "$dir/.done")" != "$stamp" ]; then
	rm -f "$dir/.done"
	cp -f "$here/oracle/package.json" "$here/oracle/package-lock.json" "$dir/"
	(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
		tail -n 5 "$dir/npm.log" >&2
		if grep -Eq 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH' "$dir/npm.log"; then
			skip "the npm registry cannot be reached"
		fi
		echo "oracle.sh: npm ci failed; the log is $dir/npm.log" >&2
		exit 1
	}
	echo "$stamp" >"$dir/.done"
fi
exec 9>&-
SMMQ_NODE_MODULES=$dir/node_modules
export SMMQ_NODE_MODULES
node "$here/oracle_text.mjs" "$@"
node "$here/oracle_x.mjs" "$@"
