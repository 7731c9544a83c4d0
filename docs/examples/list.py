#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""list.py - looks up the domains of a file, one per line, with Python's own library.

    EMAILSD_URL=http://127.0.0.1:8080 docs/examples/list.py domains.txt

Prints index, domain, and addresses or error code of each entry as it ends. If the stream breaks, or an entry
has no result yet, sends the list again: known results cost nothing.
"""
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("EMAILSD_URL", "http://127.0.0.1:8080").rstrip("/")
KEY = os.environ.get("EMAILSD_KEY")
ATTEMPTS = 20
TIMEOUT_S = 60  # a stream sends at least an empty line every 15 s
NOT_YET = {503, 504}  # of an entry: it has no result, but the list can get one
REJECTED_FOR_NOW = {429, 503}  # of the request


def results(domains):
    """Sends the list once, and yields the result of each entry as it ends."""
    headers = {"Accept": "application/x-ndjson", "Content-Type": "application/json"}
    if KEY:
        headers["Authorization"] = f"Bearer {KEY}"
    request = urllib.request.Request(f"{URL}/emails", json.dumps(domains).encode(), headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        for line in response:
            if line.strip():  # an empty line only keeps the connection open
                yield json.loads(line)


def complete_results(domains):
    """Yields one final result for each entry. Sends the list again until there is one."""
    done = set()
    for attempt in range(1, ATTEMPTS + 1):
        pause_s = attempt
        try:
            for result in results(domains):
                if result["status"] not in NOT_YET and result["index"] not in done:
                    done.add(result["index"])
                    yield result
        except urllib.error.HTTPError as error:
            if error.code not in REJECTED_FOR_NOW:
                raise
            pause_s = int(error.headers.get("Retry-After", pause_s))
        except (OSError, http.client.HTTPException, ValueError) as error:
            print(f"list.py: {error!r}; sending the list again", file=sys.stderr)
        if len(done) == len(domains):
            return
        time.sleep(pause_s)
    sys.exit(f"list.py: {len(domains) - len(done)} entries have no result yet")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        domains = [line.strip() for line in file if line.strip()]
    for result in complete_results(domains):
        found = result.get("problem", {}).get("code") or " ".join(entry["email"] for entry in result["emails"])
        print(result["index"], result["input"], found, sep="\t", flush=True)


if __name__ == "__main__":
    main()
