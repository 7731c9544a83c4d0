# SPDX-License-Identifier: MIT
# check_engine.sh - provides a private container engine, a base image without a registry, and helper
# functions; sourced by check.sh and check_arm64.sh.
#
# The base is made with debootstrap. The engine is a private dockerd, which does not change the
# network rules of this machine. DOCKER_CHECK_DIR names a working folder to keep, so that the next
# run reuses the base and the build cache; without it, everything is removed at the end. The path
# must be short, because sockets are in it. $dir is that folder, $base the image on which all others
# are based. The sourcing script defines cannot(), which reports why the check cannot run, and has
# its own mount namespace.
# shellcheck shell=sh

export DEBIAN="${DEBIAN:-bookworm}"
base=debian:$DEBIAN-slim
keep=${DOCKER_CHECK_DIR:-}
dir=${keep:-$(mktemp -d)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
base_tar=$dir/base-$DEBIAN.tar
dockerd_pid=

# Independent of the caller's environment: engine, configuration, and the settings of compose.yaml.
export DOCKER_HOST="unix://$dir/docker.sock" DOCKER_CONFIG="$dir/config" DOCKER_BUILDKIT=1
export DAEMON_PORT=0 NGINX_PORT=0 PROMETHEUS_PORT=0 OPENMART_API_KEY_FILE=./sim-key
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY COMPOSE_PROFILES COMPOSE_PROJECT_NAME

# Debian's client: a newer one may need a plugin to build.
docker() {
    /usr/bin/docker "$@"
}

compose() {
    /usr/bin/docker-compose -p emailsd-check -f docker/compose.yaml "$@"
}

# Containers started without compose have a label.
clear_away_labelled() {
    docker ps -aq --filter label=emailsd-check | xargs -r /usr/bin/docker rm -fv >/dev/null
}

clear_away() {
    clear_away_labelled
    COMPOSE_PROFILES=simulator,vendor,nginx,monitoring compose down -v -t 1 >>"$dir/compose.log" 2>&1
}

tell() {
    for container in $(docker ps -aq --filter label=emailsd-check); do
        docker logs "$container" >&2
    done
    compose logs --no-color >&2
}

finish() {
    status=$?
    trap - EXIT INT TERM
    if [ -n "$dockerd_pid" ]; then
        [ $status -eq 0 ] || tell || true
        clear_away || true
        kill "$dockerd_pid" 2>/dev/null || true
        wait "$dockerd_pid" || true
    fi
    # dockerd leaves this one mount, which would prevent removal of the folder.
    if mountpoint -q "$dir/exec/netns/default"; then umount "$dir/exec/netns/default"; fi
    rm -rf --one-file-system "$dir/rootfs"
    [ -n "$keep" ] || rm -rf --one-file-system "$dir"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
    echo "$0: $*" >&2
    exit 1
}

# Runs a command; prints its output only if it fails.
quietly() { # LOG COMMAND...
    log=$dir/$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -40 "$log" >&2
        fail "failed: $*"
    }
}

# Installs packages on this machine; it may have no package lists yet.
install_packages() { # PACKAGE...
    quietly apt.log apt-get -q update
    quietly apt.log env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@"
}

# Tries a command until it succeeds.
within() { # SECONDS COMMAND...
    tries=$(($1 * 50))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.02
    done
}

until_done() { # COMMAND...
    within 10 "$@"
}

now_ms() {
    date +%s%3N
}

make_base() {
    rm -rf --one-file-system "$dir/rootfs"
    quietly debootstrap.log tests/scripts/bare_system.sh "$DEBIAN" "$dir/rootfs"
    # As in the real slim base: of the documents, keep only the licences.
    find "$dir/rootfs/usr/share/doc" ! -type d ! -name copyright -delete
    rm -rf "$dir"/rootfs/var/cache/apt/*.bin "$dir"/rootfs/var/cache/apt/archives/*.deb \
        "$dir"/rootfs/var/lib/apt/lists/* "$dir"/rootfs/usr/share/man/* \
        "$dir"/rootfs/usr/share/locale/*
    tar -C "$dir/rootfs" --numeric-owner -cf "$base_tar.new" .
    mv "$base_tar.new" "$base_tar"
    rm -rf --one-file-system "$dir/rootfs"
}

# ---- the engine and the base ----

for program in dockerd docker-compose debootstrap iptables curl openssl; do
    command -v $program >/dev/null && continue
    install_packages docker.io docker-compose debootstrap iptables curl openssl
    break
done
[ -f "$base_tar" ] || make_base

# Without a bridge and rules of its own: compose creates and removes a bridge, and a process
# publishes a port on loopback. (The name server inside the containers needs iptables.)
dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" \
    -H "$DOCKER_HOST" --bridge none --iptables=false --ip-forward=false >"$dir/dockerd.log" 2>&1 &
dockerd_pid=$!
until_done docker version || {
    tail -20 "$dir/dockerd.log" >&2
    cannot "dockerd does not start"
}
docker image inspect "$base" >/dev/null 2>&1 ||
    quietly import.log docker import "$base_tar" "$base"

