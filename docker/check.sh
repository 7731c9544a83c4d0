#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh - builds the images from the Dockerfile, without a registry, and tries them under
# compose.yaml: a lookup through the published port, the same out of the cache, the restrictions, what
# the image holds, a kill in the middle of a lookup, nginx in front, a clean stop. Prints size, memory
# and start time. Wants root, Debian's mirror and 1 GB of disk; takes one to three minutes.
#
# DEBIAN=trixie takes Debian 13 as the base instead of 12. Exit status 77: this machine does not let us
# run an engine, and nothing was tried.
#
# The base is made with debootstrap and the engine is a dockerd of our own, which leaves the network
# rules of this machine alone. DOCKER_CHECK_DIR names a folder to work in and to keep, so that the
# next run has the base and the build's cache; without it all is removed at the end. The path has to
# be short, for the sockets in it.
set -eu

cannot() {
    echo "docker/check.sh: cannot run here: $*" >&2
    exit 77
}

[ "$(id -u)" -eq 0 ] || cannot "debootstrap and dockerd want root"
unshare --mount true 2>/dev/null || cannot "no mount namespaces for us"
# A mount namespace of its own: nothing that is mounted below is seen by, or stays on, this machine.
if [ -z "${DOCKER_CHECK_IS_APART:-}" ]; then
    DOCKER_CHECK_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi

cd "$(dirname "$0")/.."
began=$(date +%s)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
export DEBIAN="${DEBIAN:-bookworm}"
base=debian:$DEBIAN-slim
version=$(sed -n 's/^VERSION := //p' Makefile)
revision=$(git describe --always --dirty 2>/dev/null || echo unknown)
keep=${DOCKER_CHECK_DIR:-}
dir=${keep:-$(mktemp -d)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
base_tar=$dir/base-$DEBIAN.tar
dockerd_pid=

# Of our own, whatever the caller uses: engine, configuration, and the settings of compose.yaml.
export DOCKER_HOST="unix://$dir/docker.sock" DOCKER_CONFIG="$dir/config" DOCKER_BUILDKIT=1
export DAEMON_PORT=0 NGINX_PORT=0 OPENMART_API_KEY_FILE=./sim-key
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY COMPOSE_PROFILES COMPOSE_PROJECT_NAME

# Debian's client: a newer one may want a plugin to build.
docker() {
    /usr/bin/docker "$@"
}

compose() {
    /usr/bin/docker-compose -p emailsd-check -f docker/compose.yaml "$@"
}

clear_away() {
    COMPOSE_PROFILES=simulator,vendor,nginx compose down -v -t 1 >>"$dir/compose.log" 2>&1
}

finish() {
    status=$?
    trap - EXIT INT TERM
    if [ -n "$dockerd_pid" ]; then
        [ $status -eq 0 ] || compose logs --no-color >&2 || true
        clear_away || true
        kill "$dockerd_pid" 2>/dev/null || true
        wait "$dockerd_pid" || true
    fi
    # The one mount that dockerd leaves would keep the folder from being removed.
    if mountpoint -q "$dir/exec/netns/default"; then umount "$dir/exec/netns/default"; fi
    rm -rf --one-file-system "$dir/rootfs"
    [ -n "$keep" ] || rm -rf --one-file-system "$dir"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
    echo "docker/check.sh: $*" >&2
    exit 1
}

# Runs a command whose words matter only when it fails.
quietly() { # LOG COMMAND...
    log=$dir/$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -40 "$log" >&2
        fail "failed: $*"
    }
}

# Tries a command until it succeeds, for 10 s at most.
until_done() {
    tries=500
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.02
    done
}

now_ms() {
    date +%s%3N
}

ask_at() { # CONTAINER PATH [OPTION...]
    at=$(docker port "$1" 8080/tcp)$2
    shift 2
    curl -sS -i --noproxy '*' --max-time 60 "$@" "http://$at"
}

ask() { # PATH
    ask_at "$emailsd" "$@"
}

# The simulator's ledger is not published, but this machine is in the network of the containers.
bought() { # DOMAIN: how many tasks
    at=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$simulator")
    curl -sS --noproxy '*' "http://$at:8090/sim/ledger?domain=$1" | grep -o '"task_id"' | wc -l
}

# Fails unless the answer in $dir/answer has a line that matches.
expect() { # PATTERN WHAT
    grep -q "$1" "$dir/answer" || {
        cat "$dir/answer" >&2
        fail "$2"
    }
}

