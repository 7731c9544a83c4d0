#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh - layout and static analysis; every tool runs, and any finding fails.
#
# JOBS and CFLAGS_FOR_LINT come from the Makefile. What is suppressed is suppressed in .clang-tidy or
# beside the line, with its reason.
set -u

status=0
jobs=${JOBS:-2}
flags=$CFLAGS_FOR_LINT
c_files=$(git ls-files -co --exclude-standard 'server/*.c' 'client/*.c' 'tests/*.c')
all_files=$(git ls-files -co --exclude-standard '*.c' '*.h')
our_files=$(git ls-files -co --exclude-standard 'server/*.c' 'client/*.c' 'tests/simulator/*.c')

# Of what a tool says, the findings; all of it when nothing looks like one.
findings_in() {
    printf '%s\n' "$1" | grep -E ': (fatal error|error|warning|style|performance|portability):' ||
        printf '%s\n' "$1"
}

step() {
    name=$1
    shift
    if out=$("$@" 2>&1); then
        echo "ok   $name"
    else
        findings_in "$out" | head -200
        echo "FAIL $name"
        status=1
    fi
}

# Runs a command for every file, side by side: on_each FILES COMMAND... '{}'
# shellcheck disable=SC2317 # called through step
on_each() {
    files=$1
    shift
    printf '%s\n' "$files" | xargs -P "$jobs" -I '{}' "$@"
}

# Suppressed for all files, and why:
#   varFuncNullUB: POSIX makes NULL a null pointer of the full width, so it may end an argument list
#   analyzer-malloc-leak: gcc loses what uthash and utlist link into their tables; LeakSanitizer is
#   the judge of leaks here
# shellcheck disable=SC2086 # the lists are meant to be split
{
    step clang-format clang-format --dry-run -Werror $all_files
    step clang-tidy on_each "$c_files" clang-tidy --quiet --warnings-as-errors='*' '{}' -- $flags -Itests/flow -Itests/unit
    step cppcheck cppcheck --quiet --error-exitcode=1 -j "$jobs" --std=c11 -D_GNU_SOURCE \
        --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem \
        --suppress=varFuncNullUB \
        --include=/usr/include/utlist.h --include=/usr/include/uthash.h \
        --suppress='*:/usr/include/*' -Iserver -I. $our_files
    step gcc-fanalyzer on_each "$our_files" gcc -fanalyzer -Wno-analyzer-malloc-leak -O1 -Werror -c -o /dev/null $flags '{}'
    step clang on_each "$c_files" clang -fsyntax-only -Wall -Wextra -Wconversion -Wsign-conversion \
        -Wshadow -Wimplicit-fallthrough -Werror $flags -Itests/flow -Itests/unit '{}'
    step shellcheck shellcheck .ci/run tests/scripts/*.sh docker/*.sh
}
exit $status
