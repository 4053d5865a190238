#!/usr/bin/env bash
# Captures golden frames of the stock clients from an Apache RocketMQ broker.
#
#   golden.sh NAMESRV BROKER_ADVERTISED BROKER_REAL NAME...
#
# NAME is go-2.1.2, java-VERSION or java-VERSION-binary (compact headers). The frames of each go to
# remoting/testdata/golden/NAME, one file for each kind.
#
# Routes send clients straight to the broker, so a recorder has to sit at the address that the broker advertises while the
# broker itself listens elsewhere: with brokerIP1=127.0.0.1, bindAddress=127.0.0.2 and listenPort=19886 in its
# configuration the arguments are 127.0.0.1:19876 127.0.0.1:19886 127.0.0.2:19886. A second recorder port, the NameServer's
# plus one, stands before the NameServer. CASES names the Java cases to run, all by default. To capture the broker's own registration, start
#
#   record -out remoting/testdata/golden/broker-5.5.0 -origin "…" -relay 127.0.0.1:19878=127.0.0.1:19876
#
# and give the broker namesrvAddr=127.0.0.1:19878. The broker should be new: long topic lists make large frames, which are
# left out.
set -euo pipefail

[ $# -ge 4 ] || { sed -n '2,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }
namesrv=$1 advertised=$2 real=$3
shift 3
root=$(cd "$(dirname "$0")/.." && pwd)
front=${namesrv%:*}:$((${namesrv##*:} + 1))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$root/test/compat" && go build -o "$work/record" ./cmd/record)

# session NAME ORIGIN COMMAND...: runs the command with recorders around the cluster.
session() {
  local name=$1 origin=$2
  shift 2
  "$work/record" -out "$root/remoting/testdata/golden/$name" -origin "$origin" \
    -relay "$front=$namesrv" -relay "$advertised=$real" &
  local recorder=$!
  "$@" || echo "$name: some cases failed; their frames are kept all the same" >&2
  kill -TERM $recorder
  wait $recorder
}

for name in "$@"; do
  case $name in
  go-*)
    (cd "$root/test/compat" && NAMESRV_ADDR=$front session "$name" "rocketmq-client-go v${name#go-} with Apache RocketMQ 5.5.0" go test -count=1 .)
    ;;
  java-*-binary)
    version=${name#java-} version=${version%-binary}
    JAVA_OPTS=-Drocketmq.serialize.type=ROCKETMQ session "$name" \
      "RocketMQ Java client $version, ROCKETMQ headers, with Apache RocketMQ 5.5.0" "$root/scripts/compat-java.sh" "$version" "$front" ${CASES:-extra}
    ;;
  java-*)
    session "$name" "RocketMQ Java client ${name#java-} with Apache RocketMQ 5.5.0" "$root/scripts/compat-java.sh" "${name#java-}" "$front" ${CASES:-extra}
    ;;
  *)
    echo "unknown client $name" >&2
    exit 2
    ;;
  esac
done
