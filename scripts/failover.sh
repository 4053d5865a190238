#!/usr/bin/env bash
# Disturbs a dev cluster under stock clients with default settings and says what they saw.
#
#   failover.sh [option=value...] MODE...
#
# Modes, each with its own producers and consumers:
#   kill       kill -9 of the leader's whole node, started again after `down` seconds
#   crash      kill -9 of the leader's broker, which its supervisor restarts
#   term       SIGTERM to the leader's node (a planned hand-over), started again at once
#   transfer   raftmq raft transfer-leader
#   stop       SIGSTOP of the leader's node, SIGCONT after `down` seconds
#
# Options: count=20 (faults of each mode) pause=5 (seconds between faults) down=5 groups=1 rate=200 (messages a second)
#   queues=8 (of the topic, in each group)
#   clients=go,java-5.5.0 (go-retry-N is go with N retries)  dir=(temporary)  port=23000  raftmq=(built)  out=failover.json
#   journals=(temporary; a directory that is named is kept)
#
# Prints a table; gaps are the longest times without an ack, in milliseconds, over the faults. "lost" counts acknowledged
# messages that are missing, elsewhere or out of order. The JSON file has everything. Exit 1 if anything is lost, if the
# logs of the stopped members do not verify, or if a mode breaks its promise: crash, term and transfer fail no send, nor
# does kill with two or more groups, except of a Go client with fewer retries than a group has queues (docs/failover.md);
# crash has no gap above 2 s.
set -euo pipefail

count=20 pause=5 down=5 groups=1 rate=200 queues=8 clients=go,java-5.5.0 dir= port=23000 raftmq= out=failover.json journals=
modes=()
for argument in "$@"; do
  case $argument in
  count=* | pause=* | down=* | groups=* | rate=* | queues=* | clients=* | dir=* | port=* | raftmq=* | out=* | journals=*)
    printf -v "${argument%%=*}" %s "${argument#*=}"
    ;;
  kill | crash | term | transfer | stop) modes+=("$argument") ;;
  *)
    sed -n '2,25s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  esac
done
[ ${#modes[@]} -gt 0 ] || modes=(kill crash term transfer stop)

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
dir=${dir:-$work/cluster} journals=${journals:-$work/journals}
mkdir -p "$journals"
pids=()
failed=0

finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  "$raftmq" dev down --dir "$dir" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

if [ -z "$raftmq" ]; then
  raftmq=$work/raftmq
  (cd "$root" && go build -o "$raftmq" ./cmd/raftmq)
fi
(cd "$root/test/compat" && go build -o "$work/pair" ./cmd/pair)
for client in ${clients//,/ }; do
  case $client in java-*) "$root/scripts/compat-java.sh" "${client#java-}" build ;; esac
done

"$raftmq" dev up --dir "$dir" --port-base "$port" --groups "$groups" >"$work/up" || { cat "$work/up" >&2; exit 1; }
namesrv=$(sed -n 's/^export NAMESRV_ADDR=//p' "$work/up")

# nodes prints id, group, alive and role of each node.
nodes() {
  "$raftmq" dev status --dir "$dir" -o json | awk -F'"' '
    $2 == "id" { id = $4 } $2 == "alive" { alive = $3 ~ /true/ } $2 == "role" { role = $4 }
    $2 == "dir" { n = split($4, path, "/"); print id, path[n], alive, role }'
}

# healthy waits until every node runs and every group has one leader.
healthy() {
  for _ in $(seq 600); do
    if nodes | awk -v groups="$groups" '!$3 || $4 == "" { bad = 1 } $4 == "leader" { n++ } END { exit bad || n != groups }'; then return; fi
    sleep 0.1
  done
  echo "the cluster does not get well:" >&2
  "$raftmq" dev status --dir "$dir" >&2
  exit 1
}

# start CLIENT JOURNAL: runs a pair in the background until it is told to end.
start() {
  case $1 in
  go | go-retry-*)
    local retry=${1#go}
    "$work/pair" -namesrv "$namesrv" -rate "$rate" -queues "$queues" -duration 24h -journal "$2" -report /dev/null \
      -retry "$(( ${retry#-retry-} + 0 ))" &
    ;;
  java-*) "$root/scripts/compat-java.sh" "${1#java-}" "$namesrv" pair rate="$rate" queues="$queues" duration=86400 journal="$2" >/dev/null & ;;
  *) echo "unknown client $1" >&2; exit 2 ;;
  esac
  pids+=($!)
}

