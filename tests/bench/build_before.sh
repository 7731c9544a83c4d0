#!/bin/sh
# SPDX-License-Identifier: MIT
# build_before.sh REVISION FOLDER - builds the daemon of another revision, as FOLDER/emailsd, to be measured
# beside this one.
#
# The sources come from this clone and stay in FOLDER, so the next run builds nothing. If the clone does not have
# the revision, for example because it is shallow, there is no FOLDER/emailsd afterwards, and nothing is compared.
# Uses AS_OWNER, MAKE and JOBS of the Makefile.
set -eu

name=$1
folder=$2
rm -f "$folder/emailsd"
# shellcheck disable=SC2086 # AS_OWNER is a command with its arguments, or empty
if [ -z "$name" ] || ! revision=$($AS_OWNER git rev-parse -q --verify --short "$name^{commit}" 2>/dev/null); then
    echo "bench: this clone has no revision '$name', so none is compared" >&2
    exit 0
fi
tree=$folder/$revision
if [ ! -d "$tree" ]; then
    rm -rf "$tree.new"
    mkdir -p "$tree.new"
    # shellcheck disable=SC2086
    $AS_OWNER git archive "$revision" >"$tree.tar"
    tar -x -C "$tree.new" -f "$tree.tar"
    rm "$tree.tar"
    mv "$tree.new" "$tree"
fi
if ! "$MAKE" --no-print-directory -C "$tree" "-j$JOBS" "REVISION=$revision" build/release/emailsd >"$tree.log" 2>&1; then
    cat "$tree.log" >&2
    exit 1
fi
ln -s "$revision/build/release/emailsd" "$folder/emailsd"
