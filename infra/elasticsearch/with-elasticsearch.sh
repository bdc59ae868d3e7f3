#!/usr/bin/env bash
# with-elasticsearch.sh COMMAND…    Runs COMMAND beside an Elasticsearch node of its own and stops the node afterwards.
#
# COMMAND finds the node's address in ZHIKE_TEST_ELASTICSEARCH, and in ZHIKE_TEST_ELASTICSEARCH_NODE the folder by which
# node.sh stops and starts it. Where ZHIKE_TEST_ELASTICSEARCH is set already, COMMAND runs against that server.
# node.sh says what may be set and what is missing.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2p' "$0" >&2; exit 64; }
[ -z "${ZHIKE_TEST_ELASTICSEARCH:-}" ] || exec "$@"
node=$(dirname "$(readlink -f "$0")")/node.sh
folder=$(mktemp -d "${TMPDIR:-/tmp}/zhike-elasticsearch.XXXXXX")
chmod 755 "$folder"
clean_up() {
  "$node" stop "$folder" || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ZHIKE_TEST_ELASTICSEARCH=$("$node" start "$folder")
export ZHIKE_TEST_ELASTICSEARCH ZHIKE_TEST_ELASTICSEARCH_NODE=$folder
code=0
"$@" || code=$?
exit "$code"
