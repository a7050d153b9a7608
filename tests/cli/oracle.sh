#!/bin/sh
# Compares our text counting with Bluesky's and X's own client libraries: runs oracle_text.mjs and oracle_x.mjs with the arguments
# given. Exit 77: they cannot be had here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
sh "$here/npm_ci.sh" "comparison with the platforms' client libraries" "$here/oracle" oracle
SMMQ_NODE_MODULES=${SMMQ_TEST_CACHE:?}/oracle/node_modules
export SMMQ_NODE_MODULES
node "$here/oracle_text.mjs" "$@"
node "$here/oracle_x.mjs" "$@"
