#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh - builds the images from the Dockerfile, without a registry, and tries them under
# compose.yaml: a lookup through the published port, the same out of the cache, the restrictions, what
# the image holds, a kill in the middle of a lookup, nginx in front, a vendor behind TLS, Prometheus
# beside, an end for which callers wait. Prints size, memory and start time. Wants root, Debian's mirror
# and 1 GB of disk; takes two minutes, and up to five more for the base and the first build.
#
# DEBIAN=trixie takes Debian 13 as the base instead of 12. Exit status 77: this machine does not let us
# run an engine, and nothing was tried. The engine, and DOCKER_CHECK_DIR, are check_engine.sh's.
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
# shellcheck source=docker/check_engine.sh disable=SC1091 # looked at by itself
. docker/check_engine.sh
version=$(sed -n 's/^VERSION := //p' Makefile)
revision=$(git describe --always --dirty 2>/dev/null || echo unknown)

ask_at() { # CONTAINER PATH [OPTION...]
    at=$(docker port "$1" 8080/tcp)$2
    shift 2
    curl -sS -i --noproxy '*' --max-time 120 "$@" "http://$at"
}

ask() { # PATH
    ask_at "$emailsd" "$@"
}

# The simulator's port is not published, but this machine is in the network of the containers.
sim() { # PATH [OPTION...]
    at=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$simulator"):8090$1
    shift
    curl -sS --noproxy '*' --fail "$@" "http://$at"
}

behave() { # JSON
    sim /sim/behaviour -X PUT -d "$1" >"$dir/answer"
}

bought() { # DOMAIN: how many tasks
    sim "/sim/ledger?domain=$1" | grep -o '"task_id"' | wc -l
}

# Fails unless the answer in $dir/answer has a line that matches.
expect() { # PATTERN WHAT
    grep -q "$1" "$dir/answer" || {
        cat "$dir/answer" >&2
        fail "$2"
    }
}

# What the engine was told and what the kernel made of it: emailsd takes new privileges from itself, too.
is_restricted() { # CONTAINER NAME
    docker inspect -f '{{with .HostConfig}}{{.SecurityOpt}} {{.CapDrop}} read-only: {{.ReadonlyRootfs}}
memory: {{.Memory}}, threads: {{.PidsLimit}}{{end}}' "$1" >"$dir/answer"
    expect '^\[no-new-privileges\] \[ALL\] read-only: true$' "$2 is not restricted"
    expect '^memory: 134217728, threads: 256$' "$2 has other limits"
    tr '\t' ' ' <"/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/status" >"$dir/answer"
    expect '^Uid: 65532 65532 65532 65532$' "$2 runs as another user than 65532"
    expect '^CapBnd: 0*$' "$2 may have capabilities"
    expect '^NoNewPrivs: 1$' "$2 may gain privileges"
}

ended_well() { # CONTAINER NAME
    docker inspect -f 'exit {{.State.ExitCode}}, killed for memory: {{.State.OOMKilled}}' "$1" >"$dir/answer"
    expect '^exit 0, killed for memory: false$' "$2 did not end with status 0"
}

# ---- the images ----

# What COPY names is what .dockerignore lets pass.
awk '$1 == "COPY" && !/--from=/ { for (i = 2; i < NF; i++) if ($i !~ /^--/) print $i }' docker/Dockerfile |
    sort -u >"$dir/copied"
sed -n 's/^!//p' .dockerignore | sort | diff "$dir/copied" - >&2 || fail ".dockerignore is not what is copied"

