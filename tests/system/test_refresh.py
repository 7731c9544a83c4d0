# SPDX-License-Identifier: MIT
"""test_refresh.py - tests which client pays for the refresh of an expired result."""
from client_keys import start
from waiting import eventually

REFRESHES = 'emailsd_cache_outcomes_total{outcome="refreshing"}'


def test_quota_pays_the_refresh_and_not_the_stale_result(testbed, sim, keys):
    keys.add("poor", "quota=0")
    keys.add("rich", "quota=9")
    daemon = start(testbed, sim, keys, "--ttl-found", "1ms")

    def lookups(name):
        return daemon.get("/usage", keys.bearer(name)).json()["lookups"]

    def saved():
        return daemon.metric("emailsd_credits_saved_total")

    daemon.lookup("milvali.com", keys.bearer("rich"))
    daemon.await_expiry("milvali.com", keys.bearer("poor"))
    before = saved()
    for _ in range(3):
        stale = daemon.lookup("milvali.com", keys.bearer("poor"))
        assert stale.header("Cache-Status").startswith("emailsd; hit; ttl=-")
    assert len(sim.ledger()) == 1
    eventually(lambda: (daemon.metric(REFRESHES), saved()) == (0, before + 3))
    assert daemon.lookup("milvali.com", keys.bearer("rich")).status == 200
    eventually(lambda: len(sim.ledger()) == 2)
    assert (lookups("poor"), lookups("rich")) == (0, 2)
    eventually(lambda: (daemon.metric(REFRESHES), saved()) == (1, before + 3))


def test_quota_that_is_spent_leaves_the_refresh_to_the_next_client(testbed, sim, keys):
    keys.add("spent", "quota=1")
    keys.add("rich")
    daemon = start(testbed, sim, keys, "--ttl-found", "1ms")

    daemon.lookup("other.com", keys.bearer("spent"))
    daemon.lookup("milvali.com", keys.bearer("rich"))
    daemon.await_expiry("milvali.com", keys.bearer("spent"))
    for _ in range(10):
        assert daemon.lookup("milvali.com", keys.bearer("spent")).status == 200
    daemon.lookup("third.com", keys.bearer("spent")).problem(429, "quota-exceeded")
    assert (daemon.metric(REFRESHES), len(sim.ledger("milvali.com"))) == (0, 1)
    eventually(lambda: daemon.lookup("milvali.com", keys.bearer("rich")).status == 200
               and len(sim.ledger("milvali.com")) > 1)
    eventually(lambda: daemon.metric(REFRESHES) == len(sim.ledger("milvali.com")) - 1)


def test_refresh_pays_after_a_client_that_never_spends_sent_the_same_text(testbed, sim, keys):
    keys.add("reader", "cached_only")
    keys.add("fresh", "allow_refresh")
    daemon = start(testbed, sim, keys)
    question = daemon.question("milvali.com", refresh=1)
    daemon.lookup("milvali.com", keys.bearer("fresh"))
    connection = daemon.connect()
    for _ in range(2):
        assert connection.get(question, keys.line("reader")).header("Cache-Status").startswith("emailsd; hit")
    assert connection.get(question, keys.line("fresh")).header("Cache-Status") == "emailsd; fwd=request; stored"
    assert len(sim.ledger()) == 2
