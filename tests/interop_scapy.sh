#!/bin/bash
# scapy, with its own ISO-TP in user space and its own UDS packets, is the tester of an ECU (a process of its own): reads
# identifiers, changes sessions, sends files, is refused what must be refused. On the CAN interface ISOCTANE_CAN when that is
# set (`tests/vcan.sh tests/interop_scapy.sh`, part of `make check-vcan`), else on a virtual bus over socketcand. Classic
# CAN: scapy's ISO-TP knows no FD.
# Exit status 77 when scapy, or python-can for socketcand, is not installed.
# Usage: [BUILD=build] [ISOCTANE_CAN=vcan0] tests/interop_scapy.sh
set -eu
build=${BUILD:-build}
modules=scapy.contrib.isotp
[ -n "${ISOCTANE_CAN:-}" ] || modules+=,can.interfaces.socketcand
python=
for p in python3 /usr/bin/python3; do
    "$p" -c "import $modules" 2>/dev/null && python=$p && break
done
if [ -z "$python" ]; then
    echo "skipped: scapy or python-can is not installed (Debian: apt-get install python3-scapy python3-can)"
    exit 77
fi
# shellcheck source=tests/lib_ecu.sh
. tests/lib_ecu.sh

folder=$(mktemp -d)
processes=()
trap '[ ${#processes[@]} = 0 ] || kill "${processes[@]}" 2>/dev/null || :; rm -rf "$folder"' EXIT

if [ -n "${ISOCTANE_CAN:-}" ]; then
    link=can:$ISOCTANE_CAN
    can=$ISOCTANE_CAN
else
    link=bus:$folder/bus
    "$build/isoctane-sim" bus --path "$folder/bus" --socketcand 0 >"$folder/out" 2>&1 &
    processes+=($!)
    wait_until grep -q ready "$folder/out"
    can=$(sed -n 's/.*127.0.0.1:\([0-9]*\)$/\1/p' "$folder/out")
fi
make_ecu "$folder/ecu" "$link" >"$folder/provisioned" 2>&1 || { cat "$folder/provisioned"; exit 1; }
"$build/isoctane-secondary" run "$folder/ecu/ecu.conf" >"$folder/ecu.out" 2>&1 &
processes+=($!)
wait_until grep -q event=boot "$folder/ecu.out"
timeout -k 1 90 "$python" tests/interop_scapy.py "$can" "$folder/ecu/repos/director/1.root.json"
# The reset that scapy asked for has happened.
wait_until grep -q boots=2 "$folder/ecu.out" || { cat "$folder/ecu.out"; exit 1; }
