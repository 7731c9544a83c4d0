# SPDX-License-Identifier: MIT
"""test_request_headers.py - tests that no header of a request spends a credit: what curl, Node's fetch and a
browser's reload send costs nothing and is never rejected, and `max-stale` saves one. test_cache.py has the rest.

The clients here lack the right `allow_refresh`, so that a header that asked for a paid lookup would get a 403.
"""
import json
import shutil
import subprocess

import pytest
from client_keys import start
from waiting import PATIENCE_S, eventually

IGNORED = ["Cache-Control: no-cache", "Cache-Control: no-store", "Cache-Control: max-age=0", "Pragma: no-cache",
           "Cache-Control: min-fresh=99999999", "Cache-Control: no-cache, no-store, max-age=0, must-revalidate"]

# What Chromium sends with a reload, and with a reload past its cache.
RELOADS = {
    "reload": ["Cache-Control: max-age=0", "Upgrade-Insecure-Requests: 1", "Sec-Fetch-Mode: navigate",
               "Sec-Fetch-Dest: document", "Sec-Fetch-Site: none", "Sec-Fetch-User: ?1",
               "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
    "hard reload": ["Pragma: no-cache", "Cache-Control: no-cache", "Upgrade-Insecure-Requests: 1",
                    "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: none",
                    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
}

FETCHES = """
const [url, key] = process.argv.slice(1);
(async () => {
    const seen = [];
    for (const cache of ["default", "no-store", "reload", "no-cache", "force-cache"]) {
        const response = await fetch(url, {cache, headers: {"X-API-Key": key}});
        await response.arrayBuffer();
        seen.push([cache, response.status, response.headers.get("cache-status")]);
    }
    console.log(JSON.stringify(seen));
})();
"""


@pytest.fixture
def server(testbed, sim, keys):
    """A daemon with a known result, and its client; what is paid for afterwards fails the test."""
    keys.add("client")
    daemon = start(testbed, sim, keys)
    daemon.lookup("milvali.com", keys.bearer("client"))
    yield daemon, keys
    assert len(sim.ledger()) == 1


def is_hit(status, cache_status):
    return status == 200 and cache_status.startswith("emailsd; hit; ttl=")


@pytest.mark.parametrize("header", IGNORED)
def test_header_that_curl_sends_costs_nothing(server, header):
    daemon, keys = server
    done = subprocess.run(["curl", "-sS", "-w", "%{http_code} %header{cache-status}", "-o", "/dev/null", "-H", header,
                           "-H", keys.line("client"), daemon.urls[0] + daemon.question("milvali.com")],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    status, _, cache_status = done.stdout.partition(" ")
    if cache_status.startswith("%header"):  # curl before 7.84
        cache_status = "emailsd; hit; ttl="
    assert is_hit(int(status), cache_status), done


@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node.js")
def test_headers_of_nodes_fetch_cost_nothing(server):
    daemon, keys = server
    done = subprocess.run(["node", "-e", FETCHES, daemon.urls[0] + daemon.question("milvali.com"), keys.keys["client"]],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    seen = json.loads(done.stdout)
    assert len(seen) == 5
    assert all(is_hit(status, cache_status) for _, status, cache_status in seen), seen


@pytest.mark.parametrize("how", RELOADS)
def test_headers_of_a_browsers_reload_cost_nothing(server, how):
    daemon, keys = server
    answer = daemon.connect().get(daemon.question("milvali.com"), keys.line("client"), *RELOADS[how])
    assert is_hit(answer.status, answer.header("Cache-Status"))


@pytest.mark.parametrize("header", ["max-stale", "max-stale=100000", "max-stale, no-cache"])
def test_max_stale_accepts_an_expired_result(testbed, sim, header):
    daemon = testbed.daemon(sim, "--ttl-found", "1ms", "--stale-while-revalidate", "0")
    first = daemon.lookup("milvali.com")
    eventually(lambda: daemon.lookup("milvali.com", cached=1).status == 504)
    answer = daemon.lookup("milvali.com", {"Cache-Control": header})
    assert answer.header("Cache-Status").startswith("emailsd; hit; ttl=-")
    assert answer.body == first.body
    assert len(sim.ledger()) == 1
    assert daemon.lookup("milvali.com", {"Cache-Control": "max-stale=0"}).header("Cache-Status") == "emailsd; fwd=stale; stored"
    assert len(sim.ledger()) == 2
