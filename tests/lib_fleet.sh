# Sourced by scripts that run one Primary (tcu) and one Secondary (brake) as processes, as docs/howto-vehicle.md does. They
# set bus_path (and fd=yes where the bus has it, layout=swap or one-slot), and have the programs in their PATH.
# shellcheck shell=bash
: "${bus_path:?}"

# In this folder: servers' files, keys, and images 1 and 2 of both ECUs, of which 2 is ordered as one bundle; brake.conf,
# provisioned. Images must fit SLOT_BYTES.
make_fleet() { # SLOT_BYTES BRAKE_BYTES TCU_BYTES
    head -c "$2" /dev/urandom >fw-1.bin && head -c "$2" /dev/urandom >fw-2.bin || return
    head -c "$3" /dev/urandom >tcu-1.bin && head -c "$3" /dev/urandom >tcu-2.bin || return
    isoctane-repo create --dir fleet || return
    for n in 1 2; do
        isoctane-repo add --dir fleet --name brake/fw-$n.bin --hardware brake-hw --counter $n fw-$n.bin || return
        isoctane-repo add --dir fleet --name tcu/fw-$n.bin --hardware tcu-hw --counter $n tcu-$n.bin || return
    done
    isoctane-repo director register --dir fleet VIN-1 || return
    isoctane-repo director ecu --dir fleet --primary --hardware tcu-hw --new-key tcu.pem VIN-1 tcu || return
    isoctane-repo director ecu --dir fleet --hardware brake-hw --new-key brake.pem VIN-1 brake || return
    isoctane-repo director order --dir fleet --bundle both VIN-1 brake=brake/fw-2.bin tcu=tcu/fw-2.bin || return
    cat >brake.conf <<END
[ecu]
vehicle_id = VIN-1
serial = brake
hardware_id = brake-hw
verification = partial
key = brake.pem
[bus]
link = bus:$bus_path
fd = ${fd:-no}
request_id = 0x7E0
response_id = 0x7E8
[storage]
flash = brake.flash
slot_bytes = $1
layout = ${layout:-two-slots}
staging_bytes = 131072
[provision]
director_root = fleet/director/1.root.json
image = fw-1.bin
image_name = brake/fw-1.bin
release_counter = 1
base_time = 2026-01-01T00:00:00Z
END
    isoctane-secondary provision brake.conf
}

# isoctane.conf of its Primary, provisioned, with the servers at PORT.
write_primary() { # PORT
    cat >isoctane.conf <<END
[vehicle]
id = VIN-1
[primary]
serial = tcu
hardware_id = tcu-hw
key = tcu.pem
state_dir = state
base_time = 2026-01-01T00:00:00Z
[director]
url = https://localhost:$1/director/
root = fleet/director/1.root.json
[image]
url = https://localhost:$1/repo/
root = fleet/repo/1.root.json
[time]
url = https://localhost:$1/time
[tls]
ca = fleet/pki/ca.pem
certificate = fleet/pki/VIN-1.pem
key = fleet/pki/VIN-1.key
[limits]
ecu_deadline_s = 3
boot_deadline_s = 3
[bus can0]
link = bus:$bus_path
fd = ${fd:-no}
[ecu brake]
bus = can0
hardware_id = brake-hw
verification = partial
request_id = 0x7E0
response_id = 0x7E8
END
    isoctane-primary -c isoctane.conf provision --image tcu-1.bin --name tcu/fw-1.bin --release-counter 1
}

# Runs COMMAND in the background until the file LOG has READY; its process is then $started. No word when it is killed.
start() { # LOG READY COMMAND...
    local log=$1 ready=$2
    shift 2
    : >"$log"
    "$@" >>"$log" 2>&1 &
    started=$!
    disown $started
    local tries=0
    until grep -q "$ready" "$log"; do
        tries=$((tries + 1))
        { [ $tries -lt 6000 ] && kill -0 $started 2>/dev/null; } || return
        sleep 0.01
    done
}

stop() { # PID...
    local p
    kill "$@" 2>/dev/null
    for p; do while kill -0 "$p" 2>/dev/null; do sleep 0.01; done; done
}
