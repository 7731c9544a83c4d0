#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh - makes one lookup as a user would, shows its progress, then the same lookup from the cache.
#
# Starts the simulator of the upstream and emailsd on free loopback ports. Ends exactly these two, by
# their process ids, also after a failure.
set -eu

bin=${DAEMON_BIN:-build/release/emailsd}
sim=${SIM_BIN:-build/release/openmart-sim}
dir=$(mktemp -d)
sim_pid=
emailsd_pid=

finish() {
    trap - EXIT INT TERM
    for pid in $emailsd_pid $sim_pid; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Waits for the line that a server prints when it is ready, and prints its URL.
url_of() { # PID FILE
    while ! grep -q ' ready on ' "$2"; do
        if ! kill -0 "$1" 2>/dev/null; then
            echo "demo: the server did not start:" >&2
            cat "$2" "$dir"/*.err >&2
            exit 1
        fi
        sleep 0.05
    done
    sed -n 's/.* ready on //p' "$2"
}

show() {
    printf '\n$ %s\n' "$*"
}

echo "A real submit takes about 26 s; the simulator's takes 3 s here, and its task 2 s more."

"$sim" --listen 127.0.0.1:0 --submit-delay 3s --task-time 2s >"$dir/sim.out" 2>"$dir/sim.err" &
sim_pid=$!
sim_url=$(url_of $sim_pid "$dir/sim.out")

# A store of its own: `make run` must not serve results that the simulator invented.
OPENMART_API_KEY=test-key "$bin" --listen 127.0.0.1:0 --upstream-url "$sim_url" \
    --store "sqlite:$dir/demo.db" \
    >"$dir/emailsd.out" 2>"$dir/emailsd.err" &
emailsd_pid=$!
url=$(url_of $emailsd_pid "$dir/emailsd.out")

show curl -i "'$url/emails?domain=milvali.com'"
curl -sS -i -w '\n(%{time_total} s)\n' "$url/emails?domain=milvali.com" >"$dir/first" &
curl_pid=$!
seconds=0
while kill -0 $curl_pid 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    calls=$(curl -sS "$sim_url/sim/calls")
    count() { printf '%s' "$calls" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
    printf '  ... %d s: the upstream has received %s submit, %s status polls, %s task reads\n' \
        $seconds "$(count submit)" "$(count status)" "$(count task)"
done
wait $curl_pid
cat "$dir/first"

show curl -i "'$url/emails?domain=https://www.Milvali.com/contact'"
curl -sS -i -w '\n(%{time_total} s)\n' "$url/emails?domain=https://www.Milvali.com/contact"

finish
printf '\nBoth servers have been stopped. The second response came from the cache: see Cache-Status.\n'
