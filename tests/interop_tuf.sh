#!/bin/bash
# securesystemslib (keys, canonical form and signatures of TUF's own project) authors plain TUF repositories, Python's
# plain HTTP/1.0 server serves them, isoctane-tuf follows them; libfaketime moves its clock. Files are indented, or in the
# order in which a program happened to write them.
# Exit status 77 when securesystemslib or faketime is not installed.
# Usage: [BUILD=build] tests/interop_tuf.sh
set -eu
build=${BUILD:-build}
python=
for p in /usr/bin/python3 python3; do
    "$p" -c 'import securesystemslib.keys, nacl' 2>/dev/null && python=$p && break
done
if [ -z "$python" ] || ! command -v faketime >/dev/null; then
    echo "skipped: securesystemslib or faketime is not installed" \
        "(Debian: apt-get install python3-securesystemslib python3-nacl faketime)"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Under AddressSanitizer, libfaketime is loaded in front of its runtime.
export ASAN_OPTIONS=verify_asan_link_order=0
timeout -k 1 170 "$python" tests/interop_tuf.py "$folder" "$(realpath "$build")/isoctane-tuf"
