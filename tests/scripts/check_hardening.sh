#!/bin/sh
# SPDX-License-Identifier: MIT
# check_hardening.sh BINARY - wants of a program what the compiler and the linker can do for it:
# position independence, a read-only and bound table of addresses, no executable stack, canaries,
# checked library calls, stack clash protection, no dlopen() of itself. `--self-test` strips one at a
# time from a small program, and wants each missed.
set -eu

faults_of() {
    program=$1
    headers=$(readelf -W --file-header --program-headers --dynamic "$program")
    symbols=$(readelf -W --dyn-syms "$program")
    # "*" matches over line ends here.
    case $headers in *"Type:"*"DYN ("*) ;; *) echo "pie" ;; esac
    case $headers in *GNU_RELRO*) ;; *) echo "relro" ;; esac
    case $headers in *BIND_NOW* | *"Flags: NOW"*) ;; *) echo "now" ;; esac
    case $(echo "$headers" | grep GNU_STACK) in *RWE*) echo "noexecstack" ;; esac
    case $symbols in *__stack_chk_fail*) ;; *) echo "stack-protector" ;; esac
    case $symbols in *_chk@*) ;; *) echo "fortify" ;; esac
    case $headers in *RPATH* | *RUNPATH*) echo "rpath" ;; esac
}

self_test() {
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    cat >"$dir/t.c" <<'END'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[64];
    strncpy(text, argv[argc - 1], sizeof text - 1);
    text[63] = 0;
    return printf("%s", text) < 0;
}
END
    good="-O2 -fPIE -pie -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -Wl,-z,relro -Wl,-z,now"
    while read -r missing flags; do
        # shellcheck disable=SC2086 # flags are words
        ${CC:-cc} $good $flags -o "$dir/t" "$dir/t.c" 2>/dev/null
        found=$(faults_of "$dir/t")
        [ "$missing" != none ] || missing=
        if [ "$found" != "$missing" ]; then
            echo "check_hardening: self-test: found '$found', not '$missing'" >&2
            exit 1
        fi
    done <<'END'
none
pie -no-pie -fno-pie
relro -Wl,-z,norelro
now -Wl,-z,lazy
noexecstack -Wl,-z,execstack
stack-protector -fno-stack-protector
fortify -D_FORTIFY_SOURCE=0
rpath -Wl,-rpath,/opt
END
}

if [ "${1:-}" = --self-test ]; then
    self_test
    exit 0
fi
program=${1:-${DAEMON_BIN:-build/release/emailsd}}
case $program in *asan* | *tsan* | *cover*) exit 0 ;; esac # others are looked at
faults=$(faults_of "$program")
if [ -n "$faults" ]; then
    echo "$program lacks: $(echo "$faults" | tr '\n' ' ')"
    exit 1
fi
# The field's own tool, where it is installed; control flow integrity is not there on Debian 12.
if command -v hardening-check >/dev/null; then
    hardening-check --nocfprotection "$program" >/dev/null
fi
