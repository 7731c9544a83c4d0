#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh - builds the images from the Dockerfile, without a registry, and tests them with
# compose.yaml: a lookup through the published port, the same from the cache, the restrictions, the
# content of the image, a kill during a lookup, nginx as a proxy, an upstream with TLS, Prometheus,
# and a shutdown with waiting requests. Prints size, memory and start time. Requires root, Debian's
# mirror and 1 GB of disk; takes two minutes, and up to five more for the base and the first build.
#
# DEBIAN=trixie uses Debian 13 as the base instead of 12. Exit status 77: this machine cannot run an
# engine, and nothing was tested. See check_engine.sh for the engine and DOCKER_CHECK_DIR.
set -eu

cannot() {
    echo "docker/check.sh: cannot run here: $*" >&2
    exit 77
}

[ "$(id -u)" -eq 0 ] || cannot "debootstrap and dockerd require root"
unshare --mount true 2>/dev/null || cannot "no permission for mount namespaces"
# A private mount namespace: mounts made below are invisible to this machine and end with the
# script.
if [ -z "${DOCKER_CHECK_IS_APART:-}" ]; then
    DOCKER_CHECK_IS_APART=yes exec unshare --mount --propagation private "$0" "$@"
fi

cd "$(dirname "$0")/.."
began=$(date +%s)
# shellcheck source=docker/check_engine.sh disable=SC1091 # checked separately
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

# The simulator's port is not published, but the network of the containers is reachable from this
# machine.
sim() { # PATH [OPTION...]
    at=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$simulator"):8090$1
    shift
    curl -sS --noproxy '*' --fail "$@" "http://$at"
}

behave() { # JSON
    sim /sim/behaviour -X PUT -d "$1" >"$dir/answer"
}

paid_tasks() { # DOMAIN: prints the number of tasks
    sim "/sim/ledger?domain=$1" | grep -o '"task_id"' | wc -l
}

# Fails unless the response in $dir/answer has a matching line.
expect() { # PATTERN WHAT
    grep -q "$1" "$dir/answer" || {
        cat "$dir/answer" >&2
        fail "$2"
    }
}

# Checks both the settings of the engine and their effect in the kernel, because emailsd also sets
# no_new_privs itself.
is_restricted() { # CONTAINER NAME
    docker inspect -f '{{with .HostConfig}}{{.SecurityOpt}} {{.CapDrop}} read-only: {{.ReadonlyRootfs}}
memory: {{.Memory}}, threads: {{.PidsLimit}}{{end}}' "$1" >"$dir/answer"
    expect '^\[no-new-privileges\] \[ALL\] read-only: true$' "$2 runs without restrictions"
    expect '^memory: 134217728, threads: 256$' "$2 has different limits"
    tr '\t' ' ' <"/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/status" >"$dir/answer"
    expect '^Uid: 65532 65532 65532 65532$' "$2 does not run as user 65532"
    expect '^CapBnd: 0*$' "$2 may have capabilities"
    expect '^NoNewPrivs: 1$' "$2 may gain privileges"
}

ended_well() { # CONTAINER NAME
    docker inspect -f 'exit {{.State.ExitCode}}, killed for memory: {{.State.OOMKilled}}' "$1" >"$dir/answer"
    expect '^exit 0, killed for memory: false$' "$2 did not end with status 0"
}

# ---- the images ----

# .dockerignore must admit exactly what COPY names.
awk '$1 == "COPY" && !/--from=/ { for (i = 2; i < NF; i++) if ($i !~ /^--/) print $i }' docker/Dockerfile |
    sort -u >"$dir/copied"
sed -n 's/^!//p' .dockerignore | sort | diff "$dir/copied" - >&2 || fail ".dockerignore differs from what is copied"

build() { # CONTEXT [OPTION...]
    context=$1
    shift
    quietly build.log docker build --progress plain --network host -f "$context/docker/Dockerfile" \
        --build-arg DEBIAN --build-arg REVISION="$revision" "$@" "$context"
}
# Like a clone made with a umask of 077.
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

# Checks the content of the image: no other program, and everything readable by its user.
build . --output "type=tar,dest=$dir/emailsd.tar"
tar -tf "$dir/emailsd.tar" >"$dir/answer"
for file in etc/ssl/certs/ca-certificates.crt usr/share/publicsuffix/public_suffix_list.dafsa \
    usr/share/emailsd/consumer-mail-domains.txt \
    usr/share/doc/emailsd/copyright usr/share/doc/libc6/copyright \
    usr/share/common-licenses/GPL-3 var/lib/dpkg/status.d/libc6; do
    expect "^$file\$" "the image lacks $file"
