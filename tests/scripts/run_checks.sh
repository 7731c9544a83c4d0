#!/bin/sh
# SPDX-License-Identifier: MIT
# run_checks.sh - runs every check of the tree, each after its self-test; all of them, even when one
# fails.
set -u

status=0
for check in tests/scripts/check_*.py; do
    name=$(basename "$check" .py)
    if "${PYTHON:-/usr/bin/python3}" "$check" --self-test && "${PYTHON:-/usr/bin/python3}" "$check"; then
        echo "ok   $name"
    else
        echo "FAIL $name"
        status=1
    fi
done
# Of what was built, and not of the tree.
if tests/scripts/check_hardening.sh --self-test && tests/scripts/check_hardening.sh; then
    echo "ok   check_hardening"
else
    echo "FAIL check_hardening"
    status=1
fi
exit $status
