#!/bin/sh
# SPDX-License-Identifier: MIT
# arm64.sh - builds emailsd and its package for arm64 and tries them under qemu, on a machine of another kind.
#
# The compiler and the libraries are Debian's, in a chroot with a bare Debian. qemu-aarch64 then runs the
# programs: the unit and flow tests, one lookup with the simulator, and the packaged program. qemu translates
# system calls one by one and has neither seccomp nor Landlock: the filter of system calls is compiled and
# built for arm64, but not applied. Nor does it pass on when data arrived (TCP_INFO), by which an idle connection
# differs from one with a slow request. Only an arm64 machine can test these.
#
# Builds the last commit, without changes of the working tree. Requires root and a mirror. DEBIAN names the
# system (bookworm, trixie). See chroot.sh for FRESH_DIR.
set -eu

if [ "${DEBIAN:-}" = noble ]; then
    echo "arm64.sh: Ubuntu has its arm64 packages on another mirror; use bookworm or trixie" >&2
    exit 2
fi

# shellcheck source=tests/scripts/chroot.sh disable=SC1091 # checked separately
. tests/scripts/chroot.sh

log=$root/root/log
quietly() { # COMMAND...
    inside "$@" >"$log" 2>&1 || {
        tail -40 "$log" >&2
        exit 1
    }
}

make_for_arm64() { # TARGET...
    inside EMULATOR=qemu-aarch64 make -C /root/emailsd --no-print-directory B=build/arm64 \
        CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar PKG_CONFIG=aarch64-linux-gnu-pkg-config "$@"
}

began=$(date +%s)
quietly dpkg --add-architecture arm64
quietly apt-get -q update
quietly apt-get -q -y build-dep --no-install-recommends -a arm64 /root/emailsd
quietly apt-get -q -y install --no-install-recommends crossbuild-essential-arm64 check:arm64 curl qemu-user
echo "ok   $title with the cross compiler, the libraries for arm64 and $(inside qemu-aarch64 --version | head -n 1)"

make_for_arm64 -j"$(nproc)" tests >"$log" 2>&1 || {
    tail -40 "$log" >&2
    exit 1
}
echo "ok   built for arm64"
make_for_arm64 unit flow

# What starts the programs needs no emulator.
for program in emailsd openmart-sim; do
    # shellcheck disable=SC2016 # the wrapper expands it
    printf '#!/bin/sh\nexec qemu-aarch64 /root/emailsd/build/arm64/%s "$@"\n' $program >"$root/usr/local/bin/$program"
    chmod 755 "$root/usr/local/bin/$program"
done
# shellcheck disable=SC2016 # play.sh sets it
lookup='curl -sSi "$EMAILSD_URL/emails?domain=milvali.com"'
inside DAEMON_BIN=/usr/local/bin/emailsd SIM_BIN=/usr/local/bin/openmart-sim PORT=0 \
    sh -c "cd /root/emailsd && tests/scripts/play.sh sh -c '$lookup && $lookup'" >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}
grep -q '^Cache-Status: emailsd; hit' "$log" || {
    cat "$log" >&2
    exit 1
}
echo "ok   one lookup, and the same from the cache"

quietly sh -c 'cd /root/emailsd && dpkg-buildpackage -a arm64 -b -us -uc'
deb=$(basename "$root"/root/emailsd_*_arm64.deb)
quietly dpkg -i "/root/$deb"
inside qemu-aarch64 /usr/bin/emailsd --version
mkdir -p build/deb
cp "$root/root/$deb" build/deb/
echo "ok   build/deb/$deb, and its program starts"

echo "NOT TESTED: seccomp, Landlock, TCP_INFO, which qemu does not have; the list of system calls is compiled for arm64"
echo "arm64: finished in $(($(date +%s) - began)) s"
