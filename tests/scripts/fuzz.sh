#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh run|minimise NAME:MAX_LEN... - runs libFuzzer over the targets of the Makefile, one at a time.
#
# run: FUZZ_SECONDS for each target, from the corpus in the tree and the inputs that earlier runs stored
# in build/fuzz/corpus. An input that breaks a promise is stored in build/fuzz/finds. The other targets
# still run; the failed ones are listed at the end.
# minimise: writes to build/fuzz/small/NAME the smallest set of inputs that reaches as many edges as all
# known inputs. A developer copies the useful ones into the tree.
# A dictionary serves all targets whose name begins like its own, up to the first underscore.
# FUZZ_ONLY="NAME..." skips the other targets.
set -eu

what=$1
shift
programs=build/fuzz/tests/fuzz
seconds=${FUZZ_SECONDS:-60}
failed=

wanted() {
    [ -z "${FUZZ_ONLY:-}" ] && return 0
    for one in $FUZZ_ONLY; do
        [ "$one" != "$1" ] || return 0
    done
    return 1
}

run_one() {
    name=$1 max_len=$2
    log=build/fuzz/$name.log
    dict=tests/fuzz/${name%%_*}.dict
    [ -f "$dict" ] || dict=
    mkdir -p "build/fuzz/corpus/$name" build/fuzz/finds
    # shellcheck disable=SC2086 # flags are words
    if ! "$programs/$name" -max_total_time="$seconds" -max_len="$max_len" -timeout=20 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="build/fuzz/finds/$name-" \
        ${FUZZ_FLAGS:-} ${dict:+-dict="$dict"} \
        "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        grep -E 'broken promise|ERROR|SUMMARY|Test unit written' "$log" || tail -20 "$log"
        echo "FAIL $name  see $log"
        failed="$failed $name"
        return
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    echo "ok   $name  $runs runs in $seconds s, $edges edges"
}

minimise_one() {
    name=$1 max_len=$2
    small=build/fuzz/small/$name
    rm -rf "$small"
    mkdir -p "$small" "build/fuzz/corpus/$name"
    "$programs/$name" -set_cover_merge=1 -use_counters=0 -max_len="$max_len" "$small" \
        "tests/fuzz/corpus/$name" "build/fuzz/corpus/$name" >"build/fuzz/$name.merge.log" 2>&1 || {
        tail -20 "build/fuzz/$name.merge.log"
        failed="$failed $name"
    }
    echo "     $name  $(find "$small" -type f | wc -l) inputs in $small"
}

for row in "$@"; do
    wanted "${row%:*}" || continue
    "${what}_one" "${row%:*}" "${row#*:}"
done
[ -z "$failed" ] || {
    echo "fuzz.sh: failed:$failed" >&2
    exit 1
}
