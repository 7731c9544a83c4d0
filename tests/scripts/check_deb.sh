#!/bin/sh
# SPDX-License-Identifier: MIT
# check_deb.sh - builds the Debian package, checks it with lintian, and tests its lifecycle in a bare
# Debian.
#
# The lifecycle: install, start, a lookup, upgrade, the same lookup from the store, removal and purge,
# which must leave no file. Then the bare Debian builds the package twice from its own Build-Depends;
# both builds must be identical. Requires root and a Debian mirror. Takes five to eight minutes. The
# package is stored in build/deb/.
set -eu

if [ "$(id -u)" -ne 0 ]; then
    echo "check_deb.sh: debootstrap and chroot require root" >&2
    exit 1
fi
# A mount namespace of its own: mounts below are invisible to this machine and end with the script.
if [ -z "${CHECK_DEB_IS_APART:-}" ]; then
    CHECK_DEB_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi
tree=$(pwd)
dir=$(mktemp -d)
root=$dir/root
simulator=
: >"$dir/log"

finish() {
    status=$?
    trap - EXIT INT TERM
    [ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true
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
client=$(echo "$dir/$version"/emailsd-client_*.deb)
mkdir -p "$tree/build/deb"
cp "$old" "$client" "$tree/build/deb/"
echo "ok   built: $(basename "$old"), $(stat -c %s "$old") bytes"

dpkg-deb -x "$old" "$dir/packaged"
tests/scripts/check_hardening.sh --self-test
tests/scripts/check_hardening.sh "$dir/packaged/usr/bin/emailsd" "$dir/$version/tree/build/release/emailsd"
dpkg-deb -x "$client" "$dir/packaged"
tests/scripts/check_hardening.sh "$dir/packaged/usr/bin/emails" "$dir/$version/tree/build/release/emails"
echo "ok   every file of the packaged programs is hardened"

lintian --fail-on error,warning --info "$dir/$version"/*.changes >"$dir/log" 2>&1
echo "ok   lintian reports nothing"

# ---- a bare Debian

tests/scripts/bare_system.sh bookworm "$root"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
inside() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@" >"$dir/log" 2>&1
}
# Installed before the package, so that the lists differ by the package alone.
inside apt-get -q update
cp "$old" "$root/old.deb"
cp "$new" "$root/new.deb"
cp "$client" "$root/client.deb"
inside apt-get -q -y install --no-install-recommends ./old.deb
inside dpkg --purge emailsd
inside dpkg -i client.deb
inside emails --version
for file in usr/bin/emails usr/share/man/man1/emails.1.gz usr/share/bash-completion/completions/emails; do
    [ -e "$root/$file" ] || fail "/$file is not in the package of the client"
done
inside dpkg --purge emailsd-client
echo "ok   the client alone: installed, starts, purged"
files() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./var/cache -o -path ./var/log \
        -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./tmp \) -prune -o -print | sort)
    cut -d: -f1 "$root/etc/passwd"
}
files >"$dir/before"

# ---- its lifecycle

inside dpkg -i old.deb
inside emailsd --version
inside env OPENMART_API_KEY=k EMAILSD_CONFIG=/etc/emailsd/emailsd.conf emailsd --check-config
for file in usr/bin/emailsd usr/share/man/man8/emailsd.8.gz usr/share/man/man5/emailsd.conf.5.gz \
    usr/share/bash-completion/completions/emailsd usr/share/emailsd/consumer-mail-domains.txt \
    lib/systemd/system/emailsd.service \
    lib/systemd/system/emailsd.socket etc/emailsd/emailsd.conf; do
    [ -e "$root/$file" ] || [ -e "$root/usr/$file" ] || fail "/$file is not in the package"
done
[ -L "$root/etc/systemd/system/multi-user.target.wants/emailsd.service" ] || fail "the service is not enabled"
[ ! -e "$root/etc/systemd/system/sockets.target.wants/emailsd.socket" ] || fail "the socket is enabled"
echo "ok   installed; the service starts with the system, once it has a key"

# As the unit starts it, without the manager: another user, a key file and a state folder. The chroot
# shares the network of this machine and so reaches the simulator.
until_said() { # FILE PID WHAT: prints the address of WHAT
    for _ in $(seq 100); do
        [ ! -s "$1" ] || break
        kill -0 "$2" 2>/dev/null || fail "$3 ended instead of getting ready"
        sleep 0.1
    done
    [ -s "$1" ] || fail "$3 did not get ready within 10 s"
    sed -n 's|^.* ready on http://||p' "$1"
}
"$dir/$version/tree/build/release/openmart-sim" --listen 127.0.0.1:0 --api-key k --submit-delay 0 --task-time 0 \
    >"$dir/sim" 2>"$dir/log" &
simulator=$!
upstream=$(until_said "$dir/sim" $simulator "the simulator")
install -d -o 65534 -g 65534 -m 0700 "$root/var/lib/emailsd"
printf 'k\n' >"$root/var/lib/emailsd/key"
chown 65534:65534 "$root/var/lib/emailsd/key"
chmod 0400 "$root/var/lib/emailsd/key"
serve() {
    : >"$dir/ready"
    chroot --userspec=65534:65534 "$root" env -i PATH=/usr/bin:/bin STATE_DIRECTORY=/var/lib/emailsd \
        EMAILSD_CONFIG=/etc/emailsd/emailsd.conf EMAILSD_LISTEN=127.0.0.1:0 \
        emailsd --api-key-file /var/lib/emailsd/key --upstream-url "http://$upstream" \
        >"$dir/ready" 2>"$dir/log" &
    daemon=$!
    address=$(until_said "$dir/ready" $daemon emailsd)
    [ -n "$address" ] || fail "emailsd did not get ready"
}
look_up() { # HOW: the parameter of Cache-Status
    curl -sS -i --noproxy '*' --max-time 60 "http://$address/emails?domain=milvali.com" >"$dir/answer"
    for line in 'HTTP/1.1 200 ' "Cache-Status: emailsd; $1"; do
        grep -q "^$line" "$dir/answer" || fail "the lookup is not $1: $(cat "$dir/answer")"
    done
}
end() {
    kill -TERM $daemon
    wait $daemon || fail "emailsd ended with status $?"
}
serve
inside emailsd healthcheck --listen "$address"
look_up fwd=
end
echo "ok   starts as another user, is healthy, serves a lookup, ends with status 0"

echo '# a local change' >>"$root/etc/emailsd/emailsd.conf"
printf 'k\n' >"$root/etc/emailsd/openmart-api-key"
inside dpkg -i new.deb
inside emailsd --version
grep -q "($version+1)" "$dir/log" || fail "the upgrade did not change the version"
grep -q 'a local change' "$root/etc/emailsd/emailsd.conf" || fail "the upgrade overwrote the configuration"
serve
look_up hit
end
kept="etc/emailsd/emailsd.conf etc/emailsd/openmart-api-key var/lib/emailsd/emailsd.db"
inside dpkg --remove emailsd
for file in $kept; do
    [ -e "$root/$file" ] || fail "the removal took /$file away"
done
inside dpkg --purge emailsd
files >"$dir/after"
diff "$dir/before" "$dir/after" >&2 || fail "the purge left files, or removed too many"
echo "ok   the next version serves the stored results and keeps the configuration; the purge leaves no file"

# ---- built from its Build-Depends

build_at() { # PLACE UMASK VARIABLE...
    place=$1 mask=$2
    shift 2
    # shellcheck disable=SC2016 # the inner shell expands it
    inside env "$@" sh -c 'umask "$0"; cd "$1" && dpkg-buildpackage -b -us -uc' "$mask" "$place/tree"
}
for place in srv/a srv/a-much-longer-name/of-a-folder; do
    mkdir -p "$root/$place/tree"
    git ls-files -z | tar -c --null -T - | tar -x -C "$root/$place/tree"
done
inside apt-get -q -y build-dep --no-install-recommends /srv/a/tree
build_at /srv/a 022 TZ=UTC DEB_BUILD_OPTIONS=parallel=1
build_at /srv/a-much-longer-name/of-a-folder 077 TZ=Asia/Tokyo LANG=C HOME=/nonexistent
for deb in "$root"/srv/a/*.deb; do
    cmp "$deb" "$root/srv/a-much-longer-name/of-a-folder/$(basename "$deb")"
    echo "ok   built from its Build-Depends, in two folders: $(basename "$deb") $(sha256sum "$deb" | cut -c1-16)"
done
