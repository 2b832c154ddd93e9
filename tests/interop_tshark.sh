#!/bin/bash
# Wireshark's own ISO 15765 and UDS dissectors read every frame of a whole update of five ECUs, on CAN and CAN FD, with
# 11-bit and 29-bit identifiers, and what an ECU refuses. Every message must be put together to the length that it
# announced, belong to a service that is known, have its answer, and nothing may be malformed. What is read is the capture
# (pcapng, an interface per bus); the log of `candump -L`'s form, which tshark knows too, must say the same of one ECU. One
# file per ECU, because Wireshark 4.0 counts multi-frame messages over all identifiers together and mixes up those that are
# on the bus at the same time.
# Exit status 77 when tshark is not installed.
# Usage: [BUILD=build] tests/interop_tshark.sh
set -eu
build=${BUILD:-build}
if ! command -v tshark >/dev/null; then
    echo "skipped: tshark is not installed (Debian: apt-get install tshark)"
    exit 77
fi
# shellcheck source=tests/lib_ecu.sh
. tests/lib_ecu.sh

folder=$(mktemp -d)
processes=()
trap '[ ${#processes[@]} = 0 ] || kill "${processes[@]}" 2>/dev/null || :; rm -rf "$folder"' EXIT

fields="iso15765.message_type iso15765.frame_length iso15765.data_length iso15765.reassembled.length uds.sid uds.reply
    uds.rd.memory_size uds.rd.max_number_of_block_length uds.err.sid uds.err.code _ws.malformed _ws.expert frame.protocols"
dissect() { # LOG: a line per frame, the fields separated by commas
    local options=()
    for f in $fields; do options+=(-e "$f"); done
    tshark -r "$1" -d can.subdissector,iso15765 -d iso15765.subdissector,uds -T fields -E separator=, -E occurrence=f \
        "${options[@]}" 2>"$folder/complaints"
}

