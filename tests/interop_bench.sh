#!/bin/bash
# The bench tools among foreign ones. On a virtual bus: scapy is the ECU that `uds flash` flashes. On the CAN interface
# ISOCTANE_CAN (tests/vcan.sh, part of `make check-vcan`): a bridge with faults between two interfaces, can-utils' cansend,
# candump and isotpdump beside our own tools. With ISOCTANE_KERNEL (tests/kernel.sh, part of `make check-kernel`):
# can-utils' isotpsend and isotprecv over the kernel's ISO-TP, both ways, in every addressing that both know.
# Exit status 77 when what it needs is not installed.
# Usage: [BUILD=build] [ISOCTANE_CAN=vcan0] [ISOCTANE_KERNEL=1] tests/interop_bench.sh
set -eu
build=${BUILD:-build}
sim=$build/isoctane-sim
# shellcheck source=tests/lib_ecu.sh
. tests/lib_ecu.sh

folder=$(mktemp -d)
processes=()
trap '[ ${#processes[@]} = 0 ] || kill "${processes[@]}" 2>/dev/null || :; rm -rf "$folder"' EXIT
fail() {
    echo "$*"
    tail -n 20 "$folder"/*.out 2>/dev/null || :
    exit 1
}
start() { # NAME COMMAND...: in the background, its output in NAME.out
    local name=$1
    shift
    "$@" >"$folder/$name.out" 2>&1 &
    processes+=($!)
}
finish() { # the processes that end by themselves
    local p
    for p in "${processes[@]}"; do wait "$p" || fail "one of ours ended with status $?"; done
    processes=()
}
listening() { cat /proc/net/can/rcvlist_* | grep -qw "$1"; } # on which interface, or what kind of socket
heard() { grep -qi "^ *vcan0 *$1" /proc/net/can/rcvlist_sff; } # an identifier, on vcan0
has_lines() { [ "$(wc -l <"$2")" -ge "$1" ]; }
stop() {
    kill "${processes[@]}" 2>/dev/null || :
    wait || :
    processes=()
}
head -c 6000 /dev/zero | tr '\0' 'I' >"$folder/image"

# --- a bridge between two real interfaces ---
bridge() {
    command -v cansend >/dev/null || { echo "skipped: can-utils is not installed (Debian: apt-get install can-utils)"; exit 77; }
    start left candump -L vcan0
    start right candump -L vcan1
    wait_until listening vcan0 || fail "the left candump does not listen"
    wait_until listening vcan1 || fail "the right candump does not listen"
    start bridge "$sim" bus --bridge can:vcan0 --bridge can:vcan1 --data-bitrate 0 --capture "$folder/between.pcapng" \
        --rule 'drop id=100' --rule 'alter id=7E0 from=1 set=1:FF' --rule 'delay id=200 by=100ms' \
        --rule 'spoof id=300 frame=301#AA count=1'
    wait_until grep -q ready "$folder/bridge.out" || fail "the bridge did not start"
    cansend vcan0 100#01         # dropped
    cansend vcan0 7E0#0102       # altered
    cansend vcan1 7E0#0102       # not in this direction
    cansend vcan0 200#02         # comes later
    cansend vcan0 18DA10F1##1AABBCCDD
    cansend vcan1 300#03         # forged after
    wait_until grep -q '200#02' "$folder/right.out" || fail "nothing came"
    wait_until grep -q '301#AA' "$folder/left.out" || fail "nothing was forged"
    wait_until grep -q '301#AA' "$folder/right.out" || fail "nothing was forged at the right"
    stop
    grep -v -e ' 7E0#0102' -e ' 200#02' "$folder/right.out" | sed -e 's/.* //' -e 's/##5/##1/' >"$folder/got"
    printf '%s\n' 7E0#01FF 18DA10F1##1AABBCCDD 300#03 301#AA | diff - "$folder/got" || fail "right is wrong"
    cat "$folder/left.out" "$folder/right.out" |
        awk '/ 200#02/ { at[n++] = substr($1, 8) } END { exit !(n == 2 && at[1] - at[0] >= 0.1) }' || fail "it was not delayed"
    grep -q ' 7E0#0102' "$folder/left.out" || fail "the other direction was altered, too"
    grep -q 'sent\|1 dropped' "$folder/bridge.out" || fail "the bridge did not count"
    echo "bridge: can-utils at both ends, drop, alter, delay and spoof between"
}

# --- our tools through that bridge, which loses frames; can-utils listens ---
through_the_bridge() {
    start bridge "$sim" bus --bridge can:vcan0 --bridge can:vcan1 --drop 0.3 --seed 4
    wait_until grep -q ready "$folder/bridge.out" || fail "the bridge did not start"
    start ecu "$sim" uds serve can:vcan1 --size 8192 --memory "$folder/memory"
    wait_until grep -q 'an ECU' "$folder/ecu.out" || fail "no ECU"
    start listener isotpdump -s 7E0 -d 7E8 -u vcan0
    wait_until heard 7E8 || fail "isotpdump does not listen"
    start dump "$sim" isotp dump can:vcan0 -u --write "$folder/vcan.pcapng"
    wait_until grep -q listening "$folder/dump.out" || fail "no dump"
    "$sim" uds flash can:vcan0 "$folder/image" --quiet --repeats 5 >"$folder/flash.out" 2>&1 || fail "not flashed"
    stop
    cmp -n 6000 "$folder/image" "$folder/memory" || fail "another image"
    grep -q ' RequestDownload' "$folder/dump.out" || fail "our dump does not know 34"
    grep -q 'FF' "$folder/listener.out" || fail "isotpdump saw no first frame"
    echo "flash over the bridge, 0.3 % of the frames lost: 6000 bytes; isotpdump and our dump listen"
}

# --- the kernel's ISO-TP ---
# can-utils' options and ours are the same. Its buffers hold fewer than 5000 bytes.
kernel() {
    local ours theirs asked n lengths="1 8 4095 4999"
    while IFS='|' read -r ours theirs asked; do
        # shellcheck disable=SC2086 # options
        start theirs stdbuf -oL isotprecv -l $theirs $asked vcan0
        wait_until listening isotp || fail "isotprecv does not listen"
        for n in $lengths; do
            # shellcheck disable=SC2086
            "$sim" isotp send $ours -D "$n" can:vcan0 2>"$folder/send.out" || fail "isotprecv $theirs: $n bytes not sent"
        done
        wait_until has_lines 4 "$folder/theirs.out" || fail "isotprecv $theirs: not four messages"
        stop
        [ "$(awk '{ printf "%s ", NF }' "$folder/theirs.out")" = "$lengths " ] || fail "isotprecv $theirs: other lengths"

        # shellcheck disable=SC2086
        start ours "$sim" isotp recv $ours --count 4 --timeout 60000 --quiet can:vcan0
        wait_until listening raw || fail "ours does not listen"
        for n in $lengths; do
            # shellcheck disable=SC2086
            isotpsend $theirs -b -D "$n" vcan0 || fail "isotpsend $theirs: $n bytes"
        done
        finish
        [ "$(awk '{ printf "%s ", $1 }' "$folder/ours.out")" = "$lengths " ] || fail "isotpsend $theirs: other lengths"
        echo "isotpsend and isotprecv, both ways, 1 to 4999 bytes: $theirs"
    done <<'EOF'
-s 7E0 -d 7E8|-s 7E8 -d 7E0
-s 18DA10F1 -d 18DAF110 -p AA -b 8 -m 1|-s 18DAF110 -d 18DA10F1 -p CC:AA|-b 4 -m F5
-s 7E0 -d 7E8 -x F1:10|-s 7E8 -d 7E0 -x 10:F1
-s 7E0 -d 7E8 -L 72:64:1|-s 7E8 -d 7E0 -L 72:64:1
EOF
}

# --- scapy is the ECU ---
scapy() {
    local python="" p port
    for p in python3 /usr/bin/python3; do
        "$p" -c "import scapy.contrib.isotp, can.interfaces.socketcand" 2>/dev/null && python=$p && break
    done
    if [ -z "$python" ]; then
        echo "skipped: scapy or python-can is not installed (Debian: apt-get install python3-scapy python3-can)"
        exit 77
    fi
    start bus "$sim" bus --path "$folder/bus" --socketcand 0
    wait_until grep -q ready "$folder/bus.out" || fail "no bus"
    port=$(sed -n 's/.*127.0.0.1:\([0-9]*\)$/\1/p' "$folder/bus.out")
    start ecu "$python" tests/interop_bench.py "$port" "$folder/memory"
    wait_until grep -q ready "$folder/ecu.out" || fail "scapy did not start"
    "$sim" uds flash "socketcand:127.0.0.1:$port/can0" "$folder/image" --address 8000 --level 1 \
        --key-command 'sh -c "echo A5A5A5A5" #' --fingerprint F15A:0102 --check 0202 --check FF01 --timeout 30000 \
        >"$folder/flash.out" 2>&1 || fail "not flashed"
    grep -q 'F190 SCAPY0000000ECU01' "$folder/flash.out" || fail "not identified"
    wait_until grep -q 'was flashed' "$folder/ecu.out" || fail "scapy has something to complain about"
    cmp "$folder/image" "$folder/memory" || fail "another image"
    stop
    tail -n 1 "$folder/ecu.out"
}

if [ -n "${ISOCTANE_KERNEL:-}" ]; then
    kernel
elif [ -n "${ISOCTANE_CAN:-}" ]; then
    bridge
    through_the_bridge
else
    scapy
fi
