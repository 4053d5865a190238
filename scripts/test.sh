#!/usr/bin/env bash
# Runs the tests of the project: the code's form, the packages with the race detector, crash states and corruptions, whole clusters in virtual
# time, real processes under real faults, every fuzz target, then the stock Go client against a three-node group, with leaders killed under
# load and the members' files verified afterwards. About half an hour on two cores.
#
#   scripts/test.sh            all of that
#   scripts/test.sh packages   only what needs no cluster
#   scripts/test.sh failover   only the leaders killed under load, and the files afterwards
#   scripts/test.sh sweeps     only crash states and corruptions of log, state and queues
#   scripts/test.sh sim        only whole clusters in virtual time, see scripts/sim.sh
#   scripts/test.sh cluster    only real processes under real faults (Linux and root; REQUIRE=all makes a skip a failure)
#   scripts/test.sh fuzz       only the fuzz targets, FUZZ_SECONDS each (default 20), two at a time
#   scripts/test.sh java       only the stock Java clients against a three-node group
#
# Needs Go. WITH_JAVA=1 adds the Java clients to all of that; without Java, Maven or Maven Central they are left out, which
# the last line says. "java" fails then.
# The cluster listens on loopback, on PORT_BASE to PORT_BASE+99 (default 23400).
set -euo pipefail
cd "$(dirname "$0")/.."

port_base=${PORT_BASE:-23400}
kills=${KILLS:-3}
java_versions="4.9.8 5.5.0"
skipped=
work=$(mktemp -d)
dir=$work/dev
raftmq=$work/raftmq

step() { printf '\n=== %s  [%ss]\n' "$*" "$SECONDS"; }

# finish takes the cluster down however the script ends; its logs are shown when it failed.
finish() {
  local rc=$?
  if [ "$rc" -ne 0 ] && [ -d "$dir/log" ]; then
    tail -n 30 "$dir"/log/*.log || true
  fi
  [ -x "$raftmq" ] && "$raftmq" dev down --wipe --dir "$dir" >/dev/null 2>&1
  rm -rf "$work"
  exit "$rc"
}
trap finish EXIT

form() {
  step "gofmt and go vet"
  local unformatted
  unformatted=$(git ls-files '*.go' | xargs gofmt -l)
  [ -z "$unformatted" ] || { echo "not formatted: $unformatted"; return 1; }
  go vet ./...
}

packages() {
  step "go test -race ./..."
  go test -race -p 2 -timeout 20m ./...
}

sweeps() {
  step "crash states and corruptions"
  scripts/sweeps.sh
}

fuzz() {
  step "every fuzz target for ${FUZZ_SECONDS:-20} s"
  scripts/fuzz.sh "${FUZZ_SECONDS:-20}"
}

sim() {
  step "whole clusters in virtual time"
  scripts/sim.sh
}

processes() {
  step "real processes under real faults"
  local out=$work/processes
  if ! RAFTMQ_REQUIRE=${REQUIRE:-} go test -count=1 -timeout 15m -v -parallel 2 ./test/cluster -histories "${HISTORIES:-10}" -scripted -rot 12 >"$out" 2>&1; then
    grep -v '^=== ' "$out" | tail -n 200
    return 1
  fi
  grep -E '^ok|^ *--- SKIP|is missing:|histories [0-9]+,|longest time without|back by rejoin|came back' "$out" | sed 's/^ *//'
}

cluster_up() {
  step "three-node group on 127.0.0.1:$port_base"
  CGO_ENABLED=0 go build -trimpath -o "$raftmq" ./cmd/raftmq
  "$raftmq" dev up --nodes 3 --dir "$dir" --port-base "$port_base"
  export NAMESRV_ADDR=127.0.0.1:$port_base
}

go_client() {
  step "stock Go client rocketmq-client-go v2.1.2"
  (cd test/compat && go test -count=1 -timeout 15m ./...)
}

# java_why says why the Java clients cannot run here, nothing if they can.
java_why() {
  local version command
  for command in java javac mvn; do
    command -v "$command" >/dev/null || { echo "there is no $command"; return; }
  done
  for version in $java_versions; do
    local rc=0
    scripts/compat-java.sh "$version" build >"$work/build.log" 2>&1 || rc=$?
    case $rc in
    0) ;;
    3) echo "Maven cannot fetch what client $version needs"; return ;;
    *) cat "$work/build.log" >&2; return 1 ;;
    esac
  done
}

java_clients() {
  local version
  for version in $java_versions; do
    step "stock Java client $version"
    scripts/compat-java.sh "$version" "$NAMESRV_ADDR"
  done
}

java_clients_if_possible() {
  [ -n "${WITH_JAVA:-}" ] || return 0
  step "build of the stock Java clients"
  skipped=$(java_why)
  if [ -n "$skipped" ]; then
    step "SKIPPED: the stock Java clients; $skipped"
  else
    java_clients
  fi
}

# kill_leaders kills -9 the leader with its supervisor, waits for the next one, and starts the dead node again.
kill_leaders() {
  local n dead
  for n in $(seq "$kills"); do
    dead=$("$raftmq" dev kill leader --dir "$dir" | cut -d' ' -f1)
    echo "kill $n: $dead"
    await_leader
    "$raftmq" dev start "$dead" --dir "$dir"
    await_members 3
  done
}

# await_members N waits until N members take part in the group, one of them as leader.
await_members() {
  local try
  for try in $(seq 300); do
    if [ "$("$raftmq" dev status --dir "$dir" -o json | grep -c -E '"role": *"(leader|follower)"')" -ge "$1" ]; then return 0; fi
    sleep 0.1
  done
  echo "the group has no $1 members after 30 s"
  "$raftmq" dev status --dir "$dir"
  return 1
}
await_leader() { await_members 2; }

fail_over() {
  step "$kills kills of the leader under the stock Go client's default producer and push consumer"
  local pair=$work/pair
  (cd test/compat && go build -o "$pair" ./cmd/pair)
  "$pair" -journal "$work/pair.jsonl" -duration "$((kills * 12 + 10))s" >"$work/pair.json" &
  local load=$!
  sleep 5 # the load is steady
  kill_leaders
  if ! wait "$load"; then cat "$work/pair.json"; return 1; fi
  cat "$work/pair.json"
}

verify() {
  step "raftmq debug verify of the three stopped members"
  "$raftmq" dev down --dir "$dir"
  local node
  for node in n0 n1 n2; do "$raftmq" debug verify "$dir/$node/RaftNode00"; done
}

case "${1:-all}" in
  packages) form; packages ;;
  sweeps)   sweeps ;;
  sim)      sim ;;
  cluster)  processes ;;
  fuzz)     fuzz ;;
  failover) cluster_up; fail_over; verify ;;
  java)     cluster_up; java_clients ;;
  all)      form; packages; sweeps; sim; processes; fuzz; cluster_up; go_client; java_clients_if_possible; fail_over; verify ;;
  *)        sed -n '6,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
step "all passed${skipped:+, but the stock Java clients did not run: $skipped}"
