#!/bin/sh
# SPDX-License-Identifier: MIT
# check_arm64.sh - builds the images of emailsd and of the simulator for arm64 on a machine of another
# kind, without a registry, and starts their programs under qemu with the libraries of the images.
#
# Requires root, Debian's mirror and 1 GB of disk. Installs qemu-user and the engine on this machine if
# they are missing. DEBIAN=trixie uses Debian 13 as the base instead of 12. The images contain the working
# tree, as those of check.sh do, while tests/scripts/arm64.sh builds the last commit. Exit status 77: this
# machine cannot run an engine, and nothing was tested. See check_engine.sh for the engine and
# DOCKER_CHECK_DIR.
set -eu

cannot() {
    echo "docker/check_arm64.sh: cannot run here: $*" >&2
    exit 77
}

[ "$(id -u)" -eq 0 ] || cannot "debootstrap and dockerd require root"
unshare --mount true 2>/dev/null || cannot "no permission for mount namespaces"
# A private mount namespace: mounts made below are invisible to this machine and end with the script.
if [ -z "${DOCKER_CHECK_IS_APART:-}" ]; then
    DOCKER_CHECK_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi

cd "$(dirname "$0")/.."
# shellcheck source=docker/check_engine.sh disable=SC1091 # checked separately
. docker/check_engine.sh

command -v qemu-aarch64 >/dev/null || install_packages qemu-user

build() { # TARGET OPTION...
    target=$1
    shift
    quietly build.log docker build --progress plain --network host -f docker/Dockerfile \
        --platform linux/arm64 --build-arg DEBIAN --target "$target" "$@" .
}

# Prints the objects in the folder that are not for arm64.
foreign_objects() { # FOLDER
    find "$1" -type f \( -name '*.so*' -o -path '*/usr/bin/*' \) | while read -r file; do
        LC_ALL=C readelf -h "$file" | grep -q 'Machine: *AArch64' || echo "$file"
    done
}

# shellcheck disable=SC2154 # check_engine.sh sets dir
for target in emailsd sim; do
    build "$target" -t "arm64-$target"
    machine=$(docker image inspect -f '{{.Architecture}}' "arm64-$target")
    [ "$machine" = arm64 ] || fail "the image of $target says that it is for $machine"
    folder=$dir/arm64-$target
    rm -rf "$folder"
    mkdir "$folder"
    build "$target" --output "type=tar,dest=$dir/arm64.tar"
    tar -C "$folder" -xf "$dir/arm64.tar"
    others=$(foreign_objects "$folder")
    [ -z "$others" ] || fail "not for arm64: $others"
    for program in "$folder"/usr/bin/*; do
        # Into a file: the status of a pipeline would be that of `head`.
        qemu-aarch64 -L "$folder" "$program" --help >"$dir/help" || fail "$program does not start under qemu"
        said=$(head -n 1 "$dir/help")
        [ -n "$said" ] || fail "$program --help prints nothing under qemu"
        echo "ok   image of $target for arm64: $said"
    done
done
