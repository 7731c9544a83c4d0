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

import urllib3

URL = os.environ.get("EMAILSD_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("EMAILSD_KEY")

RETRIES = urllib3.Retry(
    total=10,
    status_forcelist=[503, 504],  # and 429 if it has Retry-After; never 502, which may have been paid for
    backoff_factor=1,  # a broken connection has no Retry-After: 0, 2, 4, 8 ... seconds
    raise_on_status=False)  # after the last attempt, return the response: it names the error

POOL = urllib3.PoolManager(
    retries=RETRIES,
    timeout=30,  # longer than the wait below
    headers={"Authorization": f"Bearer {KEY}"} if KEY else {})


def look_up(domain):
    """Returns the result, or the problem, of a domain."""
    response = POOL.request("GET", f"{URL}/emails", fields={"domain": domain, "wait": 25})
    return json.loads(response.data)


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
