#!/bin/bash
# A Secondary as a process: an image of 10 KB and one of 64 MB over a virtual bus without a bitrate, its memory and CPU time,
# beside what hashing and writing as many bytes cost. Part of `make bench`.
# Usage: [BUILD=build] tests/bench_secondary.sh
set -u
build=$(realpath "${BUILD:-build}")
PATH=$build:$PATH
top=$(mktemp -d)
bus_path=$top/can0
fd=yes
processes=()
trap 'stop ${processes[@]+"${processes[@]}"}; rm -rf "$top"' EXIT
# shellcheck source=tests/lib_fleet.sh
. tests/lib_fleet.sh

cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%d %d\n", $12 * 1000 / hz, $13 * 1000 / hz }' "/proc/$1/stat"; }
kib() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"; }
share() { awk '/^Pss:/ { p = $2 } /^Private_/ { own += $2 } END { printf "%d KiB private, %d KiB with its share of what others map", own, p }' "/proc/$1/smaps_rollup"; }
timed() { # COMMAND...      its CPU time in ms
    local TIMEFORMAT='%U %S'
    { time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ printf "%d", ($1 + $2) * 1000 }'
}

measure() { # BYTES SLOT_BYTES
    local folder=$top/$1 server
    local -a before after
    mkdir "$folder" && cd "$folder" || exit
    make_fleet "$2" "$1" 1000 >make.log 2>&1 || { tail -n 3 make.log; return; }
    start serve.log serving isoctane-sim serve --dir fleet --port 0 --quiet || return
    server=$started
    processes+=("$server")
    write_primary "$(sed -nE 's/.*:([0-9]+).*/\1/p' serve.log | head -n 1)" >>make.log 2>&1
    start secondary.log event=boot isoctane-secondary run brake.conf || { tail -n 3 secondary.log; return; }
    secondary=$started
    processes+=("$secondary")
    read -ra before < <(cpu_ms "$secondary")
    isoctane-primary -q -c isoctane.conf update >outcome 2>primary.log || { cat outcome; return; }
    read -ra after < <(cpu_ms "$secondary")
    printf '%9d bytes: CPU %4d ms of its own, %5d ms in the kernel (frames, files); resident %5d KiB at most, %4d KiB of it no file; %s\n' \
        "$1" $((after[0] - before[0])) $((after[1] - before[1])) "$(kib "$secondary" VmHWM)" "$(kib "$secondary" RssAnon)" "$(share "$secondary")"
    stop "$secondary" "$server"
}

mkdir "$top/bus" && start "$top/bus/log" ready isoctane-sim bus --path "$bus_path" --bitrate 0 --data-bitrate 0 || exit 0
processes+=("$started")
measure 10000 65536
measure 64000000 67108864
image=$top/64000000/fw-2.bin
hash=$(timed sha256sum "$image")
writes=$(timed dd if="$image" of="$top/copy" bs=4096 conv=fsync)
printf '%9d bytes: sha256sum CPU %d ms, dd in pieces of 4 KiB %d ms\n' 64000000 "$hash" "$writes"
