#!/usr/bin/env bash
# Runs whole clusters in virtual time (package test/sim): histories of every class of faults, power cuts, and the interleavings of the
# design; ten histories with the race detector. Prints what was done, and fails for too little of it. What a failure leaves is kept.
#
#   scripts/sim.sh                                 what CI runs, about four minutes on two cores
#   HISTORIES=1000 CUTS=3000 RACE=50 scripts/sim.sh   more of it
#
# SEED is the seed of the first history (default 1), KEEP the directory for what failures leave.
set -euo pipefail
cd "$(dirname "$0")/.."

histories=${HISTORIES:-100}
cuts=${CUTS:-300}
race=${RACE:-10}
seed=${SEED:-1}
keep=${KEEP:-${TMPDIR:-/tmp}/raftmq-sim}

run() {
  local title=$1 began=$SECONDS out rc=0
  shift
  printf '\n--- %s\n' "$title"
  out=$(mktemp)
  go test "$@" >"$out" 2>&1 || rc=$?
  if [ "$rc" -ne 0 ]; then
    grep -v -E '^=== |^ *--- (PASS|SKIP)' "$out" | tail -n 200
  else
    grep -E 'Histories:[0-9]+ Faults|elections, longest' "$out" | grep -v ' in [0-9]' | sed 's/^ *//' || true
    tail -n 1 "$out"
  fi
  rm -f "$out"
  echo "$((SECONDS - began)) s"
  return "$rc"
}

run "$histories histories" ./test/sim -v -timeout 30m -run 'TestHistories' -histories "$histories" -seed "$seed" -keep "$keep"
run "$cuts power cuts" ./test/sim -v -timeout 20m -run 'TestPowerCuts' -cuts "$cuts" -seed "$seed" -keep "$keep"
run "interleavings of the design, wrong guesses, checkers" ./test/sim -v -timeout 10m -skip 'TestHistories|TestPowerCuts|TestReplay'
run "$race histories with the race detector" -race ./test/sim -v -timeout 30m -run 'TestHistories' -histories "$race" -seed "$((seed + histories))" -keep "$keep"
