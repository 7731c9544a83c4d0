#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""get.py - looks up one domain with urllib3, which is also the lower half of requests.

    EMAILSD_URL=http://127.0.0.1:8080 docs/examples/get.py milvali.com

Prints the addresses. urllib3 repeats the request until it has a result or a final error: that joins the lookup, at
no cost.
"""
import json
import os
import sys
import time

import urllib3

URL = os.environ.get("EMAILSD_URL", "http://127.0.0.1:8080").rstrip("/")
KEY = os.environ.get("EMAILSD_KEY")
ATTEMPTS = 10


class Retry(urllib3.Retry):
    """Repeats these statuses if they have Retry-After. Those of `status_forcelist` it would repeat without it too,
    although they are final then."""
    RETRY_AFTER_STATUS_CODES = frozenset({429, 503, 504})


POOL = urllib3.PoolManager(
    retries=Retry(
        total=ATTEMPTS,
        backoff_factor=1,  # a broken connection has no Retry-After: 0, 2, 4, 8 ... seconds
        raise_on_status=False),  # after the last attempt, return the response: it names the error
    timeout=30,  # longer than the wait below
    headers={"Authorization": f"Bearer {KEY}"} if KEY else {})


def look_up(domain):
    """Returns the result, or the problem, of a domain."""
    for attempt in range(1, ATTEMPTS + 1):
        response = POOL.request("GET", f"{URL}/emails", fields={"domain": domain, "wait": 25})
        if "json" in response.headers.get("Content-Type", ""):
            return json.loads(response.data)
        time.sleep(attempt)  # a page of a proxy says nothing about the lookup
    sys.exit("get.py: no response of emailsd")


def main():
    try:
        result = look_up(sys.argv[1])
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        sys.exit(f"get.py: no response of emailsd: {error}")
    if "code" in result:
        sys.exit(f"get.py: {result['code']}: {result['detail']}")
    for entry in result["emails"]:
        print(entry["email"])


if __name__ == "__main__":
    main()