done
objects=$(grep -c '\.so' "$dir/answer")
licences=$(grep -c '^usr/share/doc/.*/copyright$' "$dir/answer")
tar -tvf "$dir/emailsd.tar" >"$dir/answer"
programs=$(awk '/^[-h]/ && $1 ~ /[xst]/ && $6 !~ /\.so(\.[0-9]+)*$/ { print $6 }' "$dir/answer")
# shellcheck disable=SC2086,SC2116 # joins the lines
programs=$(echo $programs)
[ "$programs" = "usr/bin/emails usr/bin/emailsd" ] || fail "the image has other programs: $programs"
hidden=$(awk '$6 != "var/lib/emailsd/" && (/^[-h]/ && $1 !~ /^.......r/ || /^d/ && $1 !~ /^.......r.x/)' \
    "$dir/answer")
[ -z "$hidden" ] || fail "not readable by all users: $hidden"
roots=$(tar -xOf "$dir/emailsd.tar" etc/ssl/certs/ca-certificates.crt | grep -c 'BEGIN CERTIFICATE')
[ "$roots" -gt 50 ] || fail "the image trusts $roots authorities"
echo "ok   two programs, $objects shared objects, $licences licences, $roots certificates, all readable"

# ---- a lookup ----

clear_away # what an earlier run may have left
quietly compose.log compose up -d --no-build
emailsd=$(compose ps -q emailsd)
simulator=$(compose ps -q openmart-sim)
until_done ask /livez || fail "emailsd does not respond on its published port"
idle=$(docker stats --no-stream --format '{{.MemUsage}}' "$emailsd")

ask /version >"$dir/answer"
expect "\"version\":\"$version\"" "the version differs from the Makefile's"
expect '"public_suffix_list":"/usr/share/publicsuffix/' "not Debian's Public Suffix List"

ask '/emails?domain=milvali.com' >"$dir/answer"
expect '^HTTP/1.1 200 ' "the lookup failed"
expect '^Cache-Status: emailsd; fwd=' "the first response did not come from the upstream"
expect '"email":"info@milvali.com"' "the mailbox is missing"
ask '/emails?domain=https://www.Milvali.com/contact' >"$dir/answer"
expect '^HTTP/1.1 200 ' "the second request failed"
expect '^Cache-Status: emailsd; hit' "the second response did not come from the cache"
echo "ok   a lookup through the published port, and the same from the cache"

is_restricted "$emailsd" emailsd
is_restricted "$simulator" openmart-sim
echo "ok   user 65532, no capabilities, no new privileges, read-only, a limit on memory and threads"

# ---- Prometheus: started here, queried at the end, after some scrapes ----

# Debian's Prometheus, under the image name that compose.yaml uses, so that no registry is needed.
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

until_done is_healthy || fail "the health check does not become healthy"
# The lookup ends only when the script says so.
behave '{"task_time_ms": 3600000}'
ask '/emails?domain=killed.com&async=1' >"$dir/answer"
expect '^HTTP/1.1 202 ' "the lookup was not accepted"
until_done is_taken || fail "the upstream did not accept the batch"
docker kill -s KILL "$emailsd" >/dev/null
docker start "$emailsd" >/dev/null
until_done ask /livez || fail "emailsd does not start after a kill"
docker logs "$emailsd" >"$dir/answer" 2>&1
expect 'event=recovery_finished batches=1 tasks=1 unknown_batches=0 ' "no lookup was open when it was killed"
behave '{"task_time_ms": 2000}'
ask '/emails?domain=killed.com' >"$dir/answer"
expect '^HTTP/1.1 200 ' "the lookup in flight was not completed after the kill"
docker exec "$emailsd" /usr/bin/emailsd inspect >"$dir/answer"
expect '2 over' "not two batches in all"
expect '2 answered, 0 failed, 0 not-created, 0 unknown' "the journal does not contain two answered lookups"
[ "$(paid_tasks killed.com)" -eq 1 ] || fail "$(paid_tasks killed.com) tasks were paid instead of one"
ask '/emails?domain=milvali.com' >"$dir/answer"
expect '^Cache-Status: emailsd; hit' "a result from before the kill is missing"
docker exec "$emailsd" /usr/bin/emails -qa milvali.com >"$dir/answer"
expect '^info@milvali.com$' "emails does not find the server in its own container"
until_done is_healthy || fail "the health check does not become healthy again"
echo "ok   killed during a lookup, completes it after the restart, with the volume; healthy again"

# ---- nginx as a reverse proxy ----

quietly compose.log compose up -d --no-build nginx
nginx=$(compose ps -q nginx)
until_done ask_at "$nginx" /livez || fail "nginx does not respond on its published port"
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
echo "ok   nginx as a proxy: same restrictions, a lookup, 502 while emailsd is down, and recovery"

# ---- an upstream with TLS ----

# This is the simulator behind another nginx, with a certificate of a private authority.
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
over_tls() { # NAME OPTION...: starts an emailsd with that upstream, and stores its response
    run "$@" --allow-anonymous --store memory: --upstream-url https://vendor:8443
    until_done ask_at "$1" /livez || fail "emailsd does not start with an upstream with TLS"
    ask_at "$1" "/emails?domain=$1.com" >"$dir/answer"
}
key=$PWD/docker/sim-key:/run/secrets/openmart_api_key:ro
over_tls with-ca -p 127.0.0.1::8080 -v "$key" -v "$tls/authority.pem:/etc/tls/authority.pem:ro" \
    -e EMAILSD_UPSTREAM_CA=/etc/tls/authority.pem emailsd
