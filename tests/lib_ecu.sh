# Sourced by test scripts, which set BUILD: one ECU as a process, out of a simulated vehicle's folder.
# shellcheck shell=bash

# Makes repositories and keys in FOLDER, and FOLDER/ecu.conf of the simulated vehicle's brake ECU at LINK, provisioned.
make_ecu() { # FOLDER LINK
    "${BUILD:-build}/isoctane-sim" vehicle --quiet --dir "$1" >"$1.log" || return
    head -c 10240 /dev/zero >"$1/image.bin"
    cat >"$1/ecu.conf" <<EOF
[ecu]
vehicle_id = ISOCTANE-DEMO-1
serial = brake
hardware_id = brake-hw
verification = partial
image_names = brake/*
key = ecus/brake.pem

[bus]
link = $2
fd = no
request_id = 0x7E0
response_id = 0x7E8

[storage]
flash = ecu.flash
slot_bytes = 65536
staging_bytes = 131072

[provision]
director_root = repos/director/1.root.json
image = image.bin
image_name = brake/fw-1.bin
release_counter = 1
base_time = 2026-09-20T00:00:00Z
EOF
    "${BUILD:-build}/isoctane-secondary" provision "$1/ecu.conf"
}

# Waits up to 5 s until COMMAND succeeds.
wait_until() { # COMMAND...
    local tries=0
    until "$@" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || return
        sleep 0.1
    done
}
