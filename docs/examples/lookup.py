#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""lookup.py - looks up one domain with Python's own library, and shows its progress.

    EMAILSD_URL=http://127.0.0.1:8080 docs/examples/lookup.py milvali.com

Prints the phases on standard error, and the addresses. Ends with 1 if there is no result. If the stream breaks,
requests it again: that joins the lookup, at no cost.
"""
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.get("EMAILSD_URL", "http://127.0.0.1:8080").rstrip("/")
KEY = os.environ.get("EMAILSD_KEY")
ATTEMPTS = 20
TIMEOUT_S = 60  # a stream sends at least a comment every 15 s


def events(domain):
    """Yields (name, data) of each event."""
    query = urllib.parse.urlencode({"domain": domain})
    headers = {"Accept": "text/event-stream", **({"Authorization": f"Bearer {KEY}"} if KEY else {})}
    request = urllib.request.Request(f"{URL}/emails?{query}", headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        name, data = "", ""
        for line in map(bytes.decode, response):
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data += value
            elif not field and data:  # an empty line ends an event; a comment begins with a colon
                yield name, json.loads(data)
                name, data = "", ""


def look_up(domain):
    """Returns the result, or the problem, of a domain."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            for name, data in events(domain):
                if name == "result":
                    return data
                print(f"{data['phase']}, {data['elapsed_s']} of about {data['expected_s']} s", file=sys.stderr)
        except urllib.error.HTTPError as error:
            return {"problem": json.load(error)}
        except (OSError, http.client.HTTPException) as error:
            print(f"lookup.py: {error!r}; joining the lookup again", file=sys.stderr)
        time.sleep(attempt)
    return {"problem": {"detail": "no result yet"}}


def main():
    result = look_up(sys.argv[1])
    if "problem" in result:
        sys.exit(f"lookup.py: {result['problem']['detail']}")
    for entry in result["emails"]:
        print(entry["email"])


if __name__ == "__main__":
    main()