# leader GROUP prints the node that leads. A starved machine may have lost its leader since it was healthy.
leader() {
  local node
  for _ in $(seq 100); do
    node=$(nodes | awk -v group="$1" '$2 == group && $4 == "leader" { print $1; exit }')
    if [ -n "$node" ]; then
      echo "$node"
      return
    fi
    sleep 0.1
  done
  echo "$1 has no leader" >&2
  return 1
}

# fault MODE GROUP FILE: disturbs the group's leader once and puts it right again.
fault() {
  local node
  node=$(leader "$2")
  printf '{"at":%s,"event":"fault","queue":0,"offset":0,"kind":"%s","target":"%s"}\n' "$(date +%s%6N)" "$1" "$node" >>"$3"
  case $1 in
  kill)
    "$raftmq" dev kill "$node" --dir "$dir"
    sleep "$down"
    "$raftmq" dev start "$node" --dir "$dir"
    ;;
  crash) "$raftmq" dev crash "$node" --dir "$dir" ;;
  term)
    "$raftmq" dev kill "$node" --signal TERM --dir "$dir"
    "$raftmq" dev start "$node" --dir "$dir"
    ;;
  transfer) "$raftmq" raft transfer-leader --group "$2" --dir "$dir" ;;
  stop)
    "$raftmq" dev kill "$node" --signal STOP --dir "$dir"
    sleep "$down"
    "$raftmq" dev kill "$node" --signal CONT --dir "$dir"
    ;;
  esac >>"$journals/commands.log" 2>&1 || { tail -5 "$journals/commands.log" >&2; exit 1; }
}

# promise MODE CLIENT: the limits that the judge enforces.
promise() {
  case $1-$groups-$2 in
  crash-*) echo -failed-max 0 -gap-max 2s ;;
  term-* | transfer-*) echo -failed-max 0 ;;
  kill-1-* | stop-*) ;; # a stock client retries only where its route points, until it asks again after 30 s
  kill-*-go) ;; # its retries do not avoid the broker that failed
  kill-*) echo -failed-max 0 ;;
  esac
}

# disturb MODE: the pairs, the faults, the rows.
disturb() {
  local mode=$1 client journal acked names n
  local faults=$journals/$mode-faults.jsonl
  : >"$faults"
  pids=()
  for client in ${clients//,/ }; do start "$client" "$journals/$mode-$client.jsonl"; done
  for client in ${clients//,/ }; do
    journal=$journals/$mode-$client.jsonl
    for _ in $(seq 300); do
      acked=$(grep -c '"delivered"' "$journal" 2>/dev/null || true)
      [ "${acked:-0}" -gt 20 ] && break
      sleep 0.2
    done
  done
  mapfile -t names < <(nodes | awk '{ print $2 }' | sort -u)
  for ((n = 0; n < count; n++)); do
    healthy
    sleep "$pause"
    fault "$mode" "${names[n % ${#names[@]}]}" "$faults"
  done
  healthy
  sleep "$pause"
  kill -TERM "${pids[@]}"
  wait "${pids[@]}" || true # the verdict is the judge's
  pids=()
  for client in ${clients//,/ }; do
    # shellcheck disable=SC2046
    "$work/pair" -check "$journals/$mode-$client.jsonl" -faults "$faults" -report "$journals/$mode-$client.json" \
      -row "$mode $client" $(promise "$mode" "$client") || failed=1
  done
}

printf '%-24s %6s %8s %6s %4s %4s %8s %8s %8s\n' "mode client" faults sent failed lost dup median p99 worst
for mode in "${modes[@]}"; do disturb "$mode"; done

healthy
"$raftmq" dev down --dir "$dir" >/dev/null
for member in "$dir"/n*/; do
  "$raftmq" debug verify "$member" >"$work/verify" 2>&1 || { cat "$work/verify" >&2; failed=1; }
done

{
  echo '['
  separator=
  for mode in "${modes[@]}"; do
    for client in ${clients//,/ }; do
      printf '%s{"mode":"%s","client":"%s","groups":%d,"rate":%d,"report":' "$separator" "$mode" "$client" "$groups" "$rate"
      cat "$journals/$mode-$client.json"
      echo '}'
      separator=,
    done
  done
  echo ']'
} >"$out"
echo "report: $out"
exit $failed
