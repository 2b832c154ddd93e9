#!/bin/bash
# Runs a command where vcan0 and vcan1 exist and are up, with CAN FD: in a network namespace of its own when this kernel
# has vcan, else in User Mode Linux, which boots as an ordinary process with this file system as its root. Neither changes
# this host's network, and neither needs root. Prints the command's output and returns its exit status; 77: not possible
# here; 124: the time was up.
# Usage: [VCAN_SECONDS=120] tests/vcan.sh COMMAND [ARGUMENT...]
set -u
limit=${VCAN_SECONDS:-120}
if [ $# = 0 ]; then
    sed -n '2,6s/^# //p' "$0"
    exit 64
fi

# Handed to the shell that runs in the namespace or in User Mode Linux.
# shellcheck disable=SC2317
bring_up() {
    for i in vcan0 vcan1; do
        ip link add "$i" type vcan && ip link set "$i" mtu 72 && ip link set "$i" up || return
    done
    ip link set lo up
}

in_namespace() { # COMMAND...
    local root=()
    [ "$(id -u)" = 0 ] || root=(--map-root-user)
    timeout -k 5 "$limit" unshare "${root[@]}" --net -- \
        bash -c "$(declare -f bring_up); bring_up 2>/dev/null || exit 79; exec \"\$@\"" vcan "$@"
}

# The first process of User Mode Linux. Leaves OUT and STATUS in FOLDER.
write_init() { # FOLDER COMMAND...
    local folder=$1
    shift
    {
        echo '#!/bin/bash'
        export -p
        declare -f bring_up
        printf 'cd %q\n' "$PWD"
        printf 'folder=%q\n' "$folder"
        printf 'command=('
        printf '%q ' "$@"
        echo ')'
        cat <<'EOF_INIT'
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/null >"$folder/out" 2>&1
for m in net/can/can net/can/can-raw net/can/can-gw drivers/net/can/dev/can-dev drivers/net/can/vcan; do
    busybox insmod /usr/lib/uml/modules/*/kernel/$m.ko
done
bring_up && { "${command[@]}"; echo $? >"$folder/status"; }
sync
busybox poweroff -f >/dev/null 2>&1
EOF_INIT
    } >"$folder/init"
    chmod +x "$folder/init"
}

in_user_mode_linux() { # COMMAND...
    local status
    folder=$(mktemp -d) || return
    trap 'rm -rf "$folder"' EXIT
    write_init "$folder" "$@"
    timeout -k 5 "$limit" linux.uml mem=512M root=/dev/root rootfstype=hostfs rootflags=/ rw init="$folder/init" \
        uml_dir="$folder" con=null con0=fd:0,fd:1 quiet </dev/null >"$folder/boot" 2>&1
    status=$?
    [ ! -f "$folder/out" ] || cat "$folder/out"
    if [ -f "$folder/status" ]; then
        status=$(cat "$folder/status")
    elif [ $status != 124 ]; then
        echo "vcan: User Mode Linux ended without a verdict; its console said:" >&2
        cat "$folder/boot" >&2
        status=70
    fi
    return "$status"
}

export ISOCTANE_CAN=${ISOCTANE_CAN:-vcan0}
if in_namespace true >/dev/null 2>&1; then
    in_namespace "$@"
elif command -v linux.uml >/dev/null && command -v busybox >/dev/null && command -v ip >/dev/null; then
    in_user_mode_linux "$@"
else
    echo "skipped: this kernel has no vcan (or namespaces are not allowed), and User Mode Linux is not installed" \
        "(Debian: apt-get install user-mode-linux busybox-static iproute2)"
    exit 77
fi
status=$?
[ $status != 124 ] || echo "vcan: not finished within $limit s" >&2
exit $status
