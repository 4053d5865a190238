#!/usr/bin/env bash
# Builds the Java compatibility programs with one version of RocketMQ's client and runs them against a cluster.
#
#   compat-java.sh VERSION NAMESRV [extra] [CASE...]        the cases, one JSON line each; exit 1 if any fails
#   compat-java.sh VERSION NAMESRV pair [key=value...]      the producer and consumer for fail-over runs
#   compat-java.sh VERSION build                            only builds; exit 3 if what it needs cannot be fetched
#
# JAVA_OPTS is passed to the JVM (for example -Drocketmq.serialize.type=ROCKETMQ). Needs Java 8 or newer and Maven.
set -euo pipefail

project=$(cd "$(dirname "$0")/../test/compat/java" && pwd)
usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
version=$1 namesrv=$2
shift 2
target=$project/target/$version

# build does nothing if no source changed since it succeeded. It runs Maven without network first: it is quick, and works
# where everything was fetched before. Maven Central drops a connection now and then, hence the repetitions.
build() {
  [ -f "$target.built" ] && [ -z "$(find "$project/src" "$project/pom.xml" -newer "$target.built" -print -quit)" ] && return
  local goals=(-q -B -f "$project/pom.xml" "-Drocketmq.version=$version" compile dependency:copy-dependencies)
  for network in -o "" "" ""; do
    if mvn $network "${goals[@]}" >"$target.log" 2>&1; then
      touch "$target.built"
      return
    fi
    if grep -q "COMPILATION ERROR" "$target.log"; then
      cat "$target.log" >&2
      exit 1
    fi
  done
  cat "$target.log" >&2
  exit 3
}

mkdir -p "$project/target"
build
[ "$namesrv" = build ] && exit
mode=cases
if [ "${1:-}" = pair ]; then
  mode=pair
  shift
fi

# user.home decides where the client keeps its logs and the offsets of broadcasting groups; ROCKETMQ_HOME is where mqadmin
# looks for a logging configuration.
mkdir -p "$target/home/conf"
for name in logback_tools rmq.tools.logback logback; do
  echo '<configuration><root level="OFF"/></configuration>' >"$target/home/conf/$name.xml"
done
export ROCKETMQ_HOME=$target/home
exec java -Xms64m -Xmx512m "-Duser.home=$target/home" "-Drocketmq.home.dir=$target/home" -Drocketmq.client.logUseSlf4j=true \
  "-Dlogback.configurationFile=$target/home/conf/logback.xml" \
  ${JAVA_OPTS:-} -cp "$target/classes:$target/lib/*" org.raftmq.compat.Main "$mode" "$namesrv" "$@"
