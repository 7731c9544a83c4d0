#!/bin/bash
# SPDX-License-Identifier: MIT
# get.sh - looks up one domain with curl 7.84 or later, and jq.
#
#   EMAILSD_URL=http://127.0.0.1:8080 docs/examples/get.sh milvali.com
#
# Prints the addresses. Repeats the request until it has a result or a final error: that joins the
# lookup, at no cost.
url=${EMAILSD_URL:-http://127.0.0.1:8080}
key=(${EMAILSD_KEY:+-H "Authorization: Bearer $EMAILSD_KEY"})
attempts=10
body=$(mktemp)
trap 'rm -f "$body"' EXIT

# Sends the request once. Prints the status and the seconds of Retry-After.
request() {
    curl -sSG --max-time 30 "${key[@]}" --data-urlencode "domain=$1" -d wait=25 \
        -o "$body" -w '%{http_code} %header{retry-after}' "$url/emails"
}

for ((attempt = 1; attempt <= attempts; attempt++)); do
    # A connection that breaks, or a page of a proxy, is no response of emailsd.
    if ! response=$(request "$1") || ! jq -e . "$body" >/dev/null 2>&1; then
        sleep "$attempt"
        continue
    fi
    read -r status seconds <<<"$response"
    case $status in
    200)
        jq -r '.emails[].email' "$body"
        exit
        ;;
    429 | 503 | 504) [ -n "$seconds" ] || break ;;
    *) break ;;
    esac
    sleep "$seconds"
done
jq -r '"get.sh: \(.code): \(.detail)"' "$body" >&2
exit 1
