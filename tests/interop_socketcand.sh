#!/bin/sh
# python-can (interface "socketcand") and a client of the virtual bus exchange frames both ways, and python-can reads the
# log that the bus wrote. Exit status 77 when python-can is not installed.
# Usage: [BUILD=build] tests/interop_socketcand.sh
set -eu
build=${BUILD:-build}
python=
for p in python3 /usr/bin/python3; do
    "$p" -c 'import can.interfaces.socketcand' 2>/dev/null && python=$p && break
done
if [ -z "$python" ]; then
    echo "skipped: python-can is not installed (Debian: apt-get install python3-can)"
    exit 77
fi

folder=$(mktemp -d)
bus=
trap '[ -z "$bus" ] || kill "$bus" 2>/dev/null || :; rm -rf "$folder"' EXIT
: >"$folder/out"
"$build/isoctane-sim" bus --path "$folder/bus" --socketcand 0 --log "$folder/log" >"$folder/out" 2>"$folder/err" &
bus=$!
tries=0
until grep -q ready "$folder/out"; do
    tries=$((tries + 1))
    if [ $tries -gt 600 ]; then
        echo "the bus did not start:"
        cat "$folder/err"
        exit 1
    fi
    sleep 0.1
done
port=$(sed -n 's/.*127.0.0.1:\([0-9]*\)$/\1/p' "$folder/out")

"$python" - "$folder/bus" "$port" <<'PYTHON'
import logging, socket, struct, sys
import can

logging.disable(logging.WARNING)  # python-can warns whenever a message comes in two reads

path, port = sys.argv[1], int(sys.argv[2])
FRAME = struct.Struct("=IBxxx8s")  # struct can_frame
EXTENDED, ERROR = 0x80000000, 0x20000000

ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ours.settimeout(60)
ours.connect(path)
greeting, _, _ = FRAME.unpack(ours.recv(72))
assert greeting & ERROR, "the bus greets with an error frame"

theirs = can.Bus(interface="socketcand", channel="can0", host="127.0.0.1", port=port)
frames = [(0x123, b"\x01\x02\x03"), (0x7FF, b""), (0x18DA01F1, bytes(range(8)))]

for identifier, data in frames:
    theirs.send(can.Message(arbitration_id=identifier, data=data, is_extended_id=identifier > 0x7FF))
    word, length, payload = FRAME.unpack(ours.recv(72))
    assert word & ~EXTENDED == identifier and bool(word & EXTENDED) == (identifier > 0x7FF), hex(word)
    assert payload[:length] == data, payload

for identifier, data in frames * 200:
    ours.send(FRAME.pack(identifier | (EXTENDED if identifier > 0x7FF else 0), len(data), data))
for n, (identifier, data) in enumerate(frames * 200):
    message = theirs.recv(60)
    assert message is not None, "frame %d did not come" % n
    assert message.arbitration_id == identifier and bytes(message.data) == data, message
theirs.shutdown()
print("python-can %s: 3 frames to the bus, 600 from it" % can.__version__)
PYTHON

kill -TERM "$bus"
status=0
wait "$bus" || status=$?
bus=
[ "$status" = 0 ] || { echo "the bus ended with status $status"; exit 1; }
[ ! -e "$folder/bus" ] || { echo "the bus left its socket behind"; exit 1; }
"$python" - "$folder/log" <<'PYTHON'
import sys
import can

frames = list(can.CanutilsLogReader(sys.argv[1]))
assert len(frames) == 603, len(frames)
assert frames[2].arbitration_id == 0x18DA01F1 and frames[2].is_extended_id and bytes(frames[2].data) == bytes(range(8))
assert all(a.timestamp <= b.timestamp for a, b in zip(frames, frames[1:]))
print("python-can reads the log: 603 frames")
PYTHON
