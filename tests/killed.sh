#!/bin/bash
# Kills a Secondary, then the Primary (SIGKILL), just before each of the writes, renames, truncations and syncs of files that
# it does in one update over a virtual bus and HTTPS; what was killed starts again, and the next cycle must bring the update
# to its end: both ECUs run the new image, confirmed. Real processes; the points are counted in a run without a kill.
# Usage: [BUILD=build] [layout=LAYOUT] tests/killed.sh [EVERY]    each EVERYth point only (default 1: all of them)
set -u
build=$(realpath "${BUILD:-build}")
every=${1:-1}
library=$build/tests/killpoint.so
PATH=$build:$PATH
top=$(mktemp -d)
processes=()
bus_path=$top/can0
trap 'stop ${processes[@]+"${processes[@]}"}; rm -rf "$top"' EXIT
# shellcheck source=tests/lib_fleet.sh
. tests/lib_fleet.sh
fail() {
    echo "killed: $*" >&2
    tail -n 30 "$top"/run/*.log >&2
    exit 1
}

start_secondary() { # KILL_AT
    KILL_AT=$1 KILL_COUNT=$top/count.secondary LD_PRELOAD=$library start "$top/run/secondary.log" event=boot isoctane-secondary run brake.conf
    secondary=$started
}
update() { # KILL_AT
    KILL_AT=$1 KILL_COUNT=$top/count.primary LD_PRELOAD=$library \
        isoctane-primary -c isoctane.conf --json update >outcome.json 2>>primary.log
}
updated() {
    isoctane-primary -c isoctane.conf --json status >status.json 2>>primary.log || return
    [ "$(grep -c 'fw-2.bin' status.json)" -ge 2 ] && ! grep -q 'fw-1.bin' status.json
}

revive() {
    kill -0 "$secondary" 2>/dev/null && return
    start_secondary 0 && processes+=("$secondary")
}

# One update from the beginning, with a kill in WHO at its Nth point. A kill may come before anybody listens, so that a
# start or a cycle fails; the cycle after that must not.
round() { # WHO N
    local who=$1 n=$2 at_secondary=0 at_primary=0 cycles=0
    [ "$who" = secondary ] && at_secondary=$n || at_primary=$n
    rm -rf "$top/run" && cp -a "$top/base" "$top/run" && cd "$top/run" || exit
    start "$top/run/serve.log" serving isoctane-sim serve --dir fleet --port "$port" --quiet || fail "the servers do not start"
    local server=$started
    processes=("$bus" "$server")
    start_secondary "$at_secondary"
    [ "$who" = primary ] && { kill -0 "$secondary" 2>/dev/null || fail "the Secondary does not start"; }
    processes+=("$secondary")
    update "$at_primary" 2>/dev/null & # the shell's own word on the kill
    local cycle=$!
    while kill -0 "$cycle" 2>/dev/null; do # as after a power cut: it comes back while the Primary still waits
        revive || fail "$who, point $n: the Secondary does not start again"
        sleep 0.02
    done
    wait "$cycle" 2>/dev/null
    revive || fail "$who, point $n: the Secondary does not start again"
    until updated; do
        cycles=$((cycles + 1))
        [ $cycles -le 2 ] || fail "$who, point $n: not updated after two whole cycles: $(cat outcome.json)"
        update 0
    done
    [ $cycles -le 1 ] || late="$late $who:$n"
    stop "$secondary" "$server"
    processes=("$bus")
    grep -q '"confirmed"' <(isoctane-secondary status brake.conf --json) || fail "$who, point $n: not confirmed"
}

mkdir "$top/base" && cd "$top/base" || exit
make_fleet 65536 6000 3500 >make.log 2>&1 || { cat make.log; exit 1; }
mkdir "$top/run"
start "$top/run/bus.log" ready isoctane-sim bus --path "$bus_path" --bitrate 0 || fail "no bus"
bus=$started
processes=("$bus")
start "$top/run/serve.log" serving isoctane-sim serve --dir fleet --port 0 --quiet || fail "no servers"
port=$(sed -nE 's/.*:([0-9]+).*/\1/p' "$top/run/serve.log" | head -n 1)
stop "$started"
write_primary "$port" >>make.log 2>&1 || { cat make.log; exit 1; }

late=
round nobody 0
secondaries=$(cat "$top/count.secondary") primaries=$(cat "$top/count.primary")
echo "points of one update: Secondary $secondaries, Primary $primaries; each ${every}th is a kill"
kills=0
for who in secondary primary; do
    [ $who = secondary ] && points=$secondaries || points=$primaries
    for ((n = 1 + kills % every; n <= points; n += every)); do
        round $who "$n"
        kills=$((kills + 1))
    done
done
echo "killed: $kills kills, each followed by a finished update${late:+; two cycles were needed after:$late}"
