#!/usr/bin/env bash
# with-mongodb.sh COMMAND…    Runs COMMAND where ZHIKE_TEST_MONGODB names a server for tests.
#
# An address that is set already is kept: the tests create databases of their own there (zhike_t…) and drop them again.
# Else the server in $ZHIKE_MONGO_WIRE is started for as long as COMMAND runs (it speaks MongoDB's protocol; needs
# JDK 17 and Maven). Without either COMMAND runs alone: what needs a MongoDB skips with its reason, with CI=true fails.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2p' "$0" >&2; exit 64; }
if [ -z "${ZHIKE_TEST_MONGODB:-}" ] && [ -n "${ZHIKE_MONGO_WIRE:-}" ]; then
  start="$ZHIKE_MONGO_WIRE/with-mongo-wire.sh"
  [ -x "$start" ] || { echo "ZHIKE_MONGO_WIRE: there is no with-mongo-wire.sh in $ZHIKE_MONGO_WIRE" >&2; exit 69; }
  exec "$start" "$@"
fi
exec "$@"
