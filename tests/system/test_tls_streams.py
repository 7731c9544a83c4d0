# SPDX-License-Identifier: MIT
"""test_tls_streams.py - tests lists and events over HTTPS: what is written arrives immediately and whole, and a
client that leaves is noticed."""
import functools
import re

import pytest
from certificates import listen_flags
from lists import check_lines, codes, domains, paid, stream
from streams import Stream
from waiting import eventually


@pytest.fixture
def daemon(testbed, sim, authority):
    return testbed.daemon(sim, *listen_flags(*authority.sign("server")))


@pytest.fixture
def get(daemon, authority):
    """Sends a GET over TLS, and returns its response, to be read as it arrives."""
    return functools.partial(Stream, daemon, "GET", context=authority.context())


def n_streams(get):
    return int(re.search(rb"^emailsd_streams (\d+)", get("/metrics").read(), re.M)[1])


def test_lines_of_a_list_arrive_over_tls_while_others_are_looked_up(daemon, sim, authority, get):
    assert get(daemon.question("company0.com")).status == 200
    sim.hold_submits()
    reader = stream(daemon, domains(3), context=authority.context())
    assert reader.lines(1)[0]["input"] == "company0.com"
    sim.release_submits()
    lines = reader.lines()
    assert sorted(line["index"] for line in lines) == [1, 2] and codes(lines) == {"ok": 2}
    assert paid(sim) == domains(3)


@pytest.mark.parametrize("name", ["ndjson", "json"])
def test_long_list_over_tls_is_whole(daemon, sim, authority, name):
    reader = stream(daemon, domains(5000), query=f"?cached=1&format={name}", context=authority.context())
    if name == "ndjson":
        check_lines(reader.lines(), 5000)
    else:
        assert reader.read().count(b'"code":"not-cached"') == 5000
    assert not sim.calls()["submit"]


def test_events_arrive_over_tls_as_they_happen(daemon, sim, get):
    sim.hold_submits()
    events = get(daemon.question("milvali.com", format="sse"))
    while events.event().data["phase"] != "submitting":
        pass
    sim.release_submits()
    *_, last = events.events()
    assert (last.id, last.name, last.data["count"]) == ("end", "result", 2)


def test_reader_that_leaves_over_tls_is_noticed(daemon, sim, authority, get):
    sim.hold_submits()
    readers = [stream(daemon, domains(3), context=authority.context()),
               get(daemon.question("milvali.com", format="sse"))]
    assert n_streams(get) == 2
    for reader in readers:
        reader.close()
    eventually(lambda: n_streams(get) == 0)