make_base() {
    rm -rf --one-file-system "$dir/rootfs"
    quietly debootstrap.log debootstrap --variant=minbase "$DEBIAN" "$dir/rootfs" "$mirror"
    # What debootstrap leaves out and every real base has: the update and security suites.
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    for list in sources.list sources.list.d/debian.sources; do
        [ -s /etc/apt/$list ] || continue
        rm -f "$dir/rootfs/etc/apt/sources.list"
        sed "s/\\b$codename\\b/$DEBIAN/g" /etc/apt/$list >"$dir/rootfs/etc/apt/$list"
    done
    # As in the real slim base: of the documents only the licences.
    find "$dir/rootfs/usr/share/doc" ! -type d ! -name copyright -delete
    rm -rf "$dir"/rootfs/var/cache/apt/*.bin "$dir"/rootfs/var/cache/apt/archives/*.deb \
        "$dir"/rootfs/var/lib/apt/lists/* "$dir"/rootfs/usr/share/man/* \
        "$dir"/rootfs/usr/share/locale/*
    tar -C "$dir/rootfs" --numeric-owner -cf "$base_tar.new" .
    mv "$base_tar.new" "$base_tar"
    rm -rf --one-file-system "$dir/rootfs"
}

# ---- the engine and the base ----

for program in dockerd docker-compose debootstrap iptables curl; do
    command -v $program >/dev/null && continue
    quietly apt.log apt-get -q update
    quietly apt.log env DEBIAN_FRONTEND=noninteractive apt-get -q -y install \
        --no-install-recommends docker.io docker-compose debootstrap iptables curl
    break
done
[ -f "$base_tar" ] || make_base

# Without a bridge and rules of its own: compose makes a bridge and takes it away again, and a port
# on loopback is published by a process. (iptables is for the name server inside of a container.)
dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" \
    -H "$DOCKER_HOST" --bridge none --iptables=false --ip-forward=false >"$dir/dockerd.log" 2>&1 &
dockerd_pid=$!
until_done docker version || {
    tail -20 "$dir/dockerd.log" >&2
    cannot "dockerd does not start"
}
docker image inspect "$base" >/dev/null 2>&1 ||
    quietly import.log docker import "$base_tar" "$base"

# ---- the images ----

build() {
    quietly build.log docker build --progress plain --network host -f docker/Dockerfile \
        --build-arg DEBIAN --build-arg VERSION="$version" --build-arg REVISION="$revision" "$@" .
}
build -t openmart-sim --target sim
build -t emailsd-nginx --target nginx
build -t emailsd
labels=$(docker image inspect -f '{{json .Config.Labels}}' emailsd)
for label in "version\":\"$version" "revision\":\"$revision"; do
    case $labels in
    *"org.opencontainers.image.$label\""*) ;;
    *) fail "no label $label in $labels" ;;
    esac
done
echo "ok   the images are built from $base"

# What is in it, by the names of its files; and that nothing is which could start something else.
docker export "$(docker create --network none emailsd)" | tar -t >"$dir/answer"
for file in etc/ssl/certs/ca-certificates.crt usr/share/publicsuffix/public_suffix_list.dafsa \
    usr/share/doc/emailsd/copyright usr/share/doc/libc6/copyright \
    usr/share/common-licenses/GPL-3 var/lib/dpkg/status.d/libc6; do
    expect "^$file\$" "the image lacks $file"
done
programs=$(grep -c '^usr/bin/.' "$dir/answer")
[ "$programs" -eq 1 ] || fail "the image has $programs programs"
objects=$(grep -c '\.so' "$dir/answer")
licences=$(grep -c '^usr/share/doc/.*/copyright$' "$dir/answer")
echo "ok   one program, $objects shared objects, $licences licences"

# ---- a lookup ----

clear_away # what an earlier run may have left
quietly compose.log compose up -d --no-build
emailsd=$(compose ps -q emailsd)
simulator=$(compose ps -q openmart-sim)
until_done ask /livez || fail "emailsd does not answer on its published port"
idle=$(docker stats --no-stream --format '{{.MemUsage}}' "$emailsd")

ask /version >"$dir/answer"
expect "\"version\":\"$version\"" "not the version of the Makefile"
expect '"public_suffix_list":"/usr/share/publicsuffix/' "not Debian's Public Suffix List"

ask '/emails?domain=milvali.com' >"$dir/answer"
expect '^HTTP/1.1 200 ' "the lookup failed"
expect '^Cache-Status: emailsd; fwd=' "the first answer did not come from the upstream"
expect '"email":"info@milvali.com"' "the mailbox is missing"
ask '/emails?domain=https://www.Milvali.com/contact' >"$dir/answer"
expect '^HTTP/1.1 200 ' "the second question failed"
expect '^Cache-Status: emailsd; hit' "the second answer did not come out of the cache"
echo "ok   a lookup through the published port, and the same out of the cache"

# ---- the restrictions, as the kernel sees them ----

pid=$(docker inspect -f '{{.State.Pid}}' "$emailsd")
tr '\t' ' ' <"/proc/$pid/status" >"$dir/answer"
expect '^Uid: 65532 65532 65532 65532$' "another user than 65532"
expect '^CapBnd: 0*$' "emailsd may have capabilities"
expect '^NoNewPrivs: 1$' "emailsd may gain privileges"
docker inspect -f 'read-only: {{.HostConfig.ReadonlyRootfs}}, memory: {{.HostConfig.Memory}}' \
    "$emailsd" >"$dir/answer"
expect '^read-only: true, memory: 134217728$' "not read-only, or no limit on memory"
echo "ok   user 65532, no capabilities, no new privileges, read-only, a limit on memory"

# ---- killed in the middle of a lookup ----

# The simulator takes 3 s for the submit and 2 s for the task.
is_taken() {
    docker exec "$emailsd" /usr/bin/emailsd inspect | grep -q '1 submitted'
}

is_healthy() {
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$emailsd")" = healthy ]
}

