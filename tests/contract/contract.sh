#!/bin/sh
# Every request that the exchange scripts make is judged by the vendors' own specifications, which lie beside the project and are
# read in place ($SMMQ_SPECS names another directory). Exit 77: they, or the validators, cannot be had here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
specs=${SMMQ_SPECS:-${srcdir:?}/../shared/specs}
[ -f "$specs/x-openapi.json" ] || {
	echo "SKIPPED: contract with the platforms: their specifications are not in $specs" >&2
	exit 77
}
sh "$here/../cli/npm_ci.sh" "contract with the platforms" "$here/node" contract
SMMQ_NODE_MODULES=${SMMQ_TEST_CACHE:?}/contract/node_modules
SMMQ_EXCHANGE_DUMP=$(mktemp)
export SMMQ_NODE_MODULES SMMQ_EXCHANGE_DUMP
trap 'rm -f "$SMMQ_EXCHANGE_DUMP"' EXIT
"${top_builddir:?}/tests/plat/run_exchanges" | tail -n 1
node "$here/contract.mjs" "$SMMQ_EXCHANGE_DUMP" "$specs" "$here/exceptions.json" "$@"
