#!/usr/bin/env bash
# with-elasticsearch.sh COMMAND…    Runs COMMAND beside an Elasticsearch node of its own and stops the node afterwards.
#
# COMMAND finds the node's address in ZHIKE_TEST_ELASTICSEARCH.
# Where ZHIKE_TEST_ELASTICSEARCH is set already, COMMAND runs against that server: the tests
# make indexes of their own there (zhike-test-…) and remove them again. Where a node cannot be started for want of Java,
# Maven or curl, node.sh says so and COMMAND runs alone: what needs the node skips with its reason, with CI=true fails.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2p' "$0" >&2; exit 64; }
[ -z "${ZHIKE_TEST_ELASTICSEARCH:-}" ] || exec "$@"
node=$(dirname "$(readlink -f "$0")")/node.sh
missing=69  # as node.sh says it
folder=$(mktemp -d "${TMPDIR:-/tmp}/zhike-elasticsearch.XXXXXX")
chmod 755 "$folder"
clean_up() {
  "$node" stop "$folder" || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
code=0
ZHIKE_TEST_ELASTICSEARCH=$("$node" start "$folder") || code=$?
case $code in
0) export ZHIKE_TEST_ELASTICSEARCH ;;
"$missing") unset ZHIKE_TEST_ELASTICSEARCH ;;
*) exit "$code" ;;
esac
code=0
"$@" || code=$?
exit "$code"
