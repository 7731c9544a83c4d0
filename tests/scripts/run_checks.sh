#!/bin/sh
# SPDX-License-Identifier: MIT
# run_checks.sh - runs every check of the tree, each after its self-test, all of them concurrently.
#
# A failure does not stop the others. The output of each is stored in CHECK_DIR/scripts/NAME.log, and
# printed if it fails.
set -u

logs="${CHECK_DIR:-build/check}/scripts"
rm -rf "$logs"
mkdir -p "$logs"

check() { # SCRIPT [COMMAND BEFORE IT]...
    script=$1
    name=$(basename "${script%.*}")
    shift
    if { "$@" "$script" --self-test && "$@" "$script"; } >"$logs/$name.log" 2>&1; then
        return
    fi
    echo "scripts $name: $logs/$name.log" >>"$logs/failed"
}

check tests/scripts/check_hardening.sh & # checks the built programs, not the tree
check tests/scripts/install_deps.sh &
for script in tests/scripts/check_*.py; do
    check "$script" "${PYTHON:-/usr/bin/python3}" &
done
wait
if [ -e "$logs/failed" ]; then
    while IFS=" :" read -r _ name log; do
        echo "FAIL $name"
        cat "$log"
    done <"$logs/failed"
    exit 1
fi
set -- "$logs"/*.log
echo "ok   scripts: $# checks"
