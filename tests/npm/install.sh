#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh - installs the packages of package-lock.json, in exactly these versions (npm ci).
#
# They go into build/npm, and tests/npm/node_modules leads there: the programs in this folder find them, and the
# checks of the tree do not. Downloads from the npm registry only, and runs no script of a package. Does nothing
# if these versions are installed already. Exit status 77: this machine has no Node.js that can run them, or cannot
# reach the registry.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../build/npm

if ! command -v npm >/dev/null 2>&1 || ! command -v node >/dev/null 2>&1; then
    echo "tests/npm/install.sh: missing npm and Node.js; install Node.js 18.19 or later" >&2
    exit 77
fi
if ! node -e 'const [major, minor] = process.versions.node.split(".");
        process.exit(major > 18 || (major == 18 && minor >= 19) ? 0 : 1)'; then
    echo "tests/npm/install.sh: Node.js $(node --version) is too old; install 18.19 or later" >&2
    echo "(Debian 12 with its updates has 18.20)" >&2
    exit 77
fi

if [ ! -L "$here/node_modules" ]; then
    ln -s ../../build/npm/node_modules "$here/node_modules"
fi
cmp -s "$here/package-lock.json" "$target/installed.json" && exit 0
echo "Installing: the npm packages of tests/npm into build/npm"
rm -rf "$target"
mkdir -p "$target"
cp "$here/package.json" "$here/package-lock.json" "$target"
cd "$target"
if ! npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier >install.log 2>&1; then
    cat install.log >&2
    if grep -Eq ' code (ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN|E?TIMEDOUT|ERR_SOCKET_TIMEOUT|E(NET|HOST)UNREACH)$' install.log
    then
        echo "tests/npm/install.sh: the npm registry cannot be reached" >&2
        exit 77
    fi
    echo "tests/npm/install.sh: npm cannot install the packages" >&2
    exit 1
fi
cp package-lock.json installed.json
