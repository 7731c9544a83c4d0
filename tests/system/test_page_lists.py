# SPDX-License-Identifier: MIT
"""test_page_lists.py - the tab "Many" of the web page in a real browser: what a list costs before it costs that, how
it runs, stops and breaks, and its table."""
import csv
import io

import pytest
from browser import needs_browser
from lists import body_of, domains, paid, send
from programs import run_to_end
from waiting import eventually

pytestmark = needs_browser

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def many(page):
    page.show_tab("many")
    return page


def check(page, *entries):
    page.fill("#list", "\n".join(entries))
    page.click("#check")
    page.sees("costs", "#price")


def run(page):
    page.click("#start")
    page.sees("have a result", "#price-title")


def figures(page):
    """Returns what the check has found: {"known": 2, ...}."""
    return dict(zip(page.texts("#figures dt"), map(int, page.texts("#figures dd"))))


def column(page, number):
    return page.texts(f"#rows tr > :nth-child({number})")


def downloaded(page):
    page.click("#download")
    return eventually(lambda: page.call("watch", "take", "downloads"))[0]


def test_list_is_counted_while_it_is_written(many):
    many.fill("#list", "# comment\n\na.com\nb.com\nA.com\n")
    assert many.text("#counted") == "3 lines, 1 repeated"
    many.fill("#list", 'name,Domain\n"a,\nb",a.com\nc,b.com\n')
    assert many.text("#counted") == "2 rows"
    many.fill("#list", "")
    assert many.text("#counted") == "" and many.is_disabled("#check")


def test_check_shows_the_price_and_spends_nothing(many, sim, daemon):
    daemon.lookup("a.com")
    sent = len(sim.ledger())
    check(many, "a.com", "b.com", "www.b.com", "milvali", "c.com")
    assert figures(many) == {"known": 1, "not known": 2, "repeated": 1, "not valid": 1}
    assert many.text("#price-title") == "This list costs at most 2 credits"
    assert many.text("#start") == "Spend at most 2 credits" and many.input_value("#limit") == "2"
    assert column(many, 4) == ["hit", "rejected", "duplicate", "rejected", "rejected"]
    assert len(sim.ledger()) == sent


def test_known_list_costs_nothing(many, daemon):
    daemon.lookup("a.com")
    check(many, "a.com")
    assert many.text("#price-title") == "Everything is known: this list costs nothing"
    assert not many.is_visible("#start")


def test_price_disappears_with_the_list_it_belongs_to(many):
    check(many, "a.com")
    many.fill("#list", "a.com\nb.com")
    assert not many.is_visible("#start")
    many.fill("#list", "a.com")
    assert many.is_visible("#start")


def test_table_fills_while_the_list_runs(many, sim):
    sim.rule("slow.com", time_ms=3600 * 1000)
    check(many, *domains(5), "empty.com", "errored.com", "slow.com")
    many.click("#start")
    many.sees("7 of 8, 1 failed", "#running")
    eventually(lambda: figures(many) == {"known": 6, "not known": 1, "failed": 1})
    assert column(many, 4)[:5] == ["looked-up"] * 5
    assert column(many, 2)[5] == "none" and column(many, 3)[6].split() == ["502", "lookup-failed"]
    assert column(many, 5) == ["yes"] * 6 + ["maybe", "no"]
    sim.rule("slow.com", time_ms=0)
    many.sees("Finished: 7 of 8 have a result, 1 failed, 7 credits spent, 1 perhaps")
    assert many.focus().startswith("Finished")
    assert paid(sim) == sorted([*domains(5), "empty.com", "errored.com", "slow.com"])


def test_filters_show_the_rows_of_their_kind(many):
    check(many, "a.com", "b.com", "empty.com", "errored.com", "milvali")
    run(many)
    assert many.texts("#filter span") == ["All 5", "With mailboxes 2", "None 1", "Not known 0", "Failed 2"]
    for name, shown in [("With mailboxes", ["a.com", "b.com"]), ("None", ["empty.com"]),
                        ("Failed", ["errored.com", "milvali"])]:
        many.click(f"#filter >> text={name}")
        assert [cell.split("\n")[0] for cell in column(many, 1)] == shown


def test_limit_is_the_most_that_is_spent(many, sim):
    check(many, *domains(6))
    many.fill("#limit", "2")
    run(many)
    assert many.text("#price-title") == "Finished: 2 of 6 have a result, 2 credits spent"
    assert len(sim.ledger()) == 2
    assert many.text("#start") == "Spend at most 4 credits"
    run(many)
    assert many.text("#price-title") == "Finished: 4 of 4 have a result, 4 credits spent"
    assert paid(sim) == domains(6)


def test_stopped_list_continues_and_pays_nothing_twice(many, sim):
    sim.rule("company1.com", time_ms=3600 * 1000)
    check(many, *domains(3))
    many.click("#start")
    many.sees("2 of 3", "#running")
    assert many.evaluate("document.activeElement.id") == "stop"
    many.press("Enter")
    many.sees("its result will be free")
    many.sees("Stopped: 2 of 3 have a result, at least 2 credits spent; up to 1 more in flight")
    sim.rule("company1.com", time_ms=0)
    run(many)
    assert many.text("#price-title").startswith("Finished: 1 of 1 have a result, 0 credits spent")
    assert paid(sim) == domains(3)


