#!/usr/bin/env bash
# Runs every fuzz target of the main module, two at a time, and prints what each has tried.
#
#   scripts/fuzz.sh 20          every target for 20 seconds
#   scripts/fuzz.sh 20 Decode   only the targets whose name contains Decode
#   scripts/fuzz.sh -list       the targets: package and name
#
# A target that fails leaves its input in the package's testdata/fuzz; the script then ends with code 1. It fails too if a whole run has
# fewer than FUZZ_TARGETS_MIN targets (default 16) or a target that tried nothing. The last line is for other scripts:
#   fuzz: targets=25 execs=123456 failed=0
set -euo pipefail
cd "$(dirname "$0")/.."

targets() {
  git ls-files -co --exclude-standard '*_test.go' | grep -v '^test/compat/' | xargs grep -HoE '^func Fuzz[A-Za-z0-9_]+' |
    sed -E 's#^(.*)/[^/]*:func (.*)$#./\1 \2#' | sort -u
}

# one PACKAGE NAME SECONDS DIR fuzzes one target and writes its line to DIR.
one() {
  local log rc=0 execs
  log=$4/$(echo "${1#./}.$2" | tr '/' '_')
  go test -vet=off -run '^$' -fuzz "^$2\$" -fuzztime "$3s" -parallel 1 "$1" >"$log.out" 2>&1 || rc=$?
  execs=$(grep -oE 'execs: [0-9]+' "$log.out" | tail -1 | grep -oE '[0-9]+' || echo 0)
  # Go itself reports a worker that is stopped in the middle of an input as a failure; that is no finding of the target.
  if [ "$rc" -ne 0 ] && ! grep -qE 'Failing input written|panic:|fatal error:' "$log.out" && grep -q 'context deadline exceeded' "$log.out"; then rc=0; fi
  printf '%s\t%s\t%s\t%s\n' "$rc" "$execs" "$1" "$2" >"$log.line"
  printf '%12d  %s %s\n' "$execs" "$1" "$2"
  [ "$rc" -eq 0 ] || { echo "FAILED: $1 $2"; tail -n 40 "$log.out"; }
}
export -f one

[ "${1:-}" = -list ] && { targets; exit 0; }
seconds=${1:?how many seconds for each target? see the head of this file}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
list=$(targets | grep -E "${2:-.}")
echo "$list" | while read -r package name; do echo "$package $name $seconds $work"; done | xargs -P 2 -L 1 bash -c 'one "$@"' _ || true
cat "$work"/*.line | awk -F '\t' -v min="$([ -n "${2:-}" ] && echo 0 || echo "${FUZZ_TARGETS_MIN:-16}")" '
  { n++; execs += $2; if ($1) failed++; if (!$2) idle++ }
  END {
    printf "fuzz: targets=%d execs=%d failed=%d\n", n, execs, failed
    if (n < min) { printf "only %d targets, %d are wanted\n", n, min; exit 1 }
    if (idle) { printf "%d targets tried nothing\n", idle; exit 1 }
    exit failed ? 1 : 0
  }'
