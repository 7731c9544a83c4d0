#!/bin/sh
# SPDX-License-Identifier: MIT
# run_programs.sh STAGE JOBS PROGRAM... - runs test programs in parallel and prints one line if all
# pass.
#
# The output of each is stored in CHECK_DIR/STAGE/PROGRAM.log. A program that fails gets a line in
# CHECK_DIR/STAGE/failed, which `make check` prints last. The log lines that name its failed tests are
# printed immediately. A program that ran no test has failed.
set -eu

stage=$1 jobs=$2
shift 2
[ $# -gt 0 ] || {
    echo "run_programs.sh: no test programs" >&2
    exit 1
}
logs="${CHECK_DIR:-build/check}/$stage"
export stage logs
rm -rf "$logs"
mkdir -p "$logs"

# shellcheck disable=SC2016 # $1 belongs to the inner shell
printf '%s\0' "$@" | xargs -0 -n 1 -P "$jobs" sh -c '
    log=$logs/${1##*/}.log
    status=0
    ${EMULATOR:-} "$1" >"$log" 2>&1 || status=$?
    # The summaries of Check and of replay.c.
    if [ $status -eq 0 ] && LC_ALL=C grep -aEq "^100%: (Checks: )?[1-9]" "$log"; then
        exit 0
    fi
    tests=$(LC_ALL=C sed -nE "s/^[^ ]+:[0-9]+:[FE]:[^:]*:([^:]*):.*/\1/p" "$log" | sort -u)
    for test in ${tests:-?}; do
        printf "%s %s %s: %s\n" "$stage" "${1##*/}" "$test" "$log" >>"$logs/failed"
    done
    printf "FAIL %s\n" "${1##*/}"
    LC_ALL=C grep -aE "^[^ ]+:[0-9]+:[FE]:|ERROR: |WARNING: Thread|runtime error" "$log" || tail -20 "$log"
    exit 1' run || exit 1

awk -v stage="$stage" -v programs=$# '
    /^100%: / { gsub(/Checks: /, ""); sum += $2 }
    END { printf "ok   %s: %d programs, %d checks\n", stage, programs, sum }' "$logs"/*.log
