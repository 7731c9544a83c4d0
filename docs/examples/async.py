#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""async.py - starts a lookup, and polls it until it has ended, with requests.

    EMAILSD_URL=http://127.0.0.1:8080 docs/examples/async.py milvali.com

Prints the phases on standard error, and the addresses. Between two requests, your program can do something else, or
store the location: polling is free.
"""
import os
import sys
import time

import requests
from urllib3 import Retry

URL = os.environ.get("EMAILSD_URL", "http://127.0.0.1:8080").rstrip("/")
KEY = os.environ.get("EMAILSD_KEY")
TIMEOUT_S = 30


class RetryIfTemporary(Retry):
    """Repeats these statuses if they have Retry-After; without it, they are final."""
    RETRY_AFTER_STATUS_CODES = frozenset({429, 503, 504})


session = requests.Session()
session.mount(URL, requests.adapters.HTTPAdapter(max_retries=RetryIfTemporary(
    total=10, backoff_factor=1, raise_on_status=False)))
if KEY:
    session.headers["Authorization"] = f"Bearer {KEY}"


def start(domain):
    """Starts the lookup, or joins it. Returns its location and the response: 202, or a result that is known."""
    response = session.get(f"{URL}/emails", params={"domain": domain, "async": 1}, timeout=TIMEOUT_S)
    return URL + response.headers.get("Location", ""), response


def look_up(domain):
    location, response = start(domain)
    while response.status_code == 202:
        progress = response.json()
        print(f"{progress['phase']}, {progress['elapsed_s']} of about {progress['expected_s']} s", file=sys.stderr)
        time.sleep(int(response.headers["Retry-After"]))
        response = session.get(location, timeout=TIMEOUT_S)
        if response.status_code == 404:  # the server has been restarted, or there are several
            location, response = start(domain)
    return response


def main():
    response = look_up(sys.argv[1])
    result = response.json()
    if response.status_code != 200:
        sys.exit(f"async.py: {result['code']}: {result['detail']}")
    for entry in result["emails"]:
        print(entry["email"])


if __name__ == "__main__":
    main()
