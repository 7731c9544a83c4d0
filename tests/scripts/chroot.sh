# SPDX-License-Identifier: MIT
# chroot.sh - makes a chroot with a bare system, and removes it at the end; sourced by fresh_machine.sh and
# arm64.sh.
#
# The sourcing script runs again in a mount namespace of its own: the mounts are invisible to this machine and
# end with the script. Then $root is the chroot, $name and $title are its system, and inside() runs a command
# in it. DEBIAN names the system: bookworm (the default), trixie or noble. FRESH_DIR names a folder that keeps
# the bare system and the downloaded packages, so that the next run starts sooner; by default everything is
# removed at the end.
# shellcheck shell=sh

if [ "$(id -u)" -ne 0 ]; then
    echo "$0: debootstrap and chroot require root" >&2
    exit 1
fi
if [ -z "${CHROOT_IS_APART:-}" ]; then
    CHROOT_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi

name=${DEBIAN:-bookworm}
# shellcheck disable=SC2034 # the sourcing script prints it
title=$(tests/scripts/bare_system.sh --title "$name")
root=$(mktemp -d)
# Like the root of a real machine: open to every user, and a mount point. Some tests run programs as
# another user, and some mount over a file.
chmod 755 "$root"
mount --bind "$root" "$root"

finish() {
    trap - EXIT INT TERM
    for mount in var/cache/apt/archives proc dev/shm dev/pts dev .; do
        if mountpoint -q "$root/$mount"; then umount -l "$root/$mount" || true; fi
    done
    rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 130' INT TERM

make_bare() {
    tests/scripts/bare_system.sh "$name" "$root" git make gcc libc6-dev
}

make_or_reuse_bare() {
    kept=$FRESH_DIR/$name.tar
    mkdir -p "$FRESH_DIR/$name-packages"
    if [ -f "$kept" ]; then
        tar -C "$root" --numeric-owner -xf "$kept"
    else
        make_bare
        tar -C "$root" --numeric-owner -cf "$kept.new" .
        mv "$kept.new" "$kept"
    fi
    mount --bind "$FRESH_DIR/$name-packages" "$root/var/cache/apt/archives"
}

inside() { # [VARIABLE=VALUE]... COMMAND...
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

if [ -n "${FRESH_DIR:-}" ]; then make_or_reuse_bare; else make_bare; fi
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts" # some tests need a terminal
mount -t tmpfs tmpfs "$root/dev/shm"
git clone -q . "$root/root/emailsd"
