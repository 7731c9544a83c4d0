#!/bin/sh
# SPDX-License-Identifier: MIT
# fresh_machine.sh - runs the README's two commands on a bare system: Debian 12, Debian 13 or Ubuntu 24.04.
#
# The bare system is a debootstrap chroot with git, make and a C compiler only. Requires root and a mirror.
# A chroot is no booted machine: it has the kernel and the network of this one, and no service manager. Tests
# that need more are skipped; the reasons are printed.
#
# DEBIAN names the system (bookworm, trixie, noble), FRESH_TARGETS the make targets to run (default: play
# check). `make play` ends when its servers are ready. See chroot.sh for FRESH_DIR.
set -eu

# shellcheck source=tests/scripts/chroot.sh disable=SC1091 # checked separately
. tests/scripts/chroot.sh

targets=${FRESH_TARGETS:-play check}
for target in $targets; do
    echo "== make $target, on a bare $title"
    began=$(date +%s)
    inside PYTEST_FLAGS=-rs COMMAND=true make -C /root/emailsd --no-print-directory "$target"
    echo "== make $target, on a bare $title: $(($(date +%s) - began)) s"
done
echo "fresh: $targets succeeded on a bare $title"
