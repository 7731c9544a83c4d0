#!/bin/bash
# SPDX-License-Identifier: MIT
# lookup.sh - looks up one domain with curl, and shows its progress.
#
#   EMAILSD_URL=http://127.0.0.1:8080 docs/examples/lookup.sh milvali.com
#
# Prints the phases on standard error, and the addresses. Ends with 1 if there is no result. If the
# stream breaks, run it again: that joins the lookup, at no cost.
set -o pipefail

url=${EMAILSD_URL:-http://127.0.0.1:8080}
url=${url%/}

# Prints the header with the key. curl reads it with -H @<(key): other users see the arguments of a program.
key() {
    [ -z "${EMAILSD_KEY:-}" ] || printf 'Authorization: Bearer %s\n' "$EMAILSD_KEY"
}

# An event is a few lines `field: value`; its data is one line.
curl -sSfNG -H @<(key) --data-urlencode "domain=$1" -d format=sse "$url/emails" | {
    status=1
    while IFS= read -r line; do
        case $line in
        event:*) event=${line#event: } ;;
        data:*)
            data=${line#data: }
            if [ "$event" = progress ]; then
                jq -r '"\(.phase), \(.elapsed_s) of about \(.expected_s) s"' <<<"$data" >&2
            else
                jq -er '.emails[].email' <<<"$data" || jq -r '.problem.detail // "no address"' <<<"$data" >&2
                status=$(jq 'if .problem then 1 else 0 end' <<<"$data")
            fi
            ;;
        esac
    done
    exit "$status"
}
