#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""plain_script.py URL POLL_S PARALLEL - what an integrator writes in an afternoon: emailsd's peer.

Reads tasks from stdin, one domain per line. Submits them in batches of 100, PARALLEL at a time; polls each
batch until it is ready; lists its tasks; reads each. As soon as a domain has its result, prints the domain
and the wall time in seconds.
"""
import concurrent.futures
import http.client
import json
import sys
import time
import urllib.parse

BATCH = 100
HEADERS = {"X-API-Key": "test-key", "Content-Type": "application/json"}


class Vendor:
    """One keep-alive connection to the upstream."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=120)

    def call(self, method, path, document=None):
        body = None if document is None else json.dumps(document)
        self.connection.request(method, path, body, HEADERS)
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status not in (200, 201, 202):
            sys.exit(f"{method} {path}: {answer.status} {data!r}")
        return json.loads(data)


def handle_batch(url, poll_s, domains):
    vendor = Vendor(url)
    tasks = [{"domain": domain, "company_name": domain.partition(".")[0], "tracking_id": domain}
             for domain in domains]
    batch = vendor.call("POST", "/api/v1/task/batch/lookup_business_email", tasks)
    base = f"/api/v1/task/batch/{batch['batch_id']}"
    while not vendor.call("GET", base + "/status")["batch_ready"]:
        time.sleep(poll_s)  # polls, as such scripts do
    for task_id in vendor.call("GET", base + "/task_ids"):
        task = vendor.call("GET", f"/api/v1/task/{task_id}")
        # print() would write the line end separately, and lines of several threads would mix.
        sys.stdout.write(f"{task['tracking_id']} {time.time():.6f}\n")


def main():
    url, poll_s, parallel = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    domains = sys.stdin.read().split()
    batches = [domains[i:i + BATCH] for i in range(0, len(domains), BATCH)]
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        list(pool.map(lambda batch: handle_batch(url, poll_s, batch), batches))


if __name__ == "__main__":
    main()
