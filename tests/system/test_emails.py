# SPDX-License-Identifier: MIT
"""test_emails.py - tests the command line tool `emails` in scripts: its formats and its exit statuses."""
import csv
import io
import json
import os
import re
import select
import signal
import subprocess

import client_keys
import pytest
from emails_tool import EMAILS, Tool, client_environment, listed, paid, run
from programs import run_to_end, tied
from waiting import PATIENCE_S, eventually

TWO = "milvali.com\tinfo@milvali.com\tVALID\nmilvali.com\tsupport@milvali.com\tVALID\n"


# ---- formats ----

def test_output_that_is_no_terminal_is_plain(daemon):
    status, out, err = run(daemon, "milvali.com")
    assert (status, out) == (0, TWO)
    assert re.fullmatch(r"1 of 1 done, 1 credit, \d+ s\n", err)
    assert run(daemon, "--plain", "-q", "milvali.com") == (0, TWO, "")


def test_addresses_are_one_per_line(daemon):
    assert run(daemon, "-qa", "milvali.com", "empty.com") == (0, "info@milvali.com\nsupport@milvali.com\n", "")


def test_json_of_a_list_is_that_of_the_server(daemon):
    text = "b.com\nmilvali\nB.com\nempty.com\n"
    status, out, _ = run(daemon, "--json", text=text)
    assert status == 1
    run(daemon, text=text)
    served = daemon.request("POST", "/emails", {"Content-Type": "text/plain"}, text).body.decode()
    _, again, _ = run(daemon, "--json", text=text)
    assert sorted(again.splitlines()) == sorted(served.splitlines())
    assert {json.loads(line)["index"] for line in out.splitlines()} == {0, 1, 2, 3}


def test_json_of_a_domain_is_one_line(daemon):
    status, out, _ = run(daemon, "-j", "milvali.com")
    line = json.loads(out)
    assert status == 0 and line["count"] == 2 and line["outcome"] == "looked-up" and line["charged"] == "yes"
    run(daemon, "-q", "b.com")
    line = json.loads(run(daemon, "-j", "b.com")[1])
    line.pop("timing", None)
    served = daemon.request("POST", "/emails", {"Content-Type": "text/plain"}, "b.com").body
    assert line == json.loads(served) and list(line)[:2] == ["index", "input"]
    status, out, _ = run(daemon, "-j", "milvali")
    line = json.loads(out)
    assert (line["index"], line["input"]) == (0, "milvali")
    assert (status, line["status"], line["problem"]["code"]) == (1, 400, "invalid-domain")


def test_csv_is_that_of_the_server(daemon):
    text = "b.com\nmilvali\nempty.com\n=x.com\n"
    run(daemon, text=text)
    served = daemon.request("POST", "/emails?format=csv", {"Content-Type": "text/plain"}, text).body.decode()
    _, out, _ = run(daemon, "--csv", text=text)
    assert sorted(out.split("\r\n")) == sorted(served.split("\r\n"))
    assert out.startswith("index,input,tracking_id,domain,")


def test_csv_of_a_domain_has_its_index_and_input(daemon):
    _, out, _ = run(daemon, "-c", "Milvali.com")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["index"], row["input"], row["domain"], row["email"]) for row in rows] == [
        ("0", "Milvali.com", "milvali.com", "info@milvali.com"),
        ("0", "Milvali.com", "milvali.com", "support@milvali.com")]


def test_table_file_has_columns(daemon, sim, tmp_path):
    (tmp_path / "in.csv").write_text('id,company_name,domain,city,tracking_id\r\n'
                                     '1,"Acme, Inc.",acme.com,Berlin,t1\r\n2,,b.com,,t2\r\n')
    status, out, _ = run(daemon, "-c", "-f", str(tmp_path / "in.csv"))
    assert status == 0
    assert {(row["input"], row["tracking_id"]) for row in csv.DictReader(io.StringIO(out))} == {
        ("acme.com", "t1"), ("b.com", "t2")}
    assert {(task["domain"], task["company_name"], task["city"]) for task in sim.ledger()} == {
        ("acme.com", "Acme, Inc.", "Berlin"), ("b.com", "B", None)}


def test_table_with_similar_names_of_columns_costs_nothing_again(daemon, sim, tmp_path):
    """The server takes the same columns of the same table, so it joins the results."""
    text = "Domain Rating, Domain ,Country code\n45,a.com,49\n"
    (tmp_path / "in.csv").write_text(text)
    assert run(daemon, "-qa", "-f", str(tmp_path / "in.csv")) == (0, "info@a.com\nsupport@a.com\n", "")
    assert daemon.request("POST", "/emails", {"Content-Type": "text/csv"}, text).status == 200
    assert [(task["domain"], task["country"]) for task in sim.ledger()] == [("a.com", None)]


