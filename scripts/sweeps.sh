#!/usr/bin/env bash
# Crash states and corruptions of log, state and queues: every file operation of a scenario with the power cut before it, bits flipped,
# pages zeroed, files cut. Prints how many and fails below the floors.
#
#   scripts/sweeps.sh [SCALE]   SCALE times as many as the normal test run (default 30, which passes the floors)
#
# Floors: CRASH_STATES_MIN and CORRUPTIONS_MIN, 20,000 each. The last line is for other scripts:
#   sweeps: crash_states=23456 corruptions=61234
set -euo pipefail
cd "$(dirname "$0")/.."

scale=${1:-30}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
run() { # PACKAGE TESTS [FLAGS]
  go test -count=1 -timeout 20m -v -run "$2" "./$1" "${@:3}" >"$out.one" 2>&1 || { grep -v '^=== ' "$out.one" | tail -n 40; rm -f "$out.one"; return 1; }
  sed -nE "s#^ +[a-z_]+\.go:[0-9]+: (sweep: .*)#$1: \1#p" "$out.one" | tee -a "$out"
  rm -f "$out.one"
}
run raftlog/commitlog 'Crash|Flipped|Cut|Zeroed|DamageBelow' -sweep "$scale"
run consumequeue FlippedBits -sweep "$scale"
run broker/state CrashAtEveryStep
run raftlog 'SurvivesACrashAtEveryStep|NoDamageOfTheStableStore'
awk '
  match($0, /[0-9]+ crash states/)  { crashes += substr($0, RSTART) }
  match($0, /[0-9]+ corruptions/)   { corruptions += substr($0, RSTART) }
  END { printf "sweeps: crash_states=%d corruptions=%d\n", crashes, corruptions }' "$out" | tee "$out.sum"
read -r _ crashes corruptions <<<"$(tr '=' ' ' <"$out.sum" | awk '{print $1, $3, $5}')"
rm -f "$out.sum"
[ "$crashes" -ge "${CRASH_STATES_MIN:-20000}" ] || { echo "fewer crash states than ${CRASH_STATES_MIN:-20000}"; exit 1; }
[ "$corruptions" -ge "${CORRUPTIONS_MIN:-20000}" ] || { echo "fewer corruptions than ${CORRUPTIONS_MIN:-20000}"; exit 1; }
