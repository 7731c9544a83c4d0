#!/bin/sh
# SPDX-License-Identifier: MIT
# build_deb.sh DIR [VERSION] - builds the Debian package of this tree below DIR.
#
# Creates DIR. The tree as git knows it goes into DIR/tree, the packages beside it, and the output of
# the build into DIR/log. A VERSION other than the changelog's is written into the copy. Prints the path
# of the package.
set -eu

dir=$1
wanted=${2:-}
mkdir -p "$dir/tree"
git ls-files -z | tar -c --null -T - | tar -x -C "$dir/tree"
dir=$(cd "$dir" && pwd)
(
    cd "$dir/tree"
    version=$(dpkg-parsechangelog -S Version)
    [ -z "$wanted" ] || sed -i "1s/($version)/($wanted)/" debian/changelog
    env -u MAKEFLAGS -u MAKELEVEL -u DAEMON_BIN dpkg-buildpackage -b -us -uc
) >"$dir/log" 2>&1 || {
    tail -30 "$dir/log" >&2
    echo "build_deb.sh: dpkg-buildpackage failed" >&2
    exit 1
}
echo "$dir"/emailsd_*.deb
