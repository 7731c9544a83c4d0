#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh - tests the package under systemd in a booted Debian 12.
#
# Installs the package of this tree, and lets systemd start, watch, reload, kill, restart, activate,
# upgrade and remove the service. steps.py has the steps. Requires root, a Debian mirror and 1 GB of
# disk; takes two to four minutes.
#
# The machine is a container of systemd-nspawn: the kernel of this machine, but processes, mounts,
# network and control groups of its own. It has no filter of system calls other than those of the unit
# and the daemon. Nothing is installed or started outside of it, and this machine needs no systemd.
#
# SYSTEMD_CHECK_DIR names a folder to work in and to keep, so that the next run re-uses the bare Debian;
# by default all files are removed at the end. Exit status 77: this machine cannot boot such a
# container, and nothing was tested.
set -eu

cannot() {
    echo "tests/systemd/check.sh: cannot run here: $*" >&2
    exit 77
}

[ "$(id -u)" -eq 0 ] || cannot "debootstrap and systemd-nspawn want root"
for program in debootstrap dpkg-buildpackage nsenter systemd-nspawn; do
    command -v $program >/dev/null || cannot "$program is missing; make systemd-check installs it"
done
unshare --mount --net true 2>/dev/null || cannot "no namespaces for us"
# A mount namespace of its own: mounts below are invisible to this machine and end with the script.
if [ -z "${SYSTEMD_CHECK_IS_APART:-}" ]; then
    SYSTEMD_CHECK_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi

