#!/bin/sh
# SPDX-License-Identifier: MIT
# check_reproducible.sh - builds the tree twice and expects identical bytes.
#
# The two builds differ in the name of the folder, umask, time zone, language, home, number of jobs and
# SOURCE_DATE_EPOCH: builds embed no timestamps. (The package's timestamps come from its changelog;
# check_deb.sh checks those.)
set -eu

dir=$(mktemp -d)
trap 'rm -rf --one-file-system "$dir"' EXIT
trap 'exit 130' INT TERM

revision=$(git describe --always --dirty)
build() {
    mkdir -p "$dir/$1"
    git ls-files -z | tar -c --null -T - | tar -x -C "$dir/$1"
    shift
    env -u MAKEFLAGS -u MAKELEVEL REVISION="$revision" "$@" >"$dir/log" 2>&1 || {
        tail -20 "$dir/log" >&2
        exit 1
    }
}
build a TZ=UTC LANG=C SOURCE_DATE_EPOCH=1 make -C "$dir/a" -j1 all
(
    umask 077
    build a-much-longer-name/of-a-folder TZ=Asia/Tokyo LANG=C.UTF-8 HOME=/nonexistent \
        SOURCE_DATE_EPOCH=2000000000 make -C "$dir/a-much-longer-name/of-a-folder" -j4 all
)
for program in emailsd emails openmart-sim; do
    one=$dir/a/build/release/$program
    other=$dir/a-much-longer-name/of-a-folder/build/release/$program
    cmp "$one" "$other"
    if grep -q "$dir" "$one"; then
        echo "check_reproducible.sh: $program contains the path of its build folder" >&2
        exit 1
    fi
    echo "reproducible: $program $(sha256sum "$one" | cut -c1-16)"
done
