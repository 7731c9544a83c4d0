#!/bin/sh
# SPDX-License-Identifier: MIT
# check_hardening.sh [PROGRAM [UNSTRIPPED]] - checks that a program, or each of emailsd and emails, has the
# hardening of compiler and linker.
#
# In the linked file: position independence, RELRO with immediate binding, no executable stack, stack
# canaries, fortified library calls, no path to search for libraries. In what gcc recorded for each
# compiled file (DW_AT_producer): the flags below. UNSTRIPPED is the same program with these records, if
# PROGRAM has none. Debian's hardening-check and checksec run, too.
#
# Not checked: marks of control flow integrity, which Debian 12's start files lack; the level of
# _FORTIFY_SOURCE and -z nodlopen, which leave no trace in a program. `--self-test` removes one feature
# at a time from a small program and expects each to be reported.
set -eu

noted="-O2 -fPIE -fstack-clash-protection -fstack-protector-strong -fno-delete-null-pointer-checks
    -fno-strict-overflow -fno-strict-aliasing -fexceptions -ftrivial-auto-var-init=zero"
case $(uname -m) in x86_64 | i?86) noted="$noted -fcf-protection=full" ;; esac

faults_of_link() { # PROGRAM
    headers=$(readelf -W --file-header --program-headers --dynamic "$1")
    symbols=$(readelf -W --dyn-syms "$1")
    # "*" also matches line ends here.
    case $headers in *"Type:"*"DYN ("*) ;; *) echo "pie" ;; esac
    case $headers in *GNU_RELRO*) ;; *) echo "relro" ;; esac
    case $headers in *BIND_NOW* | *"Flags: NOW"*) ;; *) echo "now" ;; esac
    case $(echo "$headers" | grep GNU_STACK) in *RWE*) echo "noexecstack" ;; esac
    case $symbols in *__stack_chk_fail*) ;; *) echo "stack-protector" ;; esac
    case $symbols in *_chk@*) ;; *) echo "fortify" ;; esac
    case $headers in *RPATH* | *RUNPATH*) echo "rpath" ;; esac
}

producers_of() { # PROGRAM: a line for each file that was compiled with -g
    readelf --debug-dump=info "$1" 2>/dev/null | sed -n 's/.*DW_AT_producer.*: \([^:]*\)$/\1/p'
}

# A file that was compiled without -g is still seen by its symbols. If two flags contradict each other,
# the last one counts.
faults_of_units() { # UNSTRIPPED
    files=$(readelf -W --symbols "$1" | awk '/ FILE .*\.c$/ && !/ crtstuff\.c$/' | wc -l)
    producers_of "$1" | awk -v noted="$noted" -v files="$files" '
        function kind(flag) {
            sub(/=.*/, "", flag)
            sub(/^-fno-/, "-f", flag)
            sub(/^-fstack-protector.*/, "-fstack-protector", flag)
            sub(/^-fpi[ce]|^-fPI[CE]/, "-fpi", flag)
            sub(/^-O.*/, "-O", flag)
            return flag
        }
        BEGIN { n = split(noted, wanted) }
        /^GNU C/ {
            units++
            split("", last)
            for (i = 1; i <= NF; i++) last[kind($i)] = $i
            for (i = 1; i <= n; i++) if (last[kind(wanted[i])] != wanted[i]) lacks[i] = 1
        }
        END {
            if (units != files || units == 0) print "notes"
            for (i = 1; i <= n; i++) if (lacks[i]) print wanted[i]
        }'
}

build_id() {
    readelf -n "$1" | sed -n 's/.*Build ID: //p'
}

self_test() {
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    cat >"$dir/t.c" <<'END'
#include <stdio.h>
#include <string.h>
int other(int n);
int main(int argc, char **argv)
{
    char text[64];
    strncpy(text, argv[argc - 1], sizeof text - 1);
    text[63] = 0;
    return printf("%s", text) < other(0);
}
END
    printf 'int other(int n);\nint other(int n)\n{\n    return n;\n}\n' >"$dir/other.c"
    good="-g $noted -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
    # What is reported if one file and the link have these flags, and the other file has others.
    while IFS=: read -r missing main other; do
        # shellcheck disable=SC2086 # flags are words
        gcc $good $other -c -o "$dir/other.o" "$dir/other.c" &&
            gcc $good -pie -Wl,-z,relro -Wl,-z,now $main -o "$dir/t" "$dir/t.c" "$dir/other.o" 2>/dev/null
        # shellcheck disable=SC2046,SC2005,SC2116 # joins the lines
        found=$(echo $(faults_of_link "$dir/t") $(faults_of_units "$dir/t"))
        if [ "$found" != "$missing" ]; then
            echo "check_hardening: self-test: found '$found', not '$missing'" >&2
            exit 1
        fi
    done <<'END'
::
pie -fPIE:-no-pie -fno-pie:
relro:-Wl,-z,norelro:
now:-Wl,-z,lazy:
noexecstack:-Wl,-z,execstack:
stack-protector -fstack-protector-strong:-fno-stack-protector:
fortify:-D_FORTIFY_SOURCE=0:
rpath:-Wl,-rpath,/opt:
notes::-g0
-O2::-O1
-fPIE::-fpie
-fstack-clash-protection::-fno-stack-clash-protection
-fstack-protector-strong::-fno-stack-protector
-fno-delete-null-pointer-checks::-fdelete-null-pointer-checks
-fno-strict-overflow::-fstrict-overflow
-fno-strict-aliasing::-fstrict-aliasing
-fexceptions::-fno-exceptions
-ftrivial-auto-var-init=zero::-ftrivial-auto-var-init=pattern
END
}

if [ "${1:-}" = --self-test ]; then
    self_test
    exit 0
fi
if [ $# -eq 0 ]; then
    "$0" "${DAEMON_BIN:-build/release/emailsd}"
    exec "$0" "${EMAILS_BIN:-build/release/emails}"
fi
program=$1
unstripped=${2:-$program}
# The builds with sanitizers use other flags.
case $program in */build/asan/* | */build/tsan/* | */build/cover/*) exit 0 ;; esac
faults=$(faults_of_link "$program")
case $(producers_of "$unstripped") in
*clang*) echo "SKIPPED the flags of each file: clang does not record them" >&2 ;;
*) faults="$faults $(faults_of_units "$unstripped")" ;;
esac
[ "$(build_id "$program")" = "$(build_id "$unstripped")" ] || faults="$faults the-same-build"
# shellcheck disable=SC2086,SC2116 # joins the lines
faults=$(echo $faults)
if [ -n "$faults" ]; then
    echo "$program lacks: $faults"
    exit 1
fi

# `make deps` installs both on Debian.
for tool in hardening-check checksec; do
    command -v $tool >/dev/null && continue
    if command -v dpkg-query >/dev/null; then
        echo "check_hardening: $tool is missing; make deps installs it"
        exit 1
    fi
    echo "SKIPPED $tool, which is not on this machine" >&2
done
if command -v hardening-check >/dev/null; then
    # Newer versions also look for the branch protection of ARM.
    branches=$(hardening-check --help 2>&1 | grep -o -e '--nobranchprotection' || true)
    # shellcheck disable=SC2086 # no option, or one
    said=$(hardening-check --nocfprotection $branches "$program") || {
        echo "$said"
        exit 1
    }
fi
if command -v checksec >/dev/null; then
    said=$(checksec --file="$program" --output=csv)
    case $said in
    "Full RELRO,Canary found,NX enabled,PIE enabled,No RPATH,No RUNPATH,"*,Yes,*) ;;
    *)
        echo "checksec: $said"
        exit 1
        ;;
    esac
fi