# One ECU's part of the update. Prints one line; status 1 when something is not as it must be.
judge() { # NAME IMAGE_BYTES
    awk -F, -v name="$1" -v image="$2" '
        function wrong(what) { print name ": frame " NR ": " what; bad = 1 }
        function number(hex,   n, i) {
            n = 0
            for (i = 3; i <= length(hex); i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
            return n
        }
        { type = number($1); bytes = $4 != "" ? $4 : $3 }
        $1 == "" || $11 != "" || $12 != "" { wrong("malformed or with a remark: " $0); next }
        type == 1 { announced = $2; first++ }
        type == 2 && $4 != "" {
            together++
            if ($4 != announced) wrong($4 " bytes, announced were " announced)
        }
        (type == 0 || (type == 2 && $4 != "")) && $13 !~ /:uds$/ { wrong("no UDS message: " $0) }
        $5 == "" { next }
        $9 != "" { wrong("refused: " $9 " " $10); next }
        $6 == "0x00" {
            # A request may be repeated when P2 is over: the door speaks with higher priority than the brake.
            if (waiting > 0 && $5 == last) {
                repeats++
                again[$5]++
            } else if (waiting > repeats) wrong("a request while " last " waits for its answer")
            waiting++
            last = $5
            asked[$5]++
            if ($5 == "0x34") { downloading = 1; size = number($7); carried = 0 }
            if ($5 == "0x37") {
                if (downloading && (carried != size || size != image)) wrong(carried " bytes instead of " image)
                images += downloading
                downloading = 0
            }
            if ($5 == "0x36" && downloading) carried += bytes - 6 # service, counter, check
        }
        $6 == "0x01" {
            waiting--
            if (++answered[$5] > asked[$5]) wrong("an answer that nobody asked for")
            if ($5 == "0x34" && number($8) != 4095) wrong("maxNumberOfBlockLength " $8)
        }
        END {
            # What is repeated is cut off: the request when its answer comes after all, the answer to the one before.
            if (together > first || first > together + 2 * repeats)
                wrong(first " first frames, " together " messages put together")
            if (images != 1) wrong(images + 0 " images")
            n = split("0x10 0x11 0x22 0x31 0x34 0x36 0x37 0x38", services, " ")
            for (i = 1; i <= n; i++) {
                s = services[i]
                known[s] = 1
                messages += asked[s] + answered[s]
                if (asked[s] + 0 == 0 || answered[s] > asked[s] || answered[s] < asked[s] - again[s])
                    wrong(s ": " asked[s] + 0 " requests, " answered[s] + 0 " answers")
            }
            for (s in asked) if (!(s in known)) wrong("service " s)
            printf "%s: %d frames, %d messages (%d of several frames)\n", name, NR, messages, first
            exit bad
        }'
}

"$build/isoctane-sim" vehicle --quiet --log "$folder/log" --capture "$folder/capture.pcapng" >"$folder/out"
while read -r name bus request response image; do
    filter="can.id == 0x$request || can.id == 0x$response"
    tshark -r "$folder/capture.pcapng" -Y "$filter" -w "$folder/$name.pcapng" 2>"$folder/complaints"
    dissect "$folder/$name.pcapng" >"$folder/$name.fields" || { cat "$folder/complaints"; exit 1; }
    [ "$(wc -l <"$folder/$name.fields")" = "$(grep -cE " ($request|$response)#" "$folder/log")" ] ||
        { echo "$name: frames are missing"; exit 1; }
    judge "$name" "$image" <"$folder/$name.fields"
    tshark -r "$folder/$name.pcapng" -c 1 -T fields -e frame.interface_name -e frame.time_epoch >"$folder/first"
    grep -qE "^${bus}[[:space:]]1790000000\.[0-9]{9}$" "$folder/first" || { echo "$name: $(cat "$folder/first")"; exit 1; }
done <<'EOF'
brake can0 7E0 7E8 10240
door can0 18DA20F1 18DAF120 65536
engine can1 7E2 7EA 524288
radio can1 7E3 7EB 1048576
EOF
grep -E ' (7E0|7E8)#' "$folder/log" >"$folder/brake.log"
dissect "$folder/brake.log" >"$folder/log.fields"
strip() { cut -d, -f1-12 "$1"; } # not the names of the layers below CAN
cmp <(strip "$folder/brake.fields") <(strip "$folder/log.fields") || { echo "brake: log and capture differ"; exit 1; }

# An ECU as a process, asked over socketcand for what it has to refuse.
make_ecu "$folder/ecu" "bus:$folder/bus" >"$folder/out" 2>&1 || { cat "$folder/out"; exit 1; }
"$build/isoctane-sim" bus --path "$folder/bus" --socketcand 0 --log "$folder/refused.log" >"$folder/out" 2>&1 &
processes+=($!)
wait_until grep -q ready "$folder/out"
"$build/isoctane-secondary" run "$folder/ecu/ecu.conf" >"$folder/ecu.out" 2>&1 &
processes+=($!)
wait_until grep -q event=boot "$folder/ecu.out"

exec 3<>"/dev/tcp/127.0.0.1/$(sed -n 's/.*127.0.0.1:\([0-9]*\)$/\1/p' "$folder/out")"
expect() { # PATTERN: reads what the bus says until it has said so
    local said=
    while [[ $said != *$1* ]]; do
        read -r -t 5 -d '>' -u 3 said || { echo "socketcand did not say $1"; exit 1; }
    done
}
expect 'hi'
echo -n '< open can0 >' >&3
expect 'ok'
echo -n '< rawmode >' >&3
expect 'ok'
while read -r request code; do
    # shellcheck disable=SC2086 # bytes
    set -- $(fold -w 2 <<<"$request")
    echo -n "< send 7E0 $(($# + 1)) $(printf %02X $#) $* >" >&3
    expect "037F$1$code"
done <<'EOF'
221234 31
BA00 11
1004 12
2200 13
3601 7F
3E0000 13
310103100F 13
31011234 31
340044 7F
EOF
exec 3>&-
kill "${processes[@]}" 2>/dev/null || :
wait || :
processes=()
dissect "$folder/refused.log" >"$folder/refused.fields" || { cat "$folder/complaints"; exit 1; }
awk -F, '
    $6 != "0x00" && ($11 != "" || $12 != "") { print "malformed: " $0; bad = 1 } # of the requests some are, on purpose
    $9 != "" { said = said " " substr($9, 3) ":" substr($10, 3) }
    END {
        print "refused:" said
        exit bad || said != " 22:31 ba:11 10:12 22:13 36:7f 3e:13 31:13 31:31 34:7f"
    }' "$folder/refused.fields"
tshark --version 2>/dev/null | head -n 1
