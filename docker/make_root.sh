#!/bin/sh
# SPDX-License-Identifier: MIT
# make_root.sh ROOT PROGRAM [FILE...] - creates a root folder for a container: the program, its
# shared objects, the named files, and their licences.
#
# The program names its objects, dpkg their packages, so nothing here depends on names in a release
# of Debian. The program may be for another architecture than this machine; its libraries are then
# those of that architecture. dpkg's data on each package is stored in /var/lib/dpkg/status.d, where
# scanners look for it in images without dpkg.
set -eu

root=$1
program=$2
shift 2

# Prints the linker that the program names, such as /lib64/ld-linux-x86-64.so.2.
linker_of() { # PROGRAM
    LC_ALL=C readelf -l "$1" | sed -n 's/.*interpreter: \(.*\)\]$/\1/p'
}

needed_by() { # OBJECT: prints names without folders
    LC_ALL=C readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'
}

case $(LC_ALL=C readelf -h "$program") in
*AArch64*) triplet=aarch64-linux-gnu ;;
*X86-64*) triplet=x86_64-linux-gnu ;;
*)
    echo "make_root.sh: no folder of libraries known for this architecture" >&2
    exit 1
    ;;
esac

objects=$(linker_of "$program")
waiting=$(needed_by "$program")
while [ -n "$waiting" ]; do
    name=${waiting%%[[:space:]]*}
    waiting=$(echo "$waiting" | tail -n +2)
    case " $objects " in *"/$name "*) continue ;; esac
    file=/lib/$triplet/$name
    [ -e "$file" ] || file=/usr$file
    objects="$objects $file"
    waiting=$(printf '%s\n%s' "$(needed_by "$file")" "$waiting" | sed '/^$/d')
done
install -D -t "$root/usr/bin" "$program"
"$triplet-strip" "$root/usr/bin/${program##*/}"
# shellcheck disable=SC2086 # a list of paths without blanks
cp -L --preserve=timestamps --parents -t "$root" $objects "$@"

# The linker may name a file by a path through a link, dpkg by its path in the package.
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

# Some packages have their copyright file in another package of the same source, by a link that slim
# bases lack.
copyright_of() { # PACKAGE
    source=$(dpkg-query -W -f '${source:Package}' "$1")
    for name in "${1%:*}" $(dpkg-query -W -f '${source:Package} ${Package}\n' | sed -n "s/^$source //p"); do
        if [ -f "/usr/share/doc/$name/copyright" ]; then
            echo "/usr/share/doc/$name/copyright"
            return
        fi
    done
    echo "make_root.sh: no copyright file of $1" >&2
    return 1
}

packages=base-files
for file in $objects "$@"; do
    # The bundle of certificates is in no package; a package generates it.
    package=$(package_of "$file") || case $file in
    /etc/ssl/certs/ca-certificates.crt) package=ca-certificates ;;
    *)
        echo "make_root.sh: no package contains $file" >&2
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
    # Licences that it references by path; the path may be the start of a longer word.
    grep -o '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' "$copyright" |
        while read -r licence; do
            [ ! -f "$licence" ] || cp -L --preserve=timestamps --parents -t "$root" "$licence"
        done
done
install -D -m 0644 LICENSE "$root/usr/share/doc/${program##*/}/copyright"

cp -L --preserve=timestamps --parents -t "$root" /etc/os-release
# Without this file, the C library asks the name server before it reads /etc/hosts.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
