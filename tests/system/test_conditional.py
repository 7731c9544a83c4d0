# SPDX-License-Identifier: MIT
"""test_conditional.py - tests If-Match and If-Unmodified-Since: 412, and nothing is paid for or deleted."""
import pytest
from client_keys import start

PAST, FUTURE = "Mon, 23 Nov 2020 11:20:04 GMT", "Mon, 23 Nov 2099 11:20:04 GMT"


def wrong_conditions(tag):
    return [{"If-Match": '"x"'}, {"If-Match": f"W/{tag}"}, {"If-Match": f"{tag}x"},
            {"If-Unmodified-Since": PAST}]


def right_conditions(tag):
    return [{"If-Match": tag}, {"If-Match": f'"x", {tag}'}, {"If-Match": "*"},
            {"If-Match": tag, "If-Unmodified-Since": PAST}, {"If-Unmodified-Since": FUTURE},
            {"If-Unmodified-Since": "yesterday"}]


def test_condition_that_is_invalid_is_ignored(daemon):
    assert daemon.lookup("milvali.com", {"If-Unmodified-Since": "yesterday"}).status == 200


def test_condition_that_holds_is_served(daemon):
    tag = daemon.lookup("milvali.com").header("ETag")
    for condition in right_conditions(tag):
        for method in ("GET", "HEAD"):
            assert daemon.lookup("milvali.com", condition, method).status == 200, condition


def test_condition_that_fails_is_412(daemon, sim):
    tag = daemon.lookup("milvali.com").header("ETag")
    for condition in wrong_conditions(tag):
        answer = daemon.lookup("milvali.com", condition)
        assert answer.problem(412, "precondition-failed")["charged"] == "no"
        assert daemon.lookup("milvali.com", condition, "HEAD").status == 412
        assert daemon.lookup("milvali.com", condition, refresh=1).status == 412
    text = daemon.lookup("milvali.com", {"Accept": "text/plain", "If-Match": tag})
    text.problem(412, "precondition-failed")
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("condition", [{"If-Match": "*"}, {"If-Match": '"x"'},
                                       {"If-Unmodified-Since": FUTURE}])
def test_conditional_request_never_starts_a_lookup(daemon, sim, condition):
    answer = daemon.lookup("milvali.com", condition, refresh=1)
    assert answer.problem(412, "precondition-failed")["charged"] == "no"
    assert sim.calls()["requests"] == 0


@pytest.fixture
def keyed(testbed, sim, keys):
    """A daemon, and the headers of a client that may delete."""
    keys.add("boss", "admin")
    return start(testbed, sim, keys), keys.bearer("boss")


def test_delete_with_a_condition_that_fails_deletes_nothing(keyed):
    daemon, boss = keyed
    tag = daemon.lookup("milvali.com", boss).header("ETag")
    for condition in wrong_conditions(tag):
        answer = daemon.lookup("milvali.com", {**boss, **condition}, "DELETE")
        answer.problem(412, "precondition-failed")
    assert daemon.lookup("milvali.com", boss, "HEAD").status == 200


def test_delete_with_a_condition_that_holds_deletes(keyed):
    daemon, boss = keyed
    for i in range(len(right_conditions(""))):
        tag = daemon.lookup("milvali.com", {**boss, "Accept": "text/csv"}).header("ETag")
        condition = right_conditions(tag)[i]
        assert daemon.lookup("milvali.com", {**boss, **condition}, "DELETE").status == 204, condition
    nothing = daemon.lookup("milvali.com", {**boss, "If-Match": "*"}, "DELETE")
    nothing.problem(412, "precondition-failed")
    nothing = daemon.lookup("milvali.com", {**boss, "If-Unmodified-Since": PAST}, "DELETE")
    assert nothing.status == 404


def test_if_none_match_with_junk_after_the_tag_does_not_match(daemon):
    tag = daemon.lookup("milvali.com").header("ETag")
    assert daemon.lookup("milvali.com", {"If-None-Match": f"{tag}x"}).status == 200
    assert daemon.lookup("milvali.com", {"If-None-Match": tag}).status == 304
