#!/bin/sh
# SPDX-License-Identifier: MIT
# install_deps.sh [--check] GROUP... - installs the missing Debian packages of the groups.
#
# If no package is missing, prints nothing and needs no root. With --check, lists the missing packages
# and fails. Uses root for apt-get only: directly, or through sudo if it is installed. --self-test asks
# for groups on a machine without any package and expects every package of each group to be listed.
#
# All names are the same on Debian 12, Debian 13 and Ubuntu 24.04. FOREIGN=arm64 or amd64 installs the
# libraries for that architecture, and its compiler; dpkg and apt must know it already (dpkg
# --add-architecture).
set -eu

groups="build test lint package boot slow fuzz cover browser"

build="pkg-config libmicrohttpd-dev libcurl4-openssl-dev libcjson-dev libidn2-dev libpsl-dev
    libunistring-dev libssl-dev libsqlite3-dev libpq-dev libseccomp-dev libinih-dev uthash-dev libsystemd-dev libgnutls28-dev
    zlib1g-dev publicsuffix ca-certificates"
test="check python3 python3-pytest python3-pytest-xdist python3-yaml python3-jsonschema python3-requests curl jq strace
    nginx-light varnish haproxy prometheus bash-completion zsh fish tmux w3m openssl nftables iproute2 faketime devscripts checksec
    systemd postgresql pgbouncer"
lint="clang mandoc clang-format clang-tidy clang-tools cppcheck shellcheck pyflakes3 npm"
package="debhelper devscripts dpkg-dev fakeroot lintian debootstrap checksec curl"
boot="systemd-container debootstrap openssl"
slow="slowhttptest"
fuzz="clang libclang-rt-dev"
cover="gcovr"
browser="chromium"

# A group together with "build" requires the packages of both.
self_test() {
    bare=$(mktemp -d)
    trap 'rm -rf "$bare"' EXIT
    printf '#!/bin/sh\nexit 1\n' >"$bare/dpkg-query"
    chmod 755 "$bare/dpkg-query"
    missing_of() {
        PATH=$bare:$PATH "$0" --check "$@" 2>&1 | sed -n 's/^Missing: //p' | tr ' ' '\n' | sort -u
    }
    for group in $groups; do
        alone=$(missing_of "$group")
        expected=$(printf '%s\n%s\n' "$(missing_of build)" "$alone" | sort -u)
        if [ -z "$alone" ] || [ "$(missing_of build "$group")" != "$expected" ]; then
            echo "install_deps.sh: self-test: 'build $group' does not name the packages of both" >&2
            exit 1
        fi
    done
    status=0
    FOREIGN=none "$0" --check build >/dev/null 2>&1 || status=$?
    [ $status -eq 2 ] || {
        echo "install_deps.sh: self-test: an unknown architecture ends with status $status, not 2" >&2
        exit 1
    }
}
if [ "${1:-}" = --self-test ]; then
    self_test
    exit 0
fi

only_check=no
if [ "${1:-}" = --check ]; then
    only_check=yes
    shift
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
    # Not Debian: the libraries come from elsewhere. If one is missing, the compiler reports it.
    [ $only_check = yes ] && exit 0
    echo "This is not a Debian system. Install equivalents of these packages, then use" >&2
    echo "'make', 'make unit', 'make flow' and 'make system':" >&2
    echo "$build $test" | tr -s ' \n' '  ' >&2
    echo >&2
    exit 1
fi

# The programs pkg-config and npm come from different packages on different machines.
is_installed() {
    [ "$1" = pkg-config ] && command -v pkg-config >/dev/null && return
    [ "$1" = npm ] && command -v npm >/dev/null && return
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'
}

case ${FOREIGN:-} in
"") ;;
arm64) compiler=gcc-aarch64-linux-gnu ;;
amd64) compiler=gcc-x86-64-linux-gnu ;;
*)
    echo "install_deps.sh: no cross compiler for '$FOREIGN'; use arm64 or amd64" >&2
    exit 2
    ;;
esac

# Prints the packages that build for a foreign architecture instead of one of this machine.
foreign() { # PACKAGE
    case $1 in
    lib* | zlib*) echo "$1:$FOREIGN" ;;
    pkg-config) echo "pkgconf:$FOREIGN libc6-dev:$FOREIGN $compiler" ;;
    *) echo "$1" ;;
    esac
}

missing=
for group in "$@"; do
    case $group in
    build) packages=$build ;;
    test) packages=$test ;;
    fuzz) packages=$fuzz ;;
    cover) packages=$cover ;;
    browser) packages=$browser ;;
    lint) packages=$lint ;;
    package) packages=$package ;;
    boot) packages=$boot ;;
    slow) packages=$slow ;;
    *)
        echo "install_deps.sh: unknown group '$group'" >&2
        exit 2
        ;;
    esac
    for wanted in $packages; do
        names=$wanted
        [ -z "${FOREIGN:-}" ] || names=$(foreign "$wanted")
        for name in $names; do
            is_installed "$name" || missing="$missing $name"
        done
    done
done
[ -n "$missing" ] || exit 0

if [ $only_check = yes ]; then
    echo "Missing:$missing" >&2
    echo "'make deps' installs them." >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "These packages are missing, and only root can install them:$missing" >&2
        echo "As root: apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y"
echo "Installing:$missing"
said=$(mktemp)

# The tests need the programs of nginx, varnish, haproxy, prometheus, postgresql and pgbouncer, but not the
# services. A policy denies every start (invoke-rc.d(8)) while apt runs, unless the machine has a policy. The
# services are then disabled, so that they do not start at the next boot.
policy=/usr/sbin/policy-rc.d
services=
for service in nginx varnish haproxy prometheus postgresql pgbouncer; do
    case $missing in *$service*) services="$services $service.service" ;; esac
done
case $missing in *varnish*) services="$services varnishncsa.service" ;; esac
if [ -n "$services" ] && [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
fi

# shellcheck disable=SC2086 # word splitting makes the lists
if ! { $apt update && $apt install --no-install-recommends $missing; } >"$said" 2>&1; then
    cat "$said" >&2
    rm -f "$said"
    echo "apt-get could not install:$missing" >&2
    echo "Check the network and /etc/apt/sources.list." >&2
    exit 1
fi
rm -f "$said"
# shellcheck disable=SC2086
if [ -n "$services" ] && command -v systemctl >/dev/null 2>&1; then
    $as_root systemctl -q disable $services || true
fi
