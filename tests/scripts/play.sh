#!/bin/sh
# SPDX-License-Identifier: MIT
# play.sh [COMMAND...] - runs emailsd with the simulator of the upstream, until Ctrl-C.
#
# Needs no key, costs nothing, and keeps no result. Prints what to try. Listens on port 8080 of loopback, or on PORT;
# if that is in use, on a free one. With COMMAND, runs it with the URL in EMAILSD_URL instead, until it ends, and
# exits with its status. Ends exactly the two servers, by their process ids, also after a failure.
set -eu

bin=${DAEMON_BIN:-build/release/emailsd}
sim=${SIM_BIN:-build/release/openmart-sim}
emails=${EMAILS_BIN:-build/release/emails}
dir=$(mktemp -d)
sim_pid=
emailsd_pid=

finish() {
    trap - EXIT INT TERM HUP
    for pid in $emailsd_pid $sim_pid; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 0' INT
trap 'exit 143' TERM HUP

# Waits for the line that a server prints when it is ready. Fails if the server ends instead: the shell notices that
# while it waits for `sleep`, but not in a subshell.
await_ready() { # PID FILE
    while ! grep -qs ' ready on ' "$2"; do
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.05
    done
}

url_in() { # FILE
    sed -n 's/.* ready on //p' "$1"
}

fail() { # FILE
    echo "play: a server did not start, or has ended:" >&2
    cat "$1" >&2
    exit 1
}

# The simulator's submit takes 5 s, and its task 3 s more. Killing this script ends the servers too.
start_simulator() {
    setpriv --pdeathsig TERM "$sim" --listen 127.0.0.1:0 --submit-delay 5s --task-time 3s \
        >"$dir/sim.out" 2>"$dir/sim.log" &
    sim_pid=$!
    await_ready $sim_pid "$dir/sim.out"
}

# A store of its own: `make run` must not serve results that the simulator invented.
start_emailsd() { # PORT
    OPENMART_API_KEY=test-key setpriv --pdeathsig TERM "$bin" --listen "127.0.0.1:$1" \
        --upstream-url "$(url_in "$dir/sim.out")" --store "sqlite:$dir/play.db" --drain-timeout 0 \
        >"$dir/emailsd.out" 2>"$dir/emailsd.log" &
    emailsd_pid=$!
    await_ready $emailsd_pid "$dir/emailsd.out"
}

show() {
    cat <<END
emailsd runs with a simulated upstream: no key, no cost. A first result takes about 8 s here, and 30 to 60 s with the
real upstream. The same again comes from the cache.

  page      $url/
  result    curl '$url/emails?domain=milvali.com'
  progress  curl -N '$url/emails?domain=blue-bottle.com&format=sse'
END
    [ ! -x "$emails" ] || echo "  tool      $emails --url $url milvali.com stripe.com"
    cat <<END
  paid      curl $sim_url/sim/ledger

Other results: empty.com has no mailboxes, errored.com fails, slow20.com takes 20 s more.
The log is $dir/emailsd.log

Ctrl-C ends both servers and deletes the results.
END
}

# Variables for emailsd would change what this script starts.
for name in $(env | sed -n 's/^\(EMAILSD_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done

start_simulator || fail "$dir/sim.log"
start_emailsd "${PORT:-8080}" || start_emailsd 0 || fail "$dir/emailsd.log"

url=$(url_in "$dir/emailsd.out")
sim_url=$(url_in "$dir/sim.out")

if [ $# -eq 0 ]; then
    show
    wait $emailsd_pid || true
    fail "$dir/emailsd.log"
fi
EMAILSD_URL=$url "$@"
