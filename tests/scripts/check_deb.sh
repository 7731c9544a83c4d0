#!/bin/sh
# SPDX-License-Identifier: MIT
# check_deb.sh - builds the Debian package, lets lintian look at it, and tries its life in a bare
# Debian: install, start, upgrade, removal, purge, and nothing left behind. Wants root and Debian's
# mirror; takes about three minutes. The package is kept in build/deb/.
set -eu

if [ "$(id -u)" -ne 0 ]; then
    echo "check_deb.sh: debootstrap and chroot want root" >&2
    exit 1
fi
# A mount namespace of its own: nothing that is mounted below can be seen by, or stay on, this machine.
if [ -z "${CHECK_DEB_IS_APART:-}" ]; then
    CHECK_DEB_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
tree=$(pwd)
dir=$(mktemp -d)
root=$dir/root
: >"$dir/log"

finish() {
    status=$?
    trap - EXIT INT TERM
    for mount in proc dev/shm dev; do
        if mountpoint -q "$root/$mount"; then umount "$root/$mount"; fi
    done
    [ $status -eq 0 ] || tail -30 "$dir/log" >&2 || true
    rm -rf --one-file-system "$dir"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
    echo "check_deb.sh: $*" >&2
    exit 1
}

# ---- build

version=$(dpkg-parsechangelog -S Version)
[ "$version" = "$(sed -n 's/^VERSION := //p' Makefile)" ] || fail "debian/changelog has another version than the Makefile"
old=$(tests/scripts/build_deb.sh "$dir/$version")
new=$(tests/scripts/build_deb.sh "$dir/$version+1" "$version+1")
mkdir -p "$tree/build/deb"
cp "$old" "$tree/build/deb/"
echo "ok   built: $(basename "$old"), $(stat -c %s "$old") bytes"

lintian --fail-on error,warning --info "$dir/$version"/*.changes >"$dir/log" 2>&1
echo "ok   lintian has nothing to say"

# ---- a bare Debian

debootstrap --variant=minbase bookworm "$root" "$mirror" >"$dir/log" 2>&1
cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/" 2>/dev/null &&
    rm -f "$root/etc/apt/sources.list"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
inside() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@" >"$dir/log" 2>&1
}
# What the package depends on comes first, so that the lists differ by the package alone.
inside apt-get -q update
cp "$old" "$root/old.deb"
cp "$new" "$root/new.deb"
inside apt-get -q -y install --no-install-recommends ./old.deb
inside dpkg --purge emailsd
files() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./var/cache -o -path ./var/log \
        -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./tmp \) -prune -o -print | sort)
    cut -d: -f1 "$root/etc/passwd"
}
files >"$dir/before"

# ---- its life

inside dpkg -i old.deb
inside emailsd --version
inside env OPENMART_API_KEY=k EMAILSD_CONFIG=/etc/emailsd/emailsd.conf emailsd --check-config
for file in usr/bin/emailsd usr/share/man/man8/emailsd.8.gz usr/share/man/man5/emailsd.conf.5.gz \
    usr/share/bash-completion/completions/emailsd lib/systemd/system/emailsd.service \
    lib/systemd/system/emailsd.socket etc/emailsd/emailsd.conf; do
    [ -e "$root/$file" ] || [ -e "$root/usr/$file" ] || fail "/$file is not in the package"
done
[ -L "$root/etc/systemd/system/multi-user.target.wants/emailsd.service" ] || fail "the service is not enabled"
[ ! -e "$root/etc/systemd/system/sockets.target.wants/emailsd.socket" ] || fail "the socket is enabled"
echo "ok   installed; the service starts with the system, once it has a key"

# As the unit starts it, without the manager: another user, a key file of its own, a state folder.
install -d -o 65534 -g 65534 -m 0700 "$root/var/lib/emailsd"
printf 'k\n' >"$root/var/lib/emailsd/key"
chown 65534:65534 "$root/var/lib/emailsd/key"
chmod 0400 "$root/var/lib/emailsd/key"
chroot --userspec=65534:65534 "$root" env -i PATH=/usr/bin:/bin STATE_DIRECTORY=/var/lib/emailsd \
    EMAILSD_CONFIG=/etc/emailsd/emailsd.conf EMAILSD_LISTEN=127.0.0.1:0 \
    emailsd --api-key-file /var/lib/emailsd/key --upstream-url http://127.0.0.1:9 \
    >"$dir/ready" 2>"$dir/log" &
daemon=$!
for _ in $(seq 100); do
    [ ! -s "$dir/ready" ] || break
    kill -0 $daemon 2>/dev/null || fail "it ended instead of getting ready"
    sleep 0.1
done
address=$(sed -n 's|^emailsd ready on http://||p' "$dir/ready")
[ -n "$address" ] || fail "it did not get ready"
inside emailsd healthcheck --listen "$address"
kill -TERM $daemon
wait $daemon || fail "it ended with status $?"
[ -e "$root/var/lib/emailsd/emailsd.db" ] || fail "there is no store"
echo "ok   starts as another user, is healthy, ends with status 0"

echo '# a change of ours' >>"$root/etc/emailsd/emailsd.conf"
inside dpkg -i new.deb
grep -q 'a change of ours' "$root/etc/emailsd/emailsd.conf" || fail "the upgrade overwrote the configuration"
[ -e "$root/var/lib/emailsd/emailsd.db" ] || fail "the upgrade took the store away"
inside dpkg --remove emailsd
[ -e "$root/etc/emailsd/emailsd.conf" ] || fail "the removal took the configuration away"
[ -e "$root/var/lib/emailsd/emailsd.db" ] || fail "the removal took the store away"
inside dpkg --purge emailsd
files >"$dir/after"
diff "$dir/before" "$dir/after" >&2 || fail "the purge left something, or took too much"
echo "ok   upgraded with its configuration and its store kept; purged without a trace"
