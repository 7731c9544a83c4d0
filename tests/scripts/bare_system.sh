#!/bin/sh
# SPDX-License-Identifier: MIT
# bare_system.sh NAME ROOT [PACKAGE...] - makes a bare Debian or Ubuntu in the folder ROOT (root).
#
# NAME is bookworm or trixie (Debian 12, 13) or noble (Ubuntu 24.04). The packages are added to the
# minimal ones. As on every real machine, apt knows the suites of updates and of security fixes, which
# debootstrap omits. The packages are always verified; missing keys are installed on this machine first.
#
# DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR and UBUNTU_MIRROR name other mirrors. `--title NAME` prints the full
# name of the system.
set -eu

title_of() { # NAME
    case $1 in
    bookworm) echo "Debian 12" ;;
    trixie) echo "Debian 13" ;;
    noble) echo "Ubuntu 24.04" ;;
    *)
        echo "bare_system.sh: unknown system '$1'; use bookworm, trixie or noble" >&2
        exit 2
        ;;
    esac
}

if [ "$1" = --title ]; then
    title_of "$2"
    exit 0
fi
name=$1 root=$2
shift 2
title_of "$name" >/dev/null
debian=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
debian=${debian%/}
security=${DEBIAN_SECURITY_MIRROR:-$debian-security}
ubuntu=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
debian_keys=/usr/share/keyrings/debian-archive-keyring.gpg
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

# Runs a command; prints the end of its output only if it fails.
quietly() { # COMMAND...
    "$@" >"$dir/log" 2>&1 || {
        tail -20 "$dir/log" >&2
        exit 1
    }
}

install() { # PACKAGE
    quietly apt-get -q update
    quietly env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$1"
}

need_debian_keys() {
    [ -f $debian_keys ] || install debian-archive-keyring
}

# Debian 12 has no package of Ubuntu's keys; Debian 13 has. apt verifies it with Debian's keys.
keys_from_debian() { # prints the path of the keyring
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/keys"
    echo "deb [signed-by=$debian_keys] $debian trixie main" >"$dir/sources.list"
    apt="apt-get -q -o Dir::Etc::SourceList=$dir/sources.list -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists=$dir/lists -o Dir::Cache=$dir/cache -o APT::Sandbox::User=root
        -o Acquire::Languages=none"
    # shellcheck disable=SC2086 # options are words
    (cd "$dir" && $apt update && $apt download ubuntu-keyring) >&2 &&
        dpkg-deb -x "$dir"/ubuntu-keyring_*.deb "$dir/keys" &&
        echo "$dir/keys/usr/share/keyrings/ubuntu-archive-keyring.gpg"
}

keyring_of_ubuntu() {
    if [ -f /usr/share/keyrings/ubuntu-archive-keyring.gpg ]; then
        echo /usr/share/keyrings/ubuntu-archive-keyring.gpg
    else
        need_debian_keys
        keys_from_debian 2>"$dir/log" || {
            tail -20 "$dir/log" >&2
            exit 1
        }
    fi
}

command -v debootstrap >/dev/null || install debootstrap
include=$(printf '%s,' "$@")
# Without a keyring, debootstrap would only warn.
set -- --variant=minbase --force-check-gpg
[ "$include" = , ] || set -- "$@" --include="${include%,}"

case $name in
noble)
    keyring=$(keyring_of_ubuntu)
    # An older debootstrap does not know noble; its script serves every release of Ubuntu since 7.10.
    quietly debootstrap "$@" --components=main,universe --keyring="$keyring" \
        noble "$root" "$ubuntu" /usr/share/debootstrap/scripts/gutsy
    rm -f "$root"/etc/apt/sources.list.d/*
    printf "deb $ubuntu %s main universe\n" noble noble-updates noble-security >"$root/etc/apt/sources.list"
    ;;
*)
    need_debian_keys
    quietly debootstrap "$@" "$name" "$root" "$debian"
    rm -f "$root"/etc/apt/sources.list.d/*
    printf "deb %s main\n" "$debian $name" "$debian $name-updates" "$security $name-security" \
        >"$root/etc/apt/sources.list"
    ;;
esac
