#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh - installs the missing packages of the load generator, the peers and the plotter of `make bench`.
#
# No package may start a service, now or at the next boot: the benchmark starts its own instances, with
# its own files and ports. If no package is missing, prints nothing and needs no root. Uses root only for
# apt-get and for disabling the services.
set -eu

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is not a Debian system. Install wrk, nginx, haproxy and gnuplot by hand." >&2
    exit 0
fi

missing=
for package in wrk nginx-light haproxy gnuplot-nox; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "These packages are missing, and only root can install them:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

# A policy that denies every start of a service (invoke-rc.d(8)), unless the machine has a policy.
policy=/usr/sbin/policy-rc.d
said=$(mktemp)
own_policy=no
finish() {
    rm -f "$said"
    [ $own_policy = no ] || $as_root rm -f "$policy"
}
trap finish EXIT
trap 'exit 1' INT TERM
if [ ! -e $policy ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
elif $policy nginx start >/dev/null 2>&1; then
    echo "$policy would let the packages start services; install by hand:$missing" >&2
    exit 1
fi

apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y"
echo "Installing:$missing"
# shellcheck disable=SC2086 # word splitting makes the lists
if ! { $apt update && $apt install --no-install-recommends $missing; } >"$said" 2>&1; then
    cat "$said" >&2
    echo "apt-get could not install:$missing" >&2
    exit 1
fi

# Only for services installed just now: earlier ones may be in use.
if command -v systemctl >/dev/null 2>&1; then
    case $missing in *nginx*) $as_root systemctl -q disable nginx.service || true ;; esac
    case $missing in *haproxy*) $as_root systemctl -q disable haproxy.service || true ;; esac
fi
