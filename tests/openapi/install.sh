#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh - installs Spectral and Redocly into build/openapi, in the versions of package-lock.json.
#
# Downloads packages from the npm registry only, and runs no script of a package. Does nothing if
# build/openapi holds these versions already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../build/openapi

if ! command -v npm >/dev/null 2>&1 || ! command -v node >/dev/null 2>&1; then
    echo "tests/openapi/install.sh: missing npm and Node.js; install Node.js 18.19 or later" >&2
    exit 1
fi
if ! node -e 'const [major, minor] = process.versions.node.split(".");
        process.exit(major > 18 || (major == 18 && minor >= 19) ? 0 : 1)'; then
    echo "tests/openapi/install.sh: Node.js $(node --version) is too old for Spectral and Redocly;" >&2
    echo "install 18.19 or later (Debian 12 with its updates has 18.20)" >&2
    exit 1
fi

cmp -s "$here/package-lock.json" "$target/installed.json" && exit 0
echo "Installing: Spectral and Redocly into build/openapi"
rm -rf "$target"
mkdir -p "$target"
cp "$here/package.json" "$here/package-lock.json" "$target"
cd "$target"
if ! npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier >install.log 2>&1; then
    cat install.log >&2
    echo "tests/openapi/install.sh: npm cannot install Spectral and Redocly; is the npm registry reachable?" >&2
    exit 1
fi
cp package-lock.json installed.json
