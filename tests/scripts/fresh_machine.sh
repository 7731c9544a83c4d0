#!/bin/sh
# SPDX-License-Identifier: MIT
# fresh_machine.sh - runs the README's two commands on a bare Debian 12.
#
# The bare Debian is a debootstrap chroot with git, make and a C compiler only. Requires root and a
# Debian mirror.
#
# FRESH_TARGETS names the make targets to run (default: demo check).
set -eu

if [ "$(id -u)" -ne 0 ]; then
    echo "fresh_machine.sh: debootstrap and chroot require root" >&2
    exit 1
fi
# A mount namespace of its own: mounts below are invisible to this machine and end with the script.
if [ -z "${FRESH_IS_APART:-}" ]; then
    FRESH_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi
command -v debootstrap >/dev/null || apt-get -q -y install --no-install-recommends debootstrap

tree=$(pwd)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
root=$(mktemp -d)
# Like the root of a real machine: open to every user, and a mount point. Some tests run programs as
# another user, and some mount over a file.
chmod 755 "$root"
mount --bind "$root" "$root"

finish() {
    trap - EXIT INT TERM
    for mount in proc dev/shm dev .; do
        if mountpoint -q "$root/$mount"; then umount -l "$root/$mount" || true; fi
    done
    rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 130' INT TERM

debootstrap --variant=minbase --include=git,make,gcc,libc6-dev bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -20 "$root.log" >&2
    exit 1
}
rm -f "$root.log"
# The update and security suites, which every real machine has and debootstrap leaves out.
cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/" 2>/dev/null &&
    rm -f "$root/etc/apt/sources.list"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"

git clone -q "$tree" "$root/root/emailsd"
for target in ${FRESH_TARGETS:-demo check}; do
    echo "== make $target, on a bare Debian 12"
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        make -C /root/emailsd --no-print-directory "$target"
done
echo "fresh: ${FRESH_TARGETS:-demo check} succeeded on a bare Debian 12"
