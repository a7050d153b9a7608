#!/bin/sh
# The demonstration: a daemon in a private directory with an outbox account, posts a few seconds apart, and what happens.
# Usage: demo.sh BUILD_DIRECTORY
set -eu

build=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/smmq-demo.XXXXXX")
daemon=
watcher=
cleanup() {
	[ -z "$watcher" ] || kill "$watcher" 2>/dev/null || :
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || :
		wait "$daemon" 2>/dev/null || :
	fi
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir -p "$dir/accounts.d" "$dir/state" "$dir/outbox"
cat >"$dir/smmqd.conf" <<END
[Daemon]
StateDirectory=$dir/state
Socket=$dir/smmq.sock
LogLevel=warning
END
cat >"$dir/accounts.d/demo.conf" <<END
[Account]
# writes finished posts as files: for trying things, and for hand-over to scripts
Platform=outbox
Directory=$dir/outbox
TimeZone=UTC
END

run() { printf '\n$ smmq'; printf ' %s' "$@"; printf '\n'; "$build/smmq" "$@"; }

SMMQ_SOCKET=$dir/smmq.sock
export SMMQ_SOCKET
echo "Starting smmqd in $dir"
"$build/smmqd" -c "$dir/smmqd.conf" &
daemon=$!
tries=0
until "$build/smmq" status >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { echo "the daemon did not start" >&2; exit 1; }
	kill -0 "$daemon" 2>/dev/null || { echo "the daemon ended" >&2; exit 1; }
	sleep 0.1
done

run add -a demo --at +2s "First post"
first=1
run add -a demo --at +4s --label tour "Second post, with a label https://example.org/"
run add -a demo --at +6s "Third post"
run add -a demo --at "tomorrow 9:00" "Tomorrow's post"
run list
echo
echo "Publishing, as it happens:"
"$build/smmq" watch &
watcher=$!
"$build/smmq" wait --timeout 30s "$first" 2 3 >/dev/null
sleep 0.2
kill "$watcher" 2>/dev/null || :
wait "$watcher" 2>/dev/null || :
watcher=
run list --all
run show "$first"
run status
echo
echo "The outbox holds:"
ls "$dir/outbox"
echo
echo "Done; everything is removed again."
