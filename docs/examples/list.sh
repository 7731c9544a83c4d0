#!/bin/bash
# SPDX-License-Identifier: MIT
# list.sh - looks up the domains of a file, one per line, with curl and jq.
#
#   EMAILSD_URL=http://127.0.0.1:8080 docs/examples/list.sh domains.txt
#
# Prints index, domain, and addresses or error code of each entry as it ends. If the stream breaks,
# or an entry has no result yet (status 503 or 504), sends the list again: known results cost nothing.
set -o pipefail

url=${EMAILSD_URL:-http://127.0.0.1:8080}
url=${url%/}
attempts=20
lines=$(mktemp) # of one attempt
trap 'rm -f "$lines"' EXIT

# Prints the header with the key. curl reads it with -H @<(key): other users see the arguments of a program.
key() {
    [ -z "${EMAILSD_KEY:-}" ] || printf 'Authorization: Bearer %s\n' "$EMAILSD_KEY"
}

# Prints the lines of all attempts. curl itself repeats a rejected request (--retry); it fails if the
# stream is not complete.
send_until_complete() {
    local status
    for ((i = 1; i <= attempts; i++)); do
        curl -sSfN --retry 20 --retry-max-time 600 -H @<(key) -H 'Content-Type: text/plain' \
            --data-binary "@$1" "$url/emails" | tee "$lines"
        status=$?
        [ $status -eq 0 ] && ! jq -es 'any(.status == 503 or .status == 504)' "$lines" >/dev/null && return
        [ $status -eq 22 ] && return 22 # the request is wrong; curl has printed the status
        echo # ends a line that is not complete
        sleep "$i"
    done
    echo "list.sh: some entries have no result yet" >&2
    return 1
}

# An entry without a result, and a line that is not complete, are not shown yet.
send_until_complete "$1" |
    jq --unbuffered -Rr 'fromjson? | select(.status != 503 and .status != 504) |
        [.index, .input, .problem.code // (.emails | map(.email) | join(" "))] | @tsv' |
    awk '!shown[$1]++ { print; fflush() }'
