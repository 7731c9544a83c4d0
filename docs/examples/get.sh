#!/bin/bash
# SPDX-License-Identifier: MIT
# get.sh - looks up one domain with curl 7.84 or later, and jq.
#
#   EMAILSD_URL=http://127.0.0.1:8080 docs/examples/get.sh milvali.com
#
# Prints the addresses. Repeats the request until it has a result or a final error: that joins the
# lookup, at no cost.
url=${EMAILSD_URL:-http://127.0.0.1:8080}
url=${url%/}
attempts=10
body=$(mktemp)
trap 'rm -f "$body"' EXIT

# Prints the header with the key. curl reads it with -H @<(key): other users see the arguments of a program.
key() {
    [ -z "${EMAILSD_KEY:-}" ] || printf 'Authorization: Bearer %s\n' "$EMAILSD_KEY"
}

# Sends the request once. Prints the status and the seconds of Retry-After.
request() {
    curl -sSG --max-time 30 -H @<(key) --data-urlencode "domain=$1" -d wait=25 \
        -o "$body" -w '%{http_code} %header{retry-after}' "$url/emails"
}

for ((attempt = 1; attempt <= attempts; attempt++)); do
    seconds=$attempt
    # A connection that breaks, or a page of a proxy, is no response of emailsd.
    if response=$(request "$1") && jq -e . "$body" >/dev/null 2>&1; then
        read -r status seconds <<<"$response"
        case $status in
        200)
            jq -r '.emails[].email' "$body"
            exit
            ;;
        429 | 503 | 504) [ -n "$seconds" ] || break ;; # without Retry-After it is final
        *) break ;;
        esac
    fi
    [ "$attempt" -eq "$attempts" ] || sleep "$seconds"
done
jq -er '"get.sh: \(.code): \(.detail)"' "$body" >&2 2>/dev/null || echo "get.sh: no response of emailsd" >&2
exit 1
