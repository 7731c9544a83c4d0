#!/bin/sh
# SPDX-License-Identifier: MIT
# compilers.sh - compiles every file with each of the compilers that emailsd supports; warnings are errors.
#
# A compiler that is missing is installed if this system has a package of it and this is root; otherwise it is
# skipped with a message. No system has all of them: Debian 12 has clang 14 to 16 and 19, Debian 13 clang 17 to
# 19, Ubuntu 24.04 has all. COMPILERS names others.
set -eu

compilers=${COMPILERS:-gcc-12 gcc-13 gcc-14 clang-14 clang-15 clang-16 clang-17 clang-18 clang-19}

# Once, because this machine may have no package lists. If it fails, those that are there may do.
update_lists() {
    [ $updated = no ] || return 0
    updated=yes
    said=$(apt-get -q update 2>&1) || echo "$said" >&2
}

can_install() { # PACKAGE
    [ "$(id -u)" -eq 0 ] && command -v apt-cache >/dev/null || return 1
    update_lists
    LC_ALL=C apt-cache policy "$1" | grep -q '^  Candidate: [0-9]'
}

install() { # PACKAGE
    said=$(DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$1" 2>&1) || {
        echo "$said" >&2
        return 1
    }
}

updated=no
status=0
tried=0
for compiler in $compilers; do
    if ! command -v "$compiler" >/dev/null; then
        can_install "$compiler" || {
            echo "SKIPPED $compiler: not on this machine, and not installable here"
            continue
        }
        install "$compiler"
    fi
    tried=$((tried + 1))
    began=$(date +%s)
    objects=build/compilers/$compiler
    mkdir -p "$objects"
    if env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory --keep-going -j"${JOBS:-2}" \
        CC="$compiler" B="$objects" objects >"$objects/log" 2>&1; then
        echo "ok   $compiler: $(grep -c '^  CC' "$objects/log") files, $(($(date +%s) - began)) s"
        rm -rf "$objects"
    else
        grep -E ': (error|warning|fatal error): |^cc1|^make: \*\*\* ' "$objects/log" | sort -u || true
        echo "FAIL $compiler: $objects/log"
        status=1
    fi
done
[ $tried -gt 0 ] || {
    echo "compilers.sh: no compiler was tried" >&2
    exit 1
}
exit $status
