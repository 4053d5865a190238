#!/usr/bin/env bash
# A long run of everything that looks for faults, in rounds; each round adds a line to the ledger.
#
#   scripts/campaign.sh HOURS [LEDGER]     LEDGER defaults to docs/campaign-ledger.tsv
#
# A round: histories of the whole cluster in virtual time (test/sim), histories of real processes (test/cluster) and rot on one member, crash
# states and corruptions (scripts/sweeps.sh), every fuzz target (scripts/fuzz.sh). SCALE (default 1) multiplies the counts of a round, seeds
# never come twice. What fails is counted as a violation and its output kept in campaign-failures/; the next part goes on. The
# round that is under way when the time is over is finished. Exit 1 if there was a violation.
#
# Columns of the ledger: date, commit, minutes, histories, power cuts, process histories, crash states, corruptions, fuzz executions, violations.
set -uo pipefail
cd "$(dirname "$0")/.."

hours=${1:?how many hours? see the head of this file}
ledger=${2:-docs/campaign-ledger.tsv}
scale=${SCALE:-1}
end=$((SECONDS + $(awk -v h="$hours" 'BEGIN { print int(h * 3600) }')))
out=$(mktemp)
trap 'rm -f "$out"' EXIT
total=0

# part NAME COMMAND…: runs it; a failure is a violation. The output is in $out afterwards.
part() {
  local name=$1 kept
  shift
  echo "--- $name: $*"
  if "$@" >"$out" 2>&1; then return 0; fi
  violations=$((violations + 1))
  mkdir -p campaign-failures
  kept=campaign-failures/$(date -u +%Y%m%dT%H%M%S)-$name.log
  cp "$out" "$kept"
  echo "VIOLATION in $name: $kept"
}

# count PATTERN: the sum of what the pattern's group matches in the lines of $out.
count() { sed -nE "s/.*$1.*/\1/p" "$out" | awk '{ n += $1 } END { print n + 0 }'; }

round() {
  local began=$SECONDS seed violations=0 histories cuts processes crashes corruptions execs
  seed=$(od -An -N5 -tu8 /dev/urandom | tr -d ' ')
  part sim env HISTORIES=$((100 * scale)) CUTS=$((300 * scale)) RACE=$((10 * scale)) SEED="$seed" KEEP="$PWD/campaign-failures" scripts/sim.sh
  histories=$(count 'Histories:([0-9]+) Faults')
  cuts=$(count 'PowerCuts:([0-9]+)')
  part cluster go test -count=1 -timeout 60m ./test/cluster -run 'TestHistories|TestRot' -v -parallel 2 -histories $((10 * scale)) -length 30s -rot $((12 * scale)) -seed "$seed"
  processes=$(count 'histories ([0-9]+), faults')
  cuts=$((cuts + $(count 'power cuts ([0-9]+), longest')))
  part sweeps scripts/sweeps.sh $((30 * scale))
  crashes=$(count 'crash_states=([0-9]+)')
  corruptions=$(count 'corruptions=([0-9]+)')
  part fuzz scripts/fuzz.sh $((20 * scale))
  execs=$(count 'execs=([0-9]+)')
  [ -s "$ledger" ] || printf 'date\tcommit\tminutes\thistories\tpower cuts\tprocess histories\tcrash states\tcorruptions\tfuzz executions\tviolations\n' >"$ledger"
  printf '%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n' "$(date -u +%Y-%m-%dT%H:%MZ)" "$(git rev-parse --short HEAD)" $(((SECONDS - began) / 60)) \
    "$histories" "$cuts" "$processes" "$crashes" "$corruptions" "$execs" "$violations" >>"$ledger"
  tail -n 1 "$ledger"
  total=$((total + violations))
}

round
while [ "$SECONDS" -lt "$end" ]; do round; done
echo "violations: $total"
[ "$total" -eq 0 ]
