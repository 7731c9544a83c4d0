#!/bin/sh
# SPDX-License-Identifier: MIT
# run_programs.sh JOBS PROGRAM... - runs test programs side by side, prints the output of each in one
# piece, and fails when any of them did.
set -eu

jobs=$1
shift
[ $# -gt 0 ] || {
    echo "run_programs.sh: no test programs" >&2
    exit 1
}

# The one-liner keeps the output of a program together and repeats its status to xargs.
# shellcheck disable=SC2016 # $1 belongs to the inner shell
printf '%s\0' "$@" | xargs -0 -n 1 -P "$jobs" sh -c '
    if out=$("$1" 2>&1); then
        printf "ok   %s  %s\n" "${1##*/}" "$(printf "%s\n" "$out" | sed -n "s/^100%: //p")"
    else
        printf "FAIL %s\n%s\n" "${1##*/}" "$out"
        exit 1
    fi' run
