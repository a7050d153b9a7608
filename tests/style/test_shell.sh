#!/bin/sh
# Looks at every shell script of the project with shellcheck.
set -eu

command -v shellcheck >/dev/null || { echo "SKIPPED: shell scripts: shellcheck is not installed" >&2; exit 77; }
cd "${srcdir:?}"
find .ci/run bootstrap client daemon proto tests units -name node_modules -prune -o \
	\( -name '*.sh' -o -name bootstrap -o -path .ci/run -o -name smmq.bash \) -type f -print |
	LC_ALL=C sort >"${TMPDIR:-/tmp}/smmq-shell.$$"
trap 'rm -f "${TMPDIR:-/tmp}/smmq-shell.$$"' EXIT
failed=0
while IFS= read -r script; do
	echo "$script"
	case $script in
	*.bash) shellcheck -s bash "$script" || failed=1 ;;
	*) shellcheck "$script" || failed=1 ;;
	esac
done <"${TMPDIR:-/tmp}/smmq-shell.$$"
exit "$failed"