def test_domain_can_have_company_and_place(daemon, sim):
    words = ["--company", "Müller & Co", "--city", "Köln", "--state", "NRW", "--country", "DE"]
    assert run(daemon, *words, "müller.de")[0] == 0
    task, = sim.ledger()
    assert (task["company_name"], task["city"], task["state"], task["country"]) == ("Müller & Co", "Köln", "NRW", "DE")


def test_operands_and_a_file_are_one_list(daemon, tmp_path):
    (tmp_path / "list").write_text("# known\n\nb.com\r\n")
    _, out, _ = run(daemon, "-qj", "a.com", "-f", str(tmp_path / "list"))
    assert sorted((line["index"], line["input"]) for line in map(json.loads, out.splitlines())) == [
        (0, "a.com"), (1, "b.com")]


def test_help_and_version_need_no_server():
    status, out, err = run(None, "--help")
    assert (status, err) == (0, "") and "--max-credits N" in out
    version = run_to_end("--version").stdout.removeprefix("emailsd")
    assert run(None, "-V") == (0, "emails" + version, "")


def test_input_without_domains_is_no_error(daemon):
    assert run(daemon, text="\n# nothing\n") == (0, "", "emails: the input has no domains\n")
    assert run(daemon, "-q", text="") == (0, "", "")


# ---- exit statuses ----

def test_every_domain_with_a_result_is_0(daemon):
    assert run(daemon, "-q", "empty.com") == (0, "", "")
    assert run(daemon, "-qa", "a.com", "empty.com")[0] == 0


def test_domain_that_fails_is_1_and_one_line(daemon):
    status, out, err = run(daemon, "-q", "milvali")
    assert (status, out) == (1, "")
    assert err == "emails: milvali: has no public suffix; did you mean milvali.com? (invalid-domain)\n"
    status, out, err = run(daemon, "-qa", "a.com", "milvali")
    assert (status, out) == (1, "info@a.com\nsupport@a.com\n")
    assert err == "emails: milvali: has no public suffix; did you mean milvali.com? (invalid-domain)\n"


@pytest.mark.parametrize("words, why", [
    (["--colour", "a.com"], "unknown option '--colour'; see --help"),
    (["-w", "soon", "a.com"], "--wait: invalid time 'soon'; write it as 90s, 5min, 12h or 30d"),
    (["--refresh", "-n", "a.com"], "--refresh is not allowed with --dry-run"),
    (["--city", "X", "a.com", "b.com"], "--company, --city, --state and --country require a single domain; a .csv file "
                                        "can have them for each"),
    (["-f", "/nonexistent"], "/nonexistent: No such file or directory"),
    (["--key-file", "/nonexistent", "a.com"], "/nonexistent: No such file or directory"),
    (["--url", "here", "a.com"], "--url: invalid URL 'here'; write it as http://127.0.0.1:8080")])
def test_usage_error_is_2(words, why):
    assert run(None, *words) == (2, "", f"emails: {why}\n")


def test_key_file_that_others_can_read_is_2(tmp_path):
    path = tmp_path / "key"
    path.write_text("esd_1\n")
    path.chmod(0o640)
    status, out, err = run(None, "--key-file", str(path), "a.com")
    assert (status, out, err) == (2, "", f"emails: {path} is readable by others; run chmod 600\n")


def test_server_that_is_absent_is_3(daemon):
    daemon.stop()
    status, out, err = run(daemon, "a.com")
    assert (status, out) == (3, "")
    assert err.startswith(f"emails: {daemon.urls[0]}: cannot connect: ") and err.count("\n") == 1


def test_server_that_is_no_emailsd_is_3(sim):
    for words in (["a.com"], ["a.com", "b.com"], ["--usage"]):
        status, out, err = run(sim, *words)
        assert (status, out, err) == (3, "", f"emails: {sim.urls[0]}: no emailsd responds there (HTTP status 404)\n")


def test_key_that_is_not_known_is_4(testbed, sim, keys):
    keys.add("reader")
    daemon = client_keys.start(testbed, sim, keys)
    for words in (["a.com"], ["a.com", "b.com"], ["--usage"]):
        for env in ({}, {"EMAILSD_KEY": "esd_wrong"}):
            status, out, err = run(daemon, *words, env=env)
            assert (status, out) == (4, "") and "(unauthorized)" in err
    assert not sim.ledger()


def test_key_comes_from_a_file_or_the_environment(testbed, sim, keys, tmp_path):
    key = keys.add("reader")
    daemon = client_keys.start(testbed, sim, keys)
    path = tmp_path / "key"
    path.write_text(f"{key}\n")
    path.chmod(0o600)
    assert run(daemon, "-q", "--key-file", str(path), "empty.com", env={"EMAILSD_KEY": "wrong"})[0] == 0
    assert run(daemon, "-q", "empty.com", env={"EMAILSD_KEY_FILE": str(path), "EMAILSD_KEY": "wrong"})[0] == 0
    assert run(daemon, "-q", "empty.com", "empty2.com", env={"EMAILSD_KEY": key})[0] == 0