expect '^HTTP/1.1 200 ' "no lookup over TLS with --upstream-ca"
over_tls with-bundle -p 127.0.0.1::8080 -v "$key" \
    -v "$tls/authority.pem:/etc/ssl/certs/ca-certificates.crt:ro" emailsd
expect '^HTTP/1.1 200 ' "no lookup over TLS with a mounted bundle instead of the image's own"
over_tls stranger -p 127.0.0.1::8080 -v "$key" emailsd
expect '^HTTP/1.1 50[23] ' "the image trusts an unknown authority"
[ "$(paid_tasks stranger.com)" -eq 0 ] || fail "a submit was sent to an upstream with an untrusted certificate"
echo "ok   a lookup over TLS: by --upstream-ca, by a mounted bundle; none with an unknown authority"
clear_away_labelled

# ---- a shutdown with waiting requests ----

# Lookups that are not submitted when the shutdown starts are not paid for any more, and no request
# waits for them.
are_held() {
    ask /metrics | grep -q '^emailsd_waiters 2$' && [ "$(paid_tasks held.com)$(paid_tasks held-behind.com)" = 11 ]
}

behave '{"task_time_ms": 3600000}'
ask '/emails?domain=held.com' >"$dir/held" &
held=$!
ask_at "$nginx" '/emails?domain=held-behind.com' >"$dir/held-behind" &
held_behind=$!
until_done are_held || fail "the two requests do not wait"
before=$(now_ms)
docker stop "$emailsd" "$nginx" >/dev/null &
stop=$!
# Longer than the default timeouts of emailsd and of an engine: that is what this tests.
sleep 33
behave '{"task_time_ms": 0}'
for pid in $held $held_behind $stop; do
    wait "$pid" || fail "waiting requests were cut off by the shutdown"
done
stopped=$(($(now_ms) - before))
for caller in held held-behind; do
    cp "$dir/$caller" "$dir/answer"
    expect '^HTTP/1.1 200 ' "$caller: not served during shutdown"
    [ "$(paid_tasks $caller.com)" -eq 1 ] || fail "$caller: $(paid_tasks $caller.com) tasks were paid instead of one"
done
ended_well "$emailsd" emailsd
ended_well "$nginx" nginx
behave '{"task_time_ms": 2000}'
docker start "$emailsd" "$nginx" >/dev/null
until_done ask_at "$nginx" /livez || fail "emailsd and nginx do not start again"
echo "ok   docker stop with waiting requests, directly and through nginx: served, status 0, in $stopped ms"

# ---- queries to Prometheus ----

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
within 60 sees_it || { cat "$dir/answer" >&2 && fail "Prometheus does not scrape emailsd"; }
within 60 has_evaluated || { cat "$dir/answer" >&2 && fail "Prometheus does not evaluate the rules"; }
rules=$(grep -o '"health":"ok"' "$dir/answer" | wc -l)
[ "$rules" -eq "$(grep -c -e '- alert:' -e '- record:' docker/monitoring/alerts.yaml)" ] || fail "$rules rules were loaded"
echo "ok   Prometheus finds emailsd by name, scrapes it, and evaluates $rules rules"

# ---- stop and start ----

before=$(now_ms)
docker stop -t 5 "$emailsd" >/dev/null
stopped=$(($(now_ms) - before))
ended_well "$emailsd" emailsd
echo "ok   SIGTERM stops it with status 0, in $stopped ms, engine time included"

before=$(now_ms)
docker start "$emailsd" >/dev/null
until_done ask /livez || fail "emailsd does not start again"
started=$(($(now_ms) - before))

size=$(docker image inspect -f '{{.Size}}' emailsd)
packed=$(docker save emailsd | gzip | wc -c)
echo "ok   image: $size bytes, $packed compressed; idle: $idle;" \
    "from start to the first response: $started ms, engine time included"

# ---- the other profile ----

# The same nginx with the emailsd that would use the real upstream; no lookup is made there.
compose rm -s -f emailsd openmart-sim nginx >>"$dir/compose.log" 2>&1
export COMPOSE_PROFILES=vendor,nginx
quietly compose.log compose up -d --no-build
nginx=$(compose ps -q nginx)
until_done ask_at "$nginx" /livez || fail "nginx does not respond with the emailsd of profile vendor"
docker exec "$(compose ps -q emailsd-vendor)" /usr/bin/emailsd inspect --json >"$dir/answer"
expect '"answers":{"found":0,' "the emailsd of profile vendor has the simulator's results"
COMPOSE_PROFILES=vendor,nginx,monitoring quietly compose.log compose config
echo "ok   profile vendor, with its own store, behind nginx; Grafana: configuration checked, not run"

echo "ok   finished in $(($(date +%s) - began)) s"
