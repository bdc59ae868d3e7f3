#!/usr/bin/env bash
# node.sh start|stop|kill|status FOLDER    One Elasticsearch node on a loopback port, for tests; its state lies in FOLDER.
#
# start prints the node's address once it answers; started again it answers with the same address, and after a stop or
# a kill it comes back on the same port with the same data. The distribution comes from Maven Central once and lies in
# ${ZHIKE_PARTS:-${XDG_CACHE_HOME:-~/.cache}/zhike}.
#   ZHIKE_ELASTICSEARCH_VERSION (8.19.21)   ZHIKE_ELASTICSEARCH_HEAP (512m)   ZHIKE_ELASTICSEARCH_WAIT_S (300)
#   ZHIKE_ELASTICSEARCH_OPTIONS (-XX:TieredStopAtLevel=1: starts in a third of the time, compiles less well)
#   ES_JAVA_HOME, else JAVA_HOME, else the java on the PATH: 17 or newer for 8.19, a whole JDK of 21 or newer for 9
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
usage() { sed -n '2p' "$0" >&2; exit 64; }
[ $# -eq 2 ] || usage
action=$1
state=$(readlink -m "$2")
parts=${ZHIKE_PARTS:-${XDG_CACHE_HOME:-$HOME/.cache}/zhike}
version=${ZHIKE_ELASTICSEARCH_VERSION:-8.19.21}
heap=${ZHIKE_ELASTICSEARCH_HEAP:-512m}
options=${ZHIKE_ELASTICSEARCH_OPTIONS--XX:TieredStopAtLevel=1}
wait_s=${ZHIKE_ELASTICSEARCH_WAIT_S:-300}
distribution=$parts/elasticsearch-$version
pid_file=$state/node.pid
port_file=$state/http.port

say() { printf 'elasticsearch: %s\n' "$*" >&2; }
lacks() { say "$*"; exit 69; }  # something that this machine does not have
give_up() { say "$*"; exit 70; }

alive() { [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }

address() { printf 'http://127.0.0.1:%s\n' "$(cat "$port_file")"; }

answers() {
  [ -s "$port_file" ] &&
    curl --fail --silent --max-time 6 "$(address)/_cluster/health?wait_for_status=yellow&timeout=4s" >/dev/null 2>&1
}

find_java() {
  local least=17 found
  [ "${version%%.*}" -lt 9 ] || least=21
  java_home=${ES_JAVA_HOME:-${JAVA_HOME:-}}
  if [ -z "$java_home" ]; then
    found=$(command -v java) || lacks "no Java here: install a JDK $least or newer, or set ES_JAVA_HOME"
    java_home=$(dirname "$(dirname "$(readlink -f "$found")")")
  fi
  [ -x "$java_home/bin/java" ] || lacks "no java in $java_home/bin: set ES_JAVA_HOME to a JDK $least or newer"
  found=$(env -u JAVA_TOOL_OPTIONS "$java_home/bin/java" -version 2>&1 | sed -n '1s/[^"]*"\([0-9]*\).*/\1/p')
  [ "${found:-0}" -ge "$least" ] || lacks "version $version needs Java $least or newer; $java_home is ${found:-unreadable}"
}

fetch() {
  [ -x "$distribution/bin/elasticsearch" ] && return
  command -v mvn >/dev/null || lacks "no Maven here: install it, or unpack version $version as $distribution"
  mkdir -p "$parts"
  exec 9>"$parts/elasticsearch.lock"
  flock 9
  if [ ! -x "$distribution/bin/elasticsearch" ]; then
    say "fetching version $version from Maven Central (107 MB, once) into $parts"
    rm -rf "$parts/unpacking"
    command -v java >/dev/null || export JAVA_HOME=$java_home  # else Maven takes its own
    mvn --batch-mode --quiet --file "$here/pom.xml" generate-resources \
      "-Delasticsearch.version=$version" "-Dparts=$parts/unpacking" >&2 || give_up "Maven could not fetch version $version"
    # Moved when it is whole, so that a broken download is never taken for the distribution.
    mv "$parts/unpacking/elasticsearch-$version" "$distribution"
    rm -rf "$parts/unpacking"
  fi
  exec 9>&-
}

configure() {
  mkdir -p "$state"/{config,data,logs,tmp}
  cp -R "$distribution/config/." "$state/config/"
  rm -f "$state"/{config,logs}/*.ports "$pid_file"
  cat >"$state/config/elasticsearch.yml" <<YML
cluster.name: zhike-test
node.name: one
node.portsfile: true
path.data: $state/data
path.logs: $state/logs
network.host: 127.0.0.1
http.port: $(cat "$port_file" 2>/dev/null || echo 0)
transport.port: 0
discovery.type: single-node
node.store.allow_mmap: false
action.auto_create_index: false
cluster.routing.allocation.disk.threshold_enabled: false
xpack.security.enabled: false
xpack.security.autoconfiguration.enabled: false
YML
}

choose_user() {  # it refuses to run as root: take a user namespace, or a plain user who owns the state
  as_user=()
  [ "$(id -u)" -eq 0 ] || return 0
  if unshare --user --map-user=1000 --map-group=1000 true 2>/dev/null; then
    as_user=(unshare --user --map-user=1000 --map-group=1000)
  elif command -v setpriv >/dev/null; then
    chown -R 1000:1000 "$state"
    as_user=(setpriv --reuid=1000 --regid=1000 --clear-groups)
  else
    lacks "it does not run as root, and neither unshare nor setpriv works here: start it as another user"
  fi
}

launch() {
  cd "$state"
  env -u JAVA_TOOL_OPTIONS ES_JAVA_HOME="$java_home" ES_PATH_CONF="$state/config" ES_TMPDIR="$state/tmp" \
    ES_JAVA_OPTS="-Xms$heap -Xmx$heap -XX:-AlwaysPreTouch $options" "${as_user[@]}" "$distribution/bin/elasticsearch" -d -p "$pid_file" \
    </dev/null >"$state/logs/start.log" 2>&1 || { tail -n 20 "$state/logs/start.log" >&2; give_up "the node did not start"; }
}

await_ready() {
  local until=$((SECONDS + wait_s)) bound
  while [ $SECONDS -lt $until ]; do
    alive || { tail -n 20 "$state/logs/start.log" >&2; give_up "the node ended while it started"; }
    bound=$(cat "$state"/{config,logs}/http.ports 2>/dev/null | sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p' | head -n 1) || true
    [ -z "$bound" ] || echo "$bound" >"$port_file"
    if answers; then return; fi
    sleep 0.5
  done
  give_up "the node was not ready within $wait_s s"
}

end() {  # end SIGNAL: and wait, for at most 30 s; then it has no choice
  alive || { rm -f "$pid_file"; return 0; }
  local pid
  pid=$(cat "$pid_file")
  kill "-$1" "$pid" 2>/dev/null || true
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || { rm -f "$pid_file"; return 0; }
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  rm -f "$pid_file"
}

case $action in
start)
  command -v curl >/dev/null || lacks "no curl here: it tells when the node is ready"
  if ! alive; then
    find_java
    fetch
    configure
    choose_user
    launch
  fi
  await_ready
  address
  ;;
stop) end TERM ;;
kill) end KILL ;;
status)
  alive || { echo "not running"; exit 3; }
  answers || { echo "running, does not answer"; exit 4; }
  address
  ;;
*) usage ;;
esac