def test_refresh_without_the_right_is_4(testbed, sim, keys):
    env = {"EMAILSD_KEY": keys.add("reader")}
    daemon = client_keys.start(testbed, sim, keys)
    assert run(daemon, "--refresh", "a.com", env=env)[0] == 4
    status, _, err = run(daemon, "--max-age", "1d", "a.com", "b.com", env=env)
    assert status == 4 and "'allow_refresh'" in err
    assert not sim.ledger()


def test_quota_that_is_exhausted_is_5(testbed, sim, keys):
    env = {"EMAILSD_KEY": keys.add("reader", "quota=5")}
    daemon = client_keys.start(testbed, sim, keys)
    status, out, err = run(daemon, "-a", text=listed(20) + "milvali\n", env=env)
    assert status == 5 and len(out.splitlines()) == 10 and len(sim.ledger()) == 5
    assert err.count("(quota-exceeded)\n") == 15 and err.count("(invalid-domain)\n") == 1
    assert re.search(r"\n21 of 21 done, 16 failed, 5 credits, \d+ s\n$", err)
    assert run(daemon, "-q", "other.com", env=env)[0] == 5


def test_own_limit_that_is_exhausted_is_5(daemon, sim):
    run(daemon, "known.com")
    status, out, err = run(daemon, "-aq", "-m", "3", text=listed(8) + "known.com\n")
    assert status == 5 and len(sim.ledger()) == 4
    assert len(out.splitlines()) == 8 and "info@known.com" in out
    assert err.count("(credits-exhausted)\n") == 5
    assert run(daemon, "-q", "-m", "0", "new.com")[0] == 5
    assert run(daemon, "-q", "-m", "0", "known.com")[0] == 0
    assert run(daemon, "-q", "-m", "1", "new.com")[0] == 0
    assert len(sim.ledger()) == 5


def test_wait_that_expires_is_6(daemon, sim):
    sim.hold_submits()
    status, out, err = run(daemon, "-w", "0", "a.com")
    assert (status, out) == (6, "") and "(still-processing)" in err
    status, out, err = run(daemon, "-jw", "1s", "a.com", "b.com")
    assert status == 6
    assert {json.loads(line)["problem"]["code"] for line in out.splitlines()} == {"still-processing"}
    sim.release_submits()
    assert run(daemon, "-qa", "a.com", "b.com")[0] == 0
    assert paid(sim) == ["a.com", "b.com"]


def test_signal_is_130_and_the_list_continues_later(daemon, sim):
    run(daemon, "known.com")
    sim.hold_submits()
    with Tool(daemon, "-a", text="known.com\n" + listed(3)) as tool:
        assert tool.line() == "info@known.com\n"
        sim.reach(submit=2)
        tool.process.send_signal(signal.SIGINT)
        status, out, err = tool.finish()
    assert (status, out) == (130, "support@known.com\n")
    assert err == "stopped after 1 of 4; run it again to continue, nothing is paid twice\n"
    sim.release_submits()
    assert run(daemon, "-q", text="known.com\n" + listed(3))[0] == 0
    assert paid(sim) == ["c0.com", "c1.com", "c2.com", "known.com"]


def test_worst_status_counts(testbed, sim, keys):
    env = {"EMAILSD_KEY": keys.add("reader", "quota=1")}
    daemon = client_keys.start(testbed, sim, keys)
    assert run(daemon, "-q", text="milvali\na.com\nb.com\n", env=env)[0] == 5


# ---- pipes ----


def test_closed_pipe_ends_it_silently(daemon, sim):
    run(daemon, "known.com")
    sim.hold_submits()
    with Tool(daemon, "-a", text="known.com\n" + listed(3)) as tool:
        assert tool.line() == "info@known.com\n"
        tool.process.stdout.close()
        assert tool.finish() == (-signal.SIGPIPE, "", "")


