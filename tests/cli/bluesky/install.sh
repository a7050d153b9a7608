#!/bin/sh
# Puts the Bluesky test server into the directory $1: exact versions from package-lock.json, no install scripts, then the one
# native module. Does nothing when that is done already, so that it may be called by every test. Exit 77: cannot be had here.
set -eu

[ $# -eq 1 ] || { echo "usage: install.sh DIRECTORY" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)

skip() {
	echo "SKIPPED: Bluesky server: $1" >&2
	exit 77
}

command -v node >/dev/null || skip "node is not installed (package nodejs)"
command -v npm >/dev/null || skip "npm is not installed (package npm)"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip "node is version $major, 20 or newer is needed"

# One at a time: tests may run side by side.
exec 9>"$dir/.lock"
flock 9
# As a whole or not at all: another test may just be starting it.
cmp -s "$here/server.mjs" "$dir/server.mjs" || { cp "$here/server.mjs" "$dir/.server.new" && mv -f "$dir/.server.new" "$dir/server.mjs"; }
stamp="$(cksum <"$here/package-lock.json") $(node -p 'process.version + process.arch')"
if [ -f "$dir/.done" ] && [ "$(cat "$dir/.done")" = "$stamp" ]; then
	exit 0
fi

# npm brings node-gyp along, either inside itself or, on Debian, as a package beside it.
prefix=$(node -p 'require("path").resolve(process.execPath, "../..")')
npm_bin=$(readlink -f "$(command -v npm)")
gyp=
for try in "$(dirname "$npm_bin")/../node_modules/node-gyp/bin/node-gyp.js" /usr/share/nodejs/node-gyp/bin/node-gyp.js; do
	[ ! -f "$try" ] || gyp=$try
done
[ -n "$gyp" ] || skip "node-gyp was not found beside npm (package node-gyp)"
[ -f "$prefix/include/node/node.h" ] || skip "$prefix/include/node/node.h is missing (package libnode-dev)"
for tool in make g++ python3; do
	command -v "$tool" >/dev/null || skip "$tool is not installed; it builds better-sqlite3"
done

rm -f "$dir/.done"
cp -f "$here/package.json" "$here/package-lock.json" "$dir/"
cd "$dir"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 || {
	tail -n 5 npm.log >&2
	if grep -Eq 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH' npm.log; then
		skip "the npm registry cannot be reached"
	fi
	echo "install.sh: npm ci failed; the log is $dir/npm.log" >&2
	exit 1
}
(cd node_modules/better-sqlite3 && node "$gyp" rebuild --release --nodedir="$prefix") >gyp.log 2>&1 || {
	tail -n 20 gyp.log >&2
	echo "install.sh: better-sqlite3 does not build; the log is $dir/gyp.log" >&2
	exit 1
}
echo "$stamp" >.done
