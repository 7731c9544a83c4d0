#!/bin/sh
# SPDX-License-Identifier: MIT
# make_root.sh ROOT PROGRAM [FILE...] - a folder that a container can have as its root: the program,
# the shared objects that it needs, the other files named, and their licences.
#
# Which objects, the dynamic linker says; which packages they come from, dpkg. So nothing here changes
# with the names that a release of Debian gives to them. dpkg's words on each package go along in the
# form in which scanners look for them in images without dpkg: /var/lib/dpkg/status.d.
set -eu

root=$1
program=$2
shift 2

objects=$(ldd "$program" | grep -o '/[^ ]*')
install -D -s -t "$root/usr/bin" "$program"
# shellcheck disable=SC2086 # a list of paths without blanks
cp -L --preserve=timestamps --parents -t "$root" $objects "$@"

# The linker names a file by a path that may lead over a link, dpkg by the one in the package.
package_of() { # FILE
    real=$(realpath "$1")
    for path in "$1" "/usr$1" "$real" "${real#/usr}"; do
        found=$(dpkg-query -S "$path" 2>/dev/null | grep -v '^diversion ' | head -n 1)
        if [ -n "$found" ]; then
            echo "${found%%: *}"
            return
        fi
    done
    return 1
}

# Some packages have theirs in another one of the same source, by a link that slim bases lack.
copyright_of() { # PACKAGE
    source=$(dpkg-query -W -f '${source:Package}' "$1")
    for name in "${1%:*}" $(dpkg-query -W -f '${source:Package} ${Package}\n' | sed -n "s/^$source //p"); do
        if [ -f "/usr/share/doc/$name/copyright" ]; then
            echo "/usr/share/doc/$name/copyright"
            return
        fi
    done
    echo "make_root.sh: no copyright of $1" >&2
    return 1
}

packages=base-files
for file in $objects "$@"; do
    # A file that no package brought is made by one: the bundle of certificates.
    package=$(package_of "$file") || case $file in
    /etc/ssl/certs/ca-certificates.crt) package=ca-certificates ;;
    *)
        echo "make_root.sh: no package has $file" >&2
        exit 1
        ;;
    esac
    packages="$packages $package"
done

mkdir -p "$root/var/lib/dpkg/status.d"
for package in $packages; do
    name=${package%:*}
    copyright=$(copyright_of "$package")
    dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$name"
    install -D -m 0644 -p "$copyright" "$root/usr/share/doc/$name/copyright"
    # The texts that it only calls by their names, which may be the start of a longer word.
    grep -o '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' "$copyright" |
        while read -r licence; do
            [ ! -f "$licence" ] || cp -L --preserve=timestamps --parents -t "$root" "$licence"
        done
done
install -D -m 0644 LICENSE "$root/usr/share/doc/${program##*/}/copyright"

cp -L --preserve=timestamps --parents -t "$root" /etc/os-release
# Without it the C library asks the name server first and reads /etc/hosts after that.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