build() { # CONTEXT [OPTION...]
    context=$1
    shift
    quietly build.log docker build --progress plain --network host -f "$context/docker/Dockerfile" \
        --build-arg DEBIAN --build-arg REVISION="$revision" "$@" "$context"
}
# As a clone has it that was made with a umask of 077.
install -D -m 0600 -t "$dir/private/docker" docker/Dockerfile docker/nginx.conf
build "$dir/private" -t emailsd-nginx --target nginx
build . -t openmart-sim --target sim
build . -t emailsd
labels=$(docker image inspect -f '{{json .Config.Labels}}' emailsd)
for label in "version\":\"$version" "revision\":\"$revision"; do
    case $labels in
    *"org.opencontainers.image.$label\""*) ;;
    *) fail "no label $label in $labels" ;;
    esac
done
echo "ok   the images are built from $base"

# What is in it; that nothing is which could start something else; and that its user can read it.
build . --output "type=tar,dest=$dir/emailsd.tar"
tar -tf "$dir/emailsd.tar" >"$dir/answer"
for file in etc/ssl/certs/ca-certificates.crt usr/share/publicsuffix/public_suffix_list.dafsa \
    usr/share/doc/emailsd/copyright usr/share/doc/libc6/copyright \
    usr/share/common-licenses/GPL-3 var/lib/dpkg/status.d/libc6; do
    expect "^$file\$" "the image lacks $file"
done
objects=$(grep -c '\.so' "$dir/answer")
licences=$(grep -c '^usr/share/doc/.*/copyright$' "$dir/answer")
tar -tvf "$dir/emailsd.tar" >"$dir/answer"
programs=$(awk '/^[-h]/ && $1 ~ /[xst]/ && $6 !~ /\.so(\.[0-9]+)*$/ { print $6 }' "$dir/answer")
[ "$programs" = usr/bin/emailsd ] || fail "the image has other programs than emailsd: $programs"
hidden=$(awk '$6 != "var/lib/emailsd/" && (/^[-h]/ && $1 !~ /^.......r/ || /^d/ && $1 !~ /^.......r.x/)' \
    "$dir/answer")
[ -z "$hidden" ] || fail "not for everybody to read: $hidden"
roots=$(tar -xOf "$dir/emailsd.tar" etc/ssl/certs/ca-certificates.crt | grep -c 'BEGIN CERTIFICATE')
[ "$roots" -gt 50 ] || fail "the image trusts $roots authorities"
echo "ok   one program, $objects shared objects, $licences licences, $roots certificates, all to be read"

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

is_restricted "$emailsd" emailsd
is_restricted "$simulator" openmart-sim
echo "ok   user 65532, no capabilities, no new privileges, read-only, a limit on memory and threads"

# ---- Prometheus beside it: asked at the end, when it has looked a few times ----

# Debian's, under the name of the image that compose.yaml wants: no registry has to be reached for it.
image=$(sed -n 's/^    image: \(prom\/.*\)/\1/p' docker/compose.yaml)
quietly build.log docker build --network host -t "$image" --build-arg BASE="$base" - <<'END'
ARG BASE
FROM $BASE
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends prometheus \
 && install -d -o 65534 -g 65534 /prometheus
USER 65534:65534
ENTRYPOINT ["/usr/bin/prometheus"]
END
export COMPOSE_PROFILES=simulator,nginx,monitoring
quietly compose.log compose up -d --no-build prometheus

# ---- killed in the middle of a lookup ----

is_taken() {
    docker exec "$emailsd" /usr/bin/emailsd inspect | grep -q '1 submitted'
}

is_healthy() {
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$emailsd")" = healthy ]
}

until_done is_healthy || fail "the health check does not get green"
# It ends when we say so, and not before.
behave '{"task_time_ms": 3600000}'
ask '/emails?domain=killed.com&async=1' >"$dir/answer"
expect '^HTTP/1.1 202 ' "the lookup was not taken"
until_done is_taken || fail "the batch was not taken by the vendor"
docker kill -s KILL "$emailsd" >/dev/null
docker start "$emailsd" >/dev/null
until_done ask /livez || fail "emailsd does not start after a kill"
docker logs "$emailsd" >"$dir/answer" 2>&1
expect 'event=recovery_finished batches=1 tasks=1 unknown_batches=0 ' "no lookup was open when it was killed"
behave '{"task_time_ms": 2000}'
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