def test_server_killed_during_a_list_is_reported(many, sim, daemon):
    sim.rule("company1.com", time_ms=3600 * 1000)
    check(many, *domains(3))
    many.click("#start")
    many.sees("2 of 3", "#running")
    daemon.kill()
    many.sees("The connection broke", "#list-fault")
    many.sees("Interrupted: 2 of 3 have a result, at least 2 credits spent; up to 1 more in flight")
    assert many.text("#start") == "Spend at most 1 credit"
    assert column(many, 2)[0] == "info@company0.com\nsupport@company0.com"


def test_list_that_waits_says_why(many, sim, daemon):
    store = f"sqlite:{daemon.log.with_suffix('.db')}"
    check(many, "a.com")
    assert run_to_end("pause", "--store", store).returncode == 0
    eventually(lambda: daemon.get("/readyz?verbose").json()["checks"]["paused"])
    many.click("#start")
    many.sees("The list waits. The operator has paused paid lookups.", "#running")
    assert sim.ledger() == []
    assert run_to_end("resume", "--store", store).returncode == 0
    many.sees("Finished: 1 of 1 have a result, 1 credit spent")


def test_leaving_during_a_list_requires_a_confirmation(many, sim):
    sim.hold_submits()
    check(many, "a.com")
    many.click("#start")
    many.sees("0 of 1", "#running")
    many.evaluate("void setTimeout(() => location.reload())")
    assert eventually(lambda: many.call("watch", "take", "dialogs")) == ["beforeunload"]
    assert many.is_visible("#stop")  # it was dismissed
    many.click("#stop")
    many.sees("Stopped")


def test_csv_is_that_of_the_server(many, sim, daemon):
    sim.rule("formula.com", data=[{"email": "=cmd@formula.com", "status": "+1"},
                                  {"email": "a@formula.com", "status": 'a"b,c'}])
    rows = [{"domain": "a.com", "company_name": "=HYPERLINK(1)", "tracking_id": "-7"}, {"domain": "empty.com"},
            {"domain": "formula.com"}, {"domain": "errored.com"}, {"domain": "+milvali", "tracking_id": "@x"},
            {"domain": "a.com", "company_name": "=HYPERLINK(1)"}]
    text = body_of(rows, "csv")
    send(daemon, rows, "csv")
    many.call("files", "choose", "#file", "list.csv", text)
    many.sees("6 rows")
    many.click("#check")
    many.sees("costs at most 1 credit", "#price")  # errored.com, again
    expected = daemon.request("POST", "/emails?cached=1&format=csv", {"Content-Type": "text/csv"}, text.encode()).body
    csv_text = downloaded(many)
    assert csv_text.encode() == expected
    cells = [cell for row in csv.reader(io.StringIO(csv_text)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in set("=+-@")]
    many.click("#filter >> text=None")
    assert len(downloaded(many).splitlines()) == 2


def test_markup_in_a_list_stays_text(many, daemon):
    rows = [{"domain": "a.com", "company_name": MARKUP}, {"domain": MARKUP}]
    send(daemon, rows, "csv")
    check(many, *body_of(rows, "csv").split("\r\n"))
    assert f"a.com\n{MARKUP}" in column(many, 1) and MARKUP in column(many, 1)
    assert many.evaluate("document.querySelectorAll('#many img').length") == 0


def test_table_has_pages_of_500_rows(many):
    check(many, *domains(1001))
    assert len(column(many, 1)) == 500 and many.text("#page-text") == "1 to 500 of 1,001"
    many.click("#next")
    many.click("#next")
    assert column(many, 1) == ["company1000.com"] and many.text("#page-text") == "1,001 to 1,001 of 1,001"
    assert many.is_disabled("#next")
    many.click("#previous")
    assert many.text("#page-text") == "501 to 1,000 of 1,001"


def drop(page, name, content):
    """Drops a file; the content is an expression of JavaScript."""
    page.evaluate("""(() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([%s], "%s"));
        for (const kind of ["dragover", "drop"])
            document.querySelector("#list").dispatchEvent(
                new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
    })()""" % (content, name))


def test_dropped_file_becomes_the_list(many):
    drop(many, "list.csv", '"domain,city\\na.com,Rome\\n"')
    many.sees("1 row")
    assert many.input_value("#list") == "domain,city\na.com,Rome\n"


def test_file_that_is_not_utf8_is_rejected(many):
    drop(many, "list.txt", "new Uint8Array([0x66, 0xfc])")
    many.sees("list.txt is not UTF-8 text")
    assert many.input_value("#list") == ""


def test_rejected_list_shows_the_problem(many):
    many.fill("#list", "domain,domain\na.com,b.com")
    many.click("#check")
    many.sees("Invalid request body", "#list-fault")
    many.sees("two columns of one name", "#list-fault")
    assert many.focus() == "Invalid request body"
    assert not many.is_visible("#price")


def test_enter_in_the_list_breaks_the_line(many, sim):
    many.tab_to("#list")
    many.type("a.com")
    many.press("Enter")
    many.type("b.com")
    assert many.input_value("#list") == "a.com\nb.com"
    many.new_requests()
    many.press("Tab", "Tab", "Enter")
    many.sees("costs at most 2 credits")
    assert many.new_requests() == ["POST /emails?format=ndjson&cached=1", "GET /usage"]
    assert sim.ledger() == []
