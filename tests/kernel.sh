#!/bin/bash
# Runs a command under Debian's own kernel in QEMU, where vcan0, vcan1 and the kernel's ISO-TP (can-isotp) exist. The guest
# has this file system as its root, for reading; a folder in memory lies over it, so that the command may write and nothing
# stays. Needs no root and installs nothing: kernel and modules are unpacked below BUILD. Prints the command's output and
# returns its exit status; 77: not possible here; 124: the time was up.
# Usage: [KERNEL_SECONDS=300] [BUILD=build] tests/kernel.sh COMMAND [ARGUMENT...]
set -u
limit=${KERNEL_SECONDS:-300}
kernel=$(realpath -m "${BUILD:-build}")/kernel
if [ $# = 0 ]; then
    sed -n '2,6s/^# //p' "$0"
    exit 64
fi
skip() {
    echo "skipped: $1"
    exit 77
}
for tool in qemu-system-x86_64 busybox ip apt-get dpkg-deb cpio; do
    command -v "$tool" >/dev/null || skip "no $tool (Debian: apt-get install qemu-system-x86 busybox-static iproute2 cpio)"
done
[ "$(dpkg --print-architecture)" = amd64 ] || skip "the guest runs this machine's programs, so that has to be an amd64 one"

# Modules in the order in which they need each other.
modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci netfs fscache 9pnet 9pnet_virtio 9p
overlay can can-raw can-gw can-isotp can-dev vcan"
modules=${modules//$'\n'/ }

unpack_kernel() {
    local package
    package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image/ { print $2 }')
    [ -n "$package" ] || skip "no package linux-image-amd64 (apt-get update?)"
    rm -rf "$kernel" && mkdir -p "$kernel/initramfs/bin" || return
    (cd "$kernel" && apt-get download -qq "$package" 2>/dev/null) || skip "$package cannot be downloaded"
    dpkg-deb -x "$kernel/$package"_*.deb "$kernel/package" || return
    mv "$kernel"/package/boot/vmlinuz-* "$kernel/vmlinuz" || return
    for m in $modules; do
        find "$kernel/package" -name "$m.ko" -exec cp {} "$kernel/initramfs/" \; || return
    done
    cp "$(command -v busybox)" "$kernel/initramfs/bin/busybox"
    cat >"$kernel/initramfs/init" <<EOF_INIT
#!/bin/busybox sh
/bin/busybox mkdir /host /new /proc /up
for m in $modules; do
    [ ! -f /\$m.ko ] || /bin/busybox insmod /\$m.ko
done
nine=trans=virtio,version=9p2000.L,msize=524288
/bin/busybox mount -t 9p -o \$nine,ro,cache=loose host /host
/bin/busybox mount -t tmpfs up /up
/bin/busybox mkdir /up/upper /up/work
/bin/busybox mount -t overlay -o lowerdir=/host,upperdir=/up/upper,workdir=/up/work root /new
/bin/busybox mkdir -p /new/mnt/exchange
/bin/busybox mount -t 9p -o \$nine exchange /new/mnt/exchange
exec /bin/busybox switch_root /new /bin/bash /mnt/exchange/init
EOF_INIT
    chmod +x "$kernel/initramfs/init"
    (cd "$kernel/initramfs" && find . | cpio -o -H newc --quiet) >"$kernel/initramfs.cpio" || return
    rm -rf "$kernel/package" "$kernel/$package"_*.deb "$kernel/initramfs"
    touch "$kernel/ready"
}
[ -f "$kernel/ready" ] || unpack_kernel || { echo "kernel: cannot be unpacked" >&2; exit 70; }

exchange=$(mktemp -d) || exit 70
trap 'rm -rf "$exchange"' EXIT
{
    export -p
    printf 'cd %q\n' "$PWD"
    printf 'command=('
    printf '%q ' "$@"
    echo ')'
    cat <<'EOF_GUEST'
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
exec </dev/null >/mnt/exchange/out 2>&1
for i in vcan0 vcan1; do
    ip link add "$i" type vcan && ip link set "$i" mtu 72 && ip link set "$i" up
done
ip link set lo up
export ISOCTANE_CAN=vcan0 ISOCTANE_KERNEL=1 TMPDIR=/tmp
"${command[@]}"
echo $? >/mnt/exchange/status
sync
busybox poweroff -f >/dev/null 2>&1
EOF_GUEST
} >"$exchange/init"

share() { # TAG PATH MORE
    echo "local,path=$2,mount_tag=$1,security_model=none,multidevs=remap$3"
}
timeout -k 5 "$limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -display none -nodefaults -no-reboot \
    -net none -kernel "$kernel/vmlinuz" -initrd "$kernel/initramfs.cpio" \
    -append "console=ttyS0 quiet panic=-1 loglevel=4" -serial "file:$exchange/boot" \
    -virtfs "$(share host / ,readonly=on)" -virtfs "$(share exchange "$exchange" "")" </dev/null >"$exchange/qemu" 2>&1
status=$?
[ ! -f "$exchange/out" ] || cat "$exchange/out"
if [ -f "$exchange/status" ]; then
    status=$(cat "$exchange/status")
elif [ $status = 124 ]; then
    echo "kernel: not finished within $limit s" >&2
else
    echo "kernel: the guest ended without a verdict; its console said:" >&2
    tail -n 30 "$exchange/boot" "$exchange/qemu" >&2
    status=70
fi
exit "$status"
