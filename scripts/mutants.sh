#!/usr/bin/env bash
# Builds raftmq with one known fault at a time and shows that a test finds each; prints the table of docs/mutants.md.
#
#   scripts/mutants.sh              all of them, about ten minutes
#   scripts/mutants.sh half-vote    only this one; -v shows the test's output, -list only lists them
set -euo pipefail
cd "$(dirname "$0")/.."
exec go run ./test/mutants "$@"
