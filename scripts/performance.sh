#!/usr/bin/env bash
# Measures sends on this machine: a three-node group that fsyncs before the ack, the same with background flush, and what else is named,
# in alternating runs. Prints medians. Let nothing else run meanwhile.
#
#   scripts/performance.sh [ROUNDS [SIZES]]   default: 5 rounds, bodies of 1KiB,100
#
# OTHER=HOST:PORT adds a cluster that runs already, Apache RocketMQ's too, by its NameServer. CONCURRENCY (1,16,128,1024) and SECONDS_EACH (4).
# `go test -run xxx -bench Propose/sync ./raftlog` is the limit: the same log, replicated by the same means, without a broker.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5} sizes=${2:-1KiB,100} port=25000
work=$(mktemp -d)
raftmq=$work/raftmq
trap '"$raftmq" dev down --wipe --dir "$work/dev" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$raftmq" ./cmd/raftmq

# measure NAME NAMESRV: appends a line for each combination: name, size, in flight, msg/s, p50, p99, p99.9.
measure() {
  "$raftmq" bench produce -n "$2" -s "$sizes" -w "${CONCURRENCY:-1,16,128,1024}" --warmup 1s --duration "${SECONDS_EACH:-4}s" --no-progress -o csv |
    awk -F, -v OFS='\t' -v name="$1" 'NR > 1 { print name, $4, $5, $11, $15, $17, $18 }' >>"$work/rows"
}

# group FLUSH: measures a fresh group.
group() {
  "$raftmq" dev up --dir "$work/dev" --port-base "$port" >/dev/null
  if [ "$1" = async ]; then
    "$raftmq" dev down --dir "$work/dev" >/dev/null
    sed -i '0,/store {/s//store {\n    flush = "async"/' "$work/dev/cluster.hcl"
    "$raftmq" dev up --dir "$work/dev" >/dev/null
  fi
  measure "raftmq $1" "127.0.0.1:$port"
  "$raftmq" dev down --wipe --dir "$work/dev" >/dev/null
}

for round in $(seq "$rounds"); do
  echo "round $round, load average $(cut -d' ' -f1 /proc/loadavg)" >&2
  group sync
  group async
  [ -z "${OTHER:-}" ] || measure "$OTHER" "$OTHER"
done

echo '| System | Bytes | In flight | msg/s, median (lowest–highest) | p50, ms | p99, ms | p99.9, ms |'
echo '|---|---|---|---|---|---|---|'
sort -t "$(printf '\t')" -k1,1 -k2,2nr -k3,3n -k4,4n "$work/rows" | awk -F '\t' '
  function median(v, i, j, x) { # of v[1..n], which it sorts
    for (i = 2; i <= n; i++) { x = v[i]; for (j = i - 1; j > 0 && v[j] > x; j--) v[j + 1] = v[j]; v[j + 1] = x }
    return v[int((n + 1) / 2)]
  }
  function row() {
    if (n) printf "| %s | %d | %d | %.0f (%.0f–%.0f) | %.2f | %.1f | %.1f |\n", key[1], key[2], key[3], median(rate), rate[1], rate[n],
      median(p50) / 1000, median(p99) / 1000, median(p999) / 1000
  }
  $1 != key[1] || $2 != key[2] || $3 != key[3] { row(); n = 0; key[1] = $1; key[2] = $2; key[3] = $3 }
  { n++; rate[n] = $4 + 0; p50[n] = $5 + 0; p99[n] = $6 + 0; p999[n] = $7 + 0 }
  END { row() }'