cd "$(dirname "$0")/../.."
began=$(date +%s)
sim=${SIM_BIN:-build/release/openmart-sim}
keep=${SYSTEMD_CHECK_DIR:-}
dir=${keep:-$(mktemp -d)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
base_tar=$dir/base-bookworm.tar
root=$dir/root
# nspawn's own filter would hide gaps in the unit's filter.
export SYSTEMD_SECCOMP=0
group=
nspawn_pid=
first_pid=

finish() {
    status=$?
    trap - EXIT INT TERM
    if [ -n "$nspawn_pid" ]; then
        # When its first process ends, the kernel ends all others of the machine.
        [ -z "$first_pid" ] || kill -KILL "$first_pid" 2>/dev/null || true
        kill -KILL "$nspawn_pid" 2>/dev/null || true
        wait "$nspawn_pid" 2>/dev/null || true
    fi
    # The kernel still ends them after the first process is gone.
    tries=200
    while [ -d "$group" ] && ! find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || break
        sleep 0.05
    done
    rm -rf --one-file-system "$root" "$dir/deb" "$dir/next"
    [ -n "$keep" ] || rm -rf --one-file-system "$dir"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
    echo "FAIL $*"
    exit 1
}

# Runs a command whose output is printed only after a failure.
quietly() { # LOG COMMAND...
    log=$dir/$1
    shift
    "$@" >"$log" 2>&1 </dev/null || {
        tail -40 "$log" >&2
        fail "$*"
    }
}

# Repeats a command until it succeeds, for at most 60 s, or until the machine is gone.
until_done() {
    tries=1200
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        kill -0 "$nspawn_pid" 2>/dev/null || return 1
        sleep 0.05
    done
}

now_ms() {
    date +%s%3N
}

# In a control group of its own below the current one, so that nspawn moves no other process.
# shellcheck disable=SC2016 # the inner shell expands it
nspawn='echo $$ >"$0/cgroup.procs" &&
    exec systemd-nspawn --register=no --keep-unit --resolv-conf=off --timezone=off --capability=all "$@"'

in_chroot() { # COMMAND...
    sh -c "$nspawn" "$group" -D "$root" --pipe --setenv=DEBIAN_FRONTEND=noninteractive "$@"
}

# ---- requirements ----

# The container needs the unified hierarchy, whatever this machine mounts there.
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || cannot "no cgroup2 for us"
group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/emailsd-check-$$
mkdir "$group" 2>/dev/null || {
    group=
    cannot "no control groups of our own"
}

# ---- the bare Debian ----

can_enter() {
    in_chroot true >"$dir/enter.log" 2>&1 </dev/null || {
        tail -5 "$dir/enter.log" >&2
        cannot "systemd-nspawn starts no container; its words stand above"
    }
}

make_base() {
    rm -rf --one-file-system "$root"
    quietly debootstrap.log tests/scripts/bare_system.sh bookworm "$root" systemd systemd-sysv dbus
    # With the dependencies of the package, so that it can be installed without a network.
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    can_enter
    quietly apt.log in_chroot apt-get -q update
    install_and_purge
    rm -rf "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" --numeric-owner -cf "$base_tar.new" .
    mv "$base_tar.new" "$base_tar"
}

install_and_purge() {
    cp "$deb" "$root/root/emailsd.deb"
    quietly apt.log in_chroot \
        apt-get -q -y install --no-install-recommends /root/emailsd.deb
    quietly apt.log in_chroot dpkg --purge emailsd
}

version=$(dpkg-parsechangelog -S Version)
deb=$(tests/scripts/build_deb.sh "$dir/deb") || fail "the package is built"
next=$(tests/scripts/build_deb.sh "$dir/next" "$version+1") || fail "the next package is built"
[ -x "$sim" ] || fail "there is a simulator, $sim"
if [ ! -f "$base_tar" ]; then
    make_base
else
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    tar -C "$root" --numeric-owner -xf "$base_tar"
    can_enter
    install_and_purge
fi
cp "$next" "$root/root/emailsd-next.deb"
install -m 0755 "$sim" "$root/usr/local/bin/openmart-sim"
echo "ok   a bare Debian with systemd, and $(basename "$deb") and $(basename "$next") beside it"

# ---- its lifecycle ----

inside() {
    nsenter --target "$first_pid" --mount --uts --ipc --net --pid --cgroup "$@"
}

is_up() {
    # nspawn has one child: process 1 of the machine, as soon as it runs systemd.
    first_pid=$(cat "/proc/$nspawn_pid/task/$nspawn_pid/children")
    first_pid=${first_pid% }
    [ "$(cat "/proc/$first_pid/comm")" = systemd ] && [ "$(inside cat /proc/1/comm)" = systemd ] &&
        inside test -S /run/systemd/private
}

boot() {
    before=$(now_ms)
    sh -c "$nspawn" "$group" -D "$root" --boot --private-network --console=pipe \
        >"$dir/console.log" 2>&1 </dev/null &
    nspawn_pid=$!
    until_done is_up || {
        tail -40 "$dir/console.log" >&2
        first_pid=
        [ -z "$1" ] || fail "$1"
        cannot "systemd does not start in a container; its last words stand above"
    }
    # Failed units of the container are ignored here; the steps check emailsd's units.
    state=$(inside timeout 60 systemctl is-system-running --wait) || inside systemctl --failed >&2
    case $state in
    running | degraded) ;;
    *) fail "the machine boots: $state" ;;
    esac
    echo "ok   $(inside systemctl --version | head -n 1) is process 1; booted in $(($(now_ms) - before)) ms"
}

# Stops every service first, as an operator who switches the machine off.
switch_off() {
    inside systemctl --no-block poweroff 2>/dev/null || true # the bus may be gone before it answers
    tries=1200
    while kill -0 "$nspawn_pid" 2>/dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "the machine switches itself off within 60 s"
        sleep 0.05
    done
    wait "$nspawn_pid" || fail "the machine switches itself off"
    nspawn_pid=
    first_pid=
}

# The steps call the daemon in the machine's network, and its systemd through nsenter.
steps() {
    nsenter --target "$first_pid" --net "${PYTHON:-/usr/bin/python3}" -B tests/systemd/steps.py \
        "$first_pid" "$@"
}

boot ""
steps first
before=$(now_ms)
switch_off
echo "ok   it switches itself off in $(($(now_ms) - before)) ms"
boot "the machine boots again"
steps second
switch_off

echo "ok   all of it in $(($(date +%s) - began)) s"