quietly compose.log compose up -d --no-build nginx
nginx=$(compose ps -q nginx)
until_done ask_at "$nginx" /livez || fail "nginx does not answer on its published port"
is_restricted "$nginx" nginx
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
echo "ok   nginx in front: as restricted, a lookup, 502 while emailsd is down, and on"

# ---- a vendor that speaks TLS ----

# That is the simulator behind another nginx, with a certificate by an authority of our own.
tls=$dir/tls
mkdir -p "$tls"
new_certificate() { # NAME OPTION...
    name=$1
    shift
    quietly openssl.log openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -keyout "$tls/$name.key" -out "$tls/$name.pem" -subj "/CN=$name" "$@"
}
new_certificate authority
new_certificate vendor -CA "$tls/authority.pem" -CAkey "$tls/authority.key" \
    -addext subjectAltName=DNS:vendor -addext basicConstraints=critical,CA:FALSE
rm "$tls/authority.key"
cat >"$tls/nginx.conf" <<'END'
daemon off;
error_log stderr warn;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 8443 ssl;
        ssl_certificate /etc/tls/vendor.pem;
        ssl_certificate_key /etc/tls/vendor.key;
        location / {
            proxy_pass http://openmart-sim:8090;
        }
    }
}
END
chown -R 65532:65532 "$tls"
run() { # NAME IMAGE-AND-OPTIONS...
    name=$1
    shift
    quietly run.log docker run -d --name "$name" --label emailsd-check --network emailsd-check_default \
        --network-alias "$name" --read-only --cap-drop ALL --security-opt no-new-privileges "$@"
}
run vendor -v "$tls:/etc/tls:ro" --tmpfs /run/nginx:uid=65532,gid=65532 emailsd-nginx -c /etc/tls/nginx.conf
over_tls() { # NAME OPTION...: an emailsd that asks that vendor, and what it answers
    run "$@" --allow-anonymous --store memory: --upstream-url https://vendor:8443
    until_done ask_at "$1" /livez || fail "emailsd does not start before a vendor with TLS"
    ask_at "$1" "/emails?domain=$1.com" >"$dir/answer"
}
key=$PWD/docker/sim-key:/run/secrets/openmart_api_key:ro
over_tls with-ca -p 127.0.0.1::8080 -v "$key" -v "$tls/authority.pem:/etc/tls/authority.pem:ro" \
    -e EMAILSD_UPSTREAM_CA=/etc/tls/authority.pem emailsd
expect '^HTTP/1.1 200 ' "no lookup over TLS with --upstream-ca"
over_tls with-bundle -p 127.0.0.1::8080 -v "$key" \
    -v "$tls/authority.pem:/etc/ssl/certs/ca-certificates.crt:ro" emailsd
expect '^HTTP/1.1 200 ' "no lookup over TLS with a bundle where the image has its own"
over_tls stranger -p 127.0.0.1::8080 -v "$key" emailsd
expect '^HTTP/1.1 50[23] ' "the image trusts an authority that it does not know"
[ "$(bought stranger.com)" -eq 0 ] || fail "a question went to a vendor with a certificate of a stranger"
echo "ok   a lookup over TLS: by --upstream-ca, by the bundle of the image; none where it knows nobody"
clear_away_labelled

# ---- an end for which callers wait ----

# What is not submitted when the end begins is not bought any more, and nobody waits for it.
are_held() {
    ask /metrics | grep -q '^emailsd_waiters 2$' && [ "$(bought held.com)$(bought held-behind.com)" = 11 ]
}

