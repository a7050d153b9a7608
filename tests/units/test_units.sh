#!/bin/sh
# What `make install` puts down for systemd: systemd itself reads it, in a staging directory, without starting anything.
set -eu

skip() {
	echo "SKIPPED: units: $1" >&2
	exit 77
}

for tool in systemd-analyze systemd-sysusers systemd-tmpfiles; do
	command -v "$tool" >/dev/null || skip "$tool is not installed (package systemd)"
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/smmq-units.XXXXXX")
trap 'rm -rf "$dir"' EXIT
failed=0
fail() {
	echo "not ok: $*"
	failed=1
}

# Not a part of the make that runs this test.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
make -s -C "${top_builddir:?}" install "DESTDIR=$dir/root" >"$dir/install.log" 2>&1 || { cat "$dir/install.log"; exit 1; }
for file in smmqd.service smmqd.socket smmq.conf; do
	find "$dir/root" -name "$file" | grep -q . || fail "$file is not installed"
done

# The programs are looked for on this system, where they are not installed: the build's stand in.
mkdir "$dir/system" "$dir/user"
for kind in system user; do
	for unit in smmqd.service smmqd.socket; do
		file=$(find "$dir/root" -path "*/$kind/$unit")
		! grep -n '@[a-z]*@' "$file" || fail "$file holds what configure should have filled in"
		sed "s|^ExecStart=[^ ]*/smmqd|ExecStart=$SMMQD|" "$file" >"$dir/$kind/$unit"
	done
	grep -q "^ExecStart=$SMMQD " "$dir/$kind/smmqd.service" || fail "the $kind service does not start smmqd"
done
verify() {
	kind=$1
	shift
	(cd "$dir/$kind" && XDG_RUNTIME_DIR=$dir systemd-analyze "$@" verify --man=no smmqd.service smmqd.socket) >"$dir/verify.log" 2>&1 ||
		fail "systemd-analyze refuses the $kind units"
	if grep smmqd "$dir/verify.log"; then
		fail "systemd-analyze has something to say of the $kind units"
	fi
}
verify system --system
verify user --user
# Tenths: 20 is an exposure of 2.0; a hardening line that gets lost makes it worse.
systemd-analyze security --offline=true --no-pager --threshold=20 "$dir/system/smmqd.service" >"$dir/security.log" 2>&1 || {
	tail -n 1 "$dir/security.log"
	fail "the system service is more exposed than 2.0"
}

if [ "$(id -u)" = 0 ]; then
	root=$dir/root
	mkdir -p "$root/etc"
	for kind in sysusers tmpfiles; do
		mkdir -p "$root/usr/lib/$kind.d"
		found=$(find "$root" -path "*/$kind.d/smmq.conf")
		[ "$found" = "$root/usr/lib/$kind.d/smmq.conf" ] || cp "$found" "$root/usr/lib/$kind.d/"
	done
	systemd-sysusers --root="$root" || fail "systemd-sysusers refuses the file"
	grep -q '^smmq:' "$root/etc/passwd" || fail "there is no user smmq"
	systemd-tmpfiles --root="$root" --create || fail "systemd-tmpfiles refuses the file"
	uid=$(sed -n 's/^smmq:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
	for want in "755 $uid run/smmq" "700 $uid var/lib/smmq"; do
		path=${want##* }
		[ "$(stat -c '%a %u' "$root/$path") $path" = "$want" ] || fail "$path: $(stat -c '%a %u' "$root/$path"), wanted ${want% *}"
	done
	credentials=$(find "$root" -type d -path '*/smmq/credentials')
	gid=$(sed -n 's/^smmq:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/group")
	[ "$(stat -c '%a %u %g' "$credentials")" = "750 0 $gid" ] || fail "the directory for credentials is open to others, or to be written by smmq"
else
	echo "SKIPPED: users and directories: needs root"
fi
[ "$failed" = 0 ] && echo "ok"
exit "$failed"
