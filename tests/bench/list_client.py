#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""list_client.py PORT TARGET ENTRIES NAME [SECONDS] - sends a list, and reads its results to the end.

The entries are NAME-0.com and so on. With SECONDS, it sends the list again until that time is over. Prints JSON:
how many lists, the time of the last one and of its first result in seconds, and the outcomes of its entries.
"""
import collections
import http.client
import json
import sys
import time

LONGEST_S = 3600


def send(port, target, body):
    """Returns the times from the request to the first result and to the last, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
    began = time.monotonic()
    connection.request("POST", target, body, {"Content-Type": "text/plain"})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"{target}: {answer.status} {answer.read()[:300]!r}")
    parts = [answer.readline()]
    while parts[-1] == b"\n":  # sent now and then while there is no result
        parts.append(answer.readline())
    first_s = time.monotonic() - began
    while part := answer.read1(1 << 16):
        parts.append(part)
    took_s = time.monotonic() - began
    connection.close()
    return first_s, took_s, b"".join(parts)


def main():
    port, target, n, name = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    until = time.monotonic() + (float(sys.argv[5]) if len(sys.argv) > 5 else 0)
    body = "\n".join(f"{name}-{i}.com" for i in range(n)).encode()
    lists, is_over = 0, False
    while not is_over:
        first_s, took_s, lines = send(port, target, body)
        lists += 1
        is_over = time.monotonic() >= until
    results = [json.loads(line) for line in lines.splitlines() if line]
    print(json.dumps({"lists": lists, "first_s": first_s, "took_s": took_s,
                      "outcomes": collections.Counter(result["outcome"] for result in results)}))


if __name__ == "__main__":
    main()
