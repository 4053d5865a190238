#!/usr/bin/env bash
# Measures how long a client goes without an acknowledgement when something fails, and how long recovery takes: goals V1 to V10.
#
#   scripts/availability.sh EVENTS [ROWS]   EVENTS events of each kind (package test/cluster; Linux and root), then the table
#   scripts/availability.sh 0 ROWS          only the table of what was measured before
#
# ROWS (default availability.tsv) gets a line for each event: goal, event, milliseconds. It grows over several runs; remove it to begin anew. ONLY
# is a regular expression of the test names to run, such as ONLY=V1. Let nothing else run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."

events=${1:?how many events? see the head of this file}
rows=$(realpath -m "${2:-availability.tsv}")
failed=0
if [ "$events" -gt 0 ]; then
  echo "load average before: $(cut -d' ' -f1-3 /proc/loadavg)"
  go test -count=1 -timeout 10h -v ./test/cluster -run "TestAvailability${ONLY:+/$ONLY}|TestTimed${ONLY:+/$ONLY}" -events "$events" -rows "$rows" |
    grep -E '^ *(---|availability_test)|^ok|^FAIL' || failed=1
  echo "load average after: $(cut -d' ' -f1-3 /proc/loadavg)"
fi

echo '| Goal | Event | Events | Median, ms | p99, ms | Worst, ms |'
echo '|---|---|---|---|---|---|'
sort -t "$(printf '\t')" -k1,1V -k2,2 -k3,3n "$rows" | awk -F '\t' '
  function row() { if (n) printf "| %s | %s | %d | %.0f | %.0f | %.0f |\n", goal, event, n, t[int(n * 0.5)], t[int(n * 0.99)], t[n - 1] }
  $1 != goal || $2 != event { row(); n = 0; goal = $1; event = $2 }
  { t[n++] = $3 }
  END { row() }'
exit $failed