def test_head_gets_its_line(daemon):
    done = subprocess.run(["bash", "-c", f"{EMAILS} -qa < <(printf 'a.com\\nb.com\\n') | head -1"],
                          env=client_environment(daemon), capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert re.fullmatch(r"info@[ab]\.com\n", done.stdout) and done.stderr == ""


def test_signal_ends_a_run_whose_output_is_not_read(daemon, tmp_path):
    """The pipe is full, and nothing reads it."""
    run(daemon, "-q", text=listed(20))
    (tmp_path / "list").write_text(listed(20) * 200)
    reader, writer = os.pipe()
    with subprocess.Popen(tied([EMAILS, "-f", str(tmp_path / "list")]), env=client_environment(daemon), stdout=writer,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        eventually(lambda: not select.select([], [writer], [], 0)[1])
        process.send_signal(signal.SIGTERM)
        try:
            err = process.communicate(timeout=PATIENCE_S)[1]
        finally:
            process.kill()
            os.close(reader)
            os.close(writer)
    assert process.returncode == 143 and "; run it again to continue, " in err


def test_output_that_cannot_be_written_is_1(daemon):
    with open("/dev/full", "w") as full:
        done = subprocess.run([EMAILS, "-q", "a.com"], env=client_environment(daemon), stdin=subprocess.DEVNULL,
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (1, "emails: standard output: No space left on device\n")


def test_stream_that_is_closed_does_not_become_a_socket(daemon, sim):
    done = subprocess.run(["bash", "-c", f"{EMAILS} a.com >&-"], env=client_environment(daemon), capture_output=True,
                          text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1 and "emails: standard output: Bad file descriptor\n" in done.stderr
    done = subprocess.run(["bash", "-c", f"{EMAILS} milvali b.com 2>&-"], env=client_environment(daemon),
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (1, "b.com\tinfo@b.com\tVALID\nb.com\tsupport@b.com\tVALID\n")
    assert paid(sim) == ["a.com", "b.com"]


# ---- credits ----

def test_dry_run_spends_nothing_and_names_the_price(daemon, sim):
    run(daemon, "known.com")
    status, out, err = run(daemon, "-n", text="known.com\na.com\nA.com\nb.com\nmilvali\n")
    assert status == 1 and out.splitlines()[0].startswith("known.com\tinfo@")
    assert "emails: milvali: " in err and "a.com" not in err
    assert re.search(r"1 of 5 known, 1 failed, \d+ s; the rest costs up to 2 credits\n$", err)
    assert run(daemon, "-n", "known.com")[0] == 0
    assert run(daemon, "-n", "a.com")[1:] == ("", "0 of 1 known, 0 s; the rest costs up to 1 credit\n")
    assert paid(sim) == ["known.com"]


def test_usage_reports_the_key(testbed, sim, keys):
    env = {"EMAILSD_KEY": keys.add("reader", "quota=5")}
    daemon = client_keys.start(testbed, sim, keys)
    run(daemon, "a.com", env=env)
    status, out, err = run(daemon, "--usage", env=env)
    assert (status, err) == (0, "")
    assert out.startswith("client\treader\ncredits\t1\nremaining\t4\nquota\t5\nresets_at\t20")
    _, out, _ = run(daemon, "--usage", "--json", env=env)
    assert json.loads(out) == daemon.get("/usage", keys.bearer("reader")).json()
    _, out, _ = run(daemon, "--usage", "--csv", env=env)
    assert next(csv.DictReader(io.StringIO(out)))["remaining"] == "4"


def test_many_paid_lookups_need_no_terminal(daemon, sim):
    assert run(daemon, "-q", text=listed(30))[0] == 0
    assert len(sim.ledger()) == 30


# ---- several requests ----

@pytest.mark.parametrize("entries", [0, 1, 10])
def test_server_that_takes_shorter_lists_gets_them(testbed, sim, entries):
    daemon = testbed.daemon(sim, "--bulk-entries", str(entries))
    status, out, _ = run(daemon, "-c", text=listed(25))
    assert status == 0
    assert sorted({(int(row["index"]), row["input"]) for row in csv.DictReader(io.StringIO(out))}) == [
        (i, f"c{i}.com") for i in range(25)]
    assert len(sim.ledger()) == 25
    status, out, _ = run(daemon, "-qa", "-m", "2", text=listed(24) + "new0.com\nnew1.com\nnew2.com\nnew3.com\n")
    assert status == 5 and len(sim.ledger()) == 27 and len(out.splitlines()) == 52
    _, out, _ = run(daemon, "-j", text=listed(3))
    assert sorted((line["index"], line["input"]) for line in map(json.loads, out.splitlines())) == [
        (i, f"c{i}.com") for i in range(3)]


def test_list_of_more_than_ten_thousand_takes_two_requests(daemon, sim):
    status, out, _ = run(daemon, "-jn", text=listed(10003))
    assert status == 1 and not sim.ledger()
    assert sorted((line["index"], line["input"]) for line in map(json.loads, out.splitlines())) == [
        (i, f"c{i}.com") for i in range(10003)]


def test_daemon_ignores_the_variables_of_the_tool(testbed, sim):
    env = {"OPENMART_API_KEY": "test-key", "EMAILSD_URL": "http://x", "EMAILSD_KEY": "k", "EMAILSD_KEY_FILE": "/k"}
    assert testbed.daemon(sim, env=env).get("/livez").status == 200
