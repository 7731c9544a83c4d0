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
for check in tests/scripts/check_hardening.sh; do
    if "$check" --self-test && "$check"; then
        echo "ok   $(basename "$check" .sh)"
    else
        echo "FAIL $(basename "$check" .sh)"
        status=1
    fi
done
exit $status
