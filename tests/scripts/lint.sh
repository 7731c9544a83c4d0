#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh - checks layout and runs static analysis. Every tool runs; any finding fails.
#
# tests/npm/install.sh has to run first: it installs Spectral and Redocly, which are skipped if it could not.
#
# JOBS, CFLAGS_FOR_LINT and WARNINGS_FOR_LINT come from the Makefile. Suppressions are here, in
# .clang-tidy or beside the line, each with its reason. lint_self_test.py plants a fault for each tool.
set -u

status=0
jobs=${JOBS:-2}
flags=$CFLAGS_FOR_LINT
warnings=$WARNINGS_FOR_LINT
here=$(cd "$(dirname "$0")" && pwd)
list() {
    git ls-files -co --exclude-standard "$@"
}
c_files=$(list 'base/*.c' 'server/*.c' 'client/*.c' 'tests/*.c')
all_files=$(list '*.c' '*.h')
our_files=$(list 'base/*.c' 'server/*.c' 'client/*.c' 'tests/simulator/*.c')
test_files=$(list 'tests/*.c' ':!tests/simulator/*.c')
listless_files=$(printf '%s\n' "$our_files" | xargs grep -LE '\b(LL|DL|HASH|TABLE)_[A-Z]+|\btable_[a-z]+\(')
py_files=$(list '*.py')
man_files=$(list 'docs/man/*')
npm=$here/../npm
linters=$npm/node_modules/.bin
sh_files="$(list '*.sh') .ci/run"

# Prints the findings in the output of a tool, or all of the output if no line looks like a finding.
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

# Runs a command for every file, in parallel: on_each FILES COMMAND... '{}'
# shellcheck disable=SC2317 # called through step
on_each() {
    files=$1
    shift
    printf '%s\n' "$files" | xargs -P "$jobs" -I '{}' "$@"
}

# Watches a separate build, whose output is deleted.
# shellcheck disable=SC2317 # called through step
scan() {
    dir=$(mktemp -d)
    env -u MAKEFLAGS -u MAKELEVEL scan-build --status-bugs -o "$dir" "$@" \
        make -j"$jobs" FLAVOUR=scan B="$dir" all
    failed=$?
    rm -rf "$dir"
    return "$failed"
}

# Checkers of the analyzer that are off or experimental by default and report no false alarms here.
more_checkers=security,optin.portability,nullability,alpha.security.MmapWriteExec,alpha.security.ReturnPtrRange,alpha.security.MallocOverflow,alpha.unix.Stream,alpha.core.IdenticalExpr

# Suppressed for all files, and why:
#   varFuncNullUB: POSIX makes NULL a null pointer of full width, so it may end an argument list
#   unreachableCode: uthash's HASH_ADD has code after an exit() that never runs (base/hashtable.h)
#   variableScope: in this code base, declarations are at the top of their block
#   shadowFunction: a local named `count` or `lock` is harmless; gcc's -Wshadow finds the other cases
#   analyzer-malloc-leak: gcc loses track of what uthash and utlist link into their tables;
#   LeakSanitizer checks for leaks
#   unix.Malloc, core.NullDereference with scan-build: clang 14 does not follow the links that uthash
#   and utlist move, and reports a use after free in every loop that frees a list. Files without lists
#   are analyzed again with both checkers (clang-analyzer), the others by gcc -fanalyzer and
#   AddressSanitizer
#   security.insecureAPI.DeprecatedOrUnsafeBufferHandling: requires Annex K, which glibc lacks
# clang-tidy leaves the analyzer's checks of the product's files to scan-build; running them twice would
# take another minute.
# shellcheck disable=SC2086 # the lists have to be split
{
    step clang-format clang-format --dry-run -Werror $all_files
    step clang-tidy on_each "$our_files" clang-tidy --quiet --warnings-as-errors='*' \
        --checks='-clang-analyzer-*' '{}' -- $flags
    step clang-tidy-tests on_each "$test_files" clang-tidy --quiet --warnings-as-errors='*' '{}' -- $flags -Itests/flow -Itests/unit
    step cppcheck cppcheck --quiet --error-exitcode=1 -j "$jobs" --std=c11 -D_GNU_SOURCE \
        --enable=warning,style,performance,portability --inline-suppr --suppress=varFuncNullUB \
        --suppress=unreachableCode --suppress=variableScope --suppress=shadowFunction \
        --include=/usr/include/utlist.h --include=/usr/include/uthash.h \
        -Iserver -I. $our_files
    step gcc-fanalyzer on_each "$our_files" gcc -fanalyzer -Wno-analyzer-malloc-leak -O1 -Werror -c -o /dev/null $flags '{}'
    step clang on_each "$c_files" clang -fsyntax-only $warnings $flags -Itests/flow -Itests/unit '{}'
    step clang-analyzer on_each "$listless_files" clang --analyze -Xclang -analyzer-werror \
        -Xclang -analyzer-output=text -Xclang -analyzer-checker=$more_checkers \
        -Xclang -analyzer-disable-checker=security.insecureAPI.DeprecatedOrUnsafeBufferHandling $flags '{}'
    step scan-build scan -disable-checker unix.Malloc -disable-checker core.NullDereference
    step banned-functions "${PYTHON:-/usr/bin/python3}" "$here/check_style.py"
    step shellcheck shellcheck $sh_files
    step pyflakes pyflakes3 $py_files
    if [ -x "$linters/spectral" ]; then
        step spectral "$linters/spectral" lint --quiet --fail-severity=warn --ruleset "$npm/spectral.yaml" openapi.yaml
        step redocly env REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true CI=true \
            "$linters/redocly" lint --config "$npm/redocly.yaml" --format stylish openapi.yaml
    else
        echo "SKIPPED spectral and redocly: their npm packages are not installed" >&2
    fi
    step mandoc on_each "$man_files" mandoc -Tlint -W warning '{}'
}
exit $status