behave '{"task_time_ms": 3600000}'
ask '/emails?domain=held.com' >"$dir/held" &
held=$!
ask_at "$nginx" '/emails?domain=held-behind.com' >"$dir/held-behind" &
held_behind=$!
until_done are_held || fail "two callers are not held"
before=$(now_ms)
docker stop "$emailsd" "$nginx" >/dev/null &
stop=$!
# Longer than emailsd waits, and than an engine does, when nobody says: this is what is tried.
sleep 33
behave '{"task_time_ms": 0}'
for pid in $held $held_behind $stop; do
    wait "$pid" || fail "callers who were held at the end were cut off"
done
stopped=$(($(now_ms) - before))
for caller in held held-behind; do
    cp "$dir/$caller" "$dir/answer"
    expect '^HTTP/1.1 200 ' "$caller: not served at the end"
    [ "$(bought $caller.com)" -eq 1 ] || fail "$caller: $(bought $caller.com) tasks were bought instead of one"
done
ended_well "$emailsd" emailsd
ended_well "$nginx" nginx
behave '{"task_time_ms": 2000}'
docker start "$emailsd" "$nginx" >/dev/null
until_done ask_at "$nginx" /livez || fail "they do not start again"
echo "ok   docker stop while callers wait, directly and behind nginx: served, status 0, in $stopped ms"

# ---- what Prometheus has seen ----

prometheus=$(compose ps -q prometheus)
query() { # PATH [OPTION...]
    at=$(docker port "$prometheus" 9090/tcp)/api/v1/$1
    shift
    curl -sS --noproxy '*' --fail -G "$@" "http://$at" >"$dir/answer"
}
sees_it() {
    query query --data-urlencode 'query=up{job="emailsd",instance="emailsd"}' && grep -q ',"1"\]' "$dir/answer"
}
has_evaluated() {
    query rules && grep -q '"health":"ok"' "$dir/answer" && ! grep -q '"health":"\(unknown\|err\)"' "$dir/answer"
}
within 60 sees_it || { cat "$dir/answer" >&2 && fail "Prometheus does not read emailsd"; }
within 60 has_evaluated || { cat "$dir/answer" >&2 && fail "Prometheus does not evaluate the rules"; }
rules=$(grep -o '"health":"ok"' "$dir/answer" | wc -l)
[ "$rules" -eq "$(grep -c -e '- alert:' -e '- record:' docker/monitoring/alerts.yaml)" ] || fail "$rules rules were loaded"
echo "ok   Prometheus finds emailsd by its name, reads it, and evaluates $rules rules"

# ---- stop and start ----

before=$(now_ms)
docker stop -t 5 "$emailsd" >/dev/null
stopped=$(($(now_ms) - before))
ended_well "$emailsd" emailsd
echo "ok   SIGTERM ends it with status 0, in $stopped ms with the engine's part"

before=$(now_ms)
docker start "$emailsd" >/dev/null
until_done ask /livez || fail "emailsd does not start again"
started=$(($(now_ms) - before))

size=$(docker image inspect -f '{{.Size}}' emailsd)
packed=$(docker save emailsd | gzip | wc -c)
echo "ok   image: $size bytes, $packed as it travels; idle: $idle;" \
    "from start to the first answer: $started ms with the engine's part"

# ---- the other profile ----

# The same nginx in front of the emailsd that would ask the real vendor; nothing is looked up there.
compose rm -s -f emailsd openmart-sim nginx >>"$dir/compose.log" 2>&1
export COMPOSE_PROFILES=vendor,nginx
quietly compose.log compose up -d --no-build
nginx=$(compose ps -q nginx)
until_done ask_at "$nginx" /livez || fail "nginx does not answer before the vendor's emailsd"
docker exec "$(compose ps -q emailsd-vendor)" /usr/bin/emailsd inspect --json >"$dir/answer"
expect '"answers":{"found":0,' "the vendor's emailsd has the simulator's answers"
COMPOSE_PROFILES=vendor,nginx,monitoring quietly compose.log compose config
echo "ok   profile vendor, with a store of its own, behind nginx; Grafana: its lines were read, not run"

echo "ok   all of it in $(($(date +%s) - began)) s"