until_done is_healthy || fail "the health check does not get green"
ask '/emails?domain=killed.com&async=1' >"$dir/answer"
expect '^HTTP/1.1 202 ' "the lookup was not taken"
until_done is_taken || fail "the batch was not taken by the vendor"
docker kill -s KILL "$emailsd" >/dev/null
docker start "$emailsd" >/dev/null
until_done ask /livez || fail "emailsd does not start after a kill"
ask '/emails?domain=killed.com' >"$dir/answer"
expect '^HTTP/1.1 200 ' "what was under way was not answered after the kill"
docker exec "$emailsd" /usr/bin/emailsd inspect >"$dir/answer"
expect '2 over' "not two batches in all"
expect '2 answered, 0 failed, 0 not-created, 0 unknown' "the books do not say two lookups, answered"
[ "$(bought killed.com)" -eq 1 ] || fail "$(bought killed.com) tasks were bought instead of one"
ask '/emails?domain=milvali.com' >"$dir/answer"
expect '^Cache-Status: emailsd; hit' "an answer from before the kill is gone"
until_done is_healthy || fail "the health check does not get green again"
echo "ok   killed during a lookup, it answers it after its restart, out of the volume; healthy again"

# ---- nginx in front ----

export COMPOSE_PROFILES=simulator,nginx
quietly compose.log compose up -d --no-build
nginx=$(compose ps -q nginx)
until_done ask_at "$nginx" /livez || fail "nginx does not answer on its published port"
ask_at "$nginx" '/emails?domain=behind.com' -H 'X-Request-Id: by-hand' >"$dir/answer"
expect '^HTTP/1.1 200 ' "the lookup through nginx failed"
expect '^X-Request-Id: by-hand' "nginx does not pass X-Request-Id"
docker stop -t 5 "$emailsd" >/dev/null
ask_at "$nginx" '/emails?domain=behind.com' >"$dir/answer"
expect '^HTTP/1.1 502 ' "not 502 without emailsd"
docker start "$emailsd" >/dev/null
until_done ask /livez || fail "emailsd does not start again"
ask_at "$nginx" '/emails?domain=behind.com' >"$dir/answer"
expect '^HTTP/1.1 200 ' "nginx does not find emailsd again"
echo "ok   nginx in front: a lookup, 502 while emailsd is down, and on"

# ---- stop and start ----

before=$(now_ms)
docker stop -t 5 "$emailsd" >/dev/null
stopped=$(($(now_ms) - before))
docker inspect -f 'exit {{.State.ExitCode}}, killed for memory: {{.State.OOMKilled}}' \
    "$emailsd" >"$dir/answer"
expect '^exit 0, killed for memory: false$' "emailsd did not stop cleanly within 5 s of SIGTERM"
echo "ok   SIGTERM ends it with status 0, in $stopped ms with the engine's part"

before=$(now_ms)
docker start "$emailsd" >/dev/null
until_done ask /livez || fail "emailsd does not start again"
started=$(($(now_ms) - before))

size=$(docker image inspect -f '{{.Size}}' emailsd)
packed=$(docker save emailsd | gzip | wc -c)
echo "ok   image: $size bytes, $packed as it travels; idle: $idle;" \
    "from start to the first answer: $started ms with the engine's part"

# ---- the other profiles ----

# The same nginx in front of the emailsd that would ask the real vendor; nothing is looked up there.
compose rm -s -f emailsd openmart-sim nginx >>"$dir/compose.log" 2>&1
export COMPOSE_PROFILES=vendor,nginx
quietly compose.log compose up -d --no-build
nginx=$(compose ps -q nginx)
until_done ask_at "$nginx" /livez || fail "nginx does not answer before the vendor's emailsd"
docker exec "$(compose ps -q emailsd-vendor)" /usr/bin/emailsd inspect --json >"$dir/answer"
expect '"answers":{"found":0,' "the vendor's emailsd has the simulator's answers"
COMPOSE_PROFILES=vendor,nginx,monitoring quietly compose.log compose config
echo "ok   profile vendor, with a store of its own, behind nginx; monitoring: read, not run"

echo "ok   all of it in $(($(date +%s) - began)) s"
