# SPDX-License-Identifier: MIT
"""test_emails_terminal.py - tests the command line tool `emails` on a pseudo terminal: its table, its progress
line, its question before it spends, and Ctrl-C."""
import json
import re
import shutil
import subprocess
import threading

import client_keys
import pytest
from emails_tool import DRAWN, EMAILS, Terminal, listed, paid, run
from scripted import Scripted, failure, results
from waiting import PATIENCE_S, eventually

WIDTHS = [40, 80, 200]
TABLE = ["DOMAIN        ADDRESS                   STATUS",
         "milvali.com   info@milvali.com          VALID",
         "milvali.com   support@milvali.com       VALID", ""]


def test_terminal_shows_a_table(daemon):
    with Terminal(daemon, "-q", "milvali.com") as terminal:
        assert terminal.finish() == 0
    assert terminal.screen() == TABLE
    assert b"\x1b[1mDOMAIN" in terminal.seen
    with Terminal(daemon, "milvali.com", "empty.com", "milvali", columns=200) as terminal:
        assert terminal.finish() == 1
    screen = terminal.screen()
    assert "empty.com     -                         no mailboxes" in screen
    assert "emails: milvali: has no public suffix; did you mean milvali.com? (invalid-domain)" in screen
    assert re.fullmatch(r"3 of 3 done, 1 failed, 1 credit, \d+ s", screen[-2])


@pytest.mark.parametrize("columns", WIDTHS)
def test_progress_of_a_domain_is_drawn_cut_and_cleared(daemon, sim, columns):
    sim.hold_submits()
    with Terminal(daemon, "milvali.com", columns=columns) as terminal:
        terminal.await_text("submitting")
        terminal.await_text(" 1 s of about")
        sim.release_submits()
        assert terminal.finish() == 0
    lines = terminal.progress_lines()
    assert max(map(len, lines)) < columns
    assert all(line.startswith("milvali.com  ") for line in lines)
    whole = r"milvali\.com  \w+  \d+ s of about \d+ (s|min)  \[[#-]{20}\]"
    assert any(re.fullmatch(whole, line) for line in lines) == (columns > 60)
    assert (max(map(len, lines)) == columns - 1) == (columns == 40)
    assert [line.split() for line in terminal.screen()] == [line.split() for line in TABLE]


@pytest.mark.parametrize("columns", WIDTHS)
def test_progress_of_a_list_is_drawn_cut_and_cleared(daemon, sim, columns):
    run(daemon, "known.com")
    sim.hold_submits()
    with Terminal(daemon, "known.com", "milvali", "a.com", columns=columns) as terminal:
        terminal.await_text("2/3  [")
        sim.release_submits()
        assert terminal.finish() == 1
    lines = terminal.progress_lines()
    assert max(map(len, lines)) < columns
    assert any(line.startswith("2/3  [#############-------]  1 failed"[:columns - 1]) for line in lines)
    assert not any(line.startswith("2/3") for line in terminal.screen())
    assert terminal.screen()[-2].startswith("3 of 3 done, 1 failed, 1 credit, ")


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
@pytest.mark.parametrize("columns", WIDTHS)
def test_real_terminal_shows_one_line_and_removes_it(daemon, sim, tmp_path, columns):
    """The screen is that of tmux, which wraps what is too long."""
    tmux = ["-S", str(tmp_path / "socket")]

    def screen():
        return subprocess.run(["tmux", *tmux, "capture-pane", "-p"], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False).stdout.splitlines()
    sim.hold_submits()
    with Terminal(daemon, *tmux, "-f", "/dev/null", "new-session", f"{EMAILS} milvali.com; echo END; read line",
                  columns=columns, program="tmux") as terminal:
        eventually(lambda: "milvali.com  submitting" in "".join(screen()))
        assert sum(bool(line) for line in screen()[:-1]) == 1
        sim.release_submits()
        eventually(lambda: "END" in screen())
        assert [line.split() for line in screen()[:4]] == [line.split() for line in [*TABLE[:3], "END"]]
        terminal.type("\r")
        assert terminal.finish() == 0


def test_width_that_changes_counts_for_the_next_line(daemon, sim):
    sim.hold_submits()
    with Terminal(daemon, "milvali.com", columns=80) as terminal:
        terminal.await_text("submitting")
        terminal.resize(20)
        terminal.await_text("milvali.com  submit" + DRAWN.decode())
        sim.release_submits()
        assert terminal.finish() == 0


def test_files_contain_nothing_of_the_progress(daemon, sim, tmp_path):
    sim.hold_submits()
    with Terminal(daemon, "a.com", files=">out", cwd=tmp_path) as terminal:
        terminal.await_text("submitting")
        sim.release_submits()
        assert terminal.finish() == 0
    assert (tmp_path / "out").read_text() == "a.com\tinfo@a.com\tVALID\na.com\tsupport@a.com\tVALID\n"
    assert terminal.screen() == [""]
    sim.hold_submits()
    with Terminal(daemon, "b.com", files="2>err", cwd=tmp_path) as terminal:
        sim.reach(submit=2)
        daemon.await_waiters(1)
        sim.release_submits()
        assert terminal.finish() == 0
    assert re.fullmatch(r"1 of 1 done, 1 credit, \d+ s\n", (tmp_path / "err").read_text())
    assert DRAWN not in terminal.seen and len(terminal.screen()) == 4


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}])
def test_dumb_terminal_has_no_progress(daemon, sim, env):
    sim.hold_submits()
    with Terminal(daemon, "a.com", "b.com", env=env) as terminal:
        sim.reach(submit=1)
        sim.release_submits()
        assert terminal.finish() == 0
    assert b"\x1b" not in terminal.seen and b"DOMAIN" in terminal.seen


def test_no_color_leaves_the_line_without_styles(daemon, sim):
    run(daemon, "known.com")
    for env, styles in (({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        sim.hold_submits()
        with Terminal(daemon, "known.com", f"a{styles}.com", env=env) as terminal:
            terminal.await_text("1/2")
            sim.release_submits()
            assert terminal.finish() == 0
        assert (b"\x1b[1m" in terminal.seen, b"\x1b[32m" in terminal.seen) == (styles, styles)


def test_quiet_has_no_progress(daemon, sim):
    sim.hold_submits()
    with Terminal(daemon, "-q", "a.com", "b.com") as terminal:
        sim.reach(submit=1)
        sim.release_submits()
        assert terminal.finish() == 0
    assert DRAWN not in terminal.seen and "of 2 done" not in terminal.seen.decode()


def test_escapes_of_the_input_do_not_reach_the_terminal(daemon):
    with Terminal(daemon, "a\x1b[2J\x07.com", columns=200) as terminal:
        assert terminal.finish() == 1
    assert b"\x1b[2J" not in terminal.seen and b"\x07" not in terminal.seen


@pytest.mark.parametrize("words", [["-p"], ["-a"], []])
def test_controls_of_the_server_do_not_reach_the_terminal(words):
    """U+009B begins an escape sequence, and U+202E reverses the rest of the line."""
    line = json.dumps({"status": 200, "outcome": "hit", "charged": "no", "domain": "a.com", "company_name": "A",
                       "count": 1, "emails": [{"email": "\u009b2J\u202e@a.com", "status": "VALID"}]}, ensure_ascii=False)
    with Scripted((200, {}, f"event: result\ndata: {line}\n\n", True)) as server, \
            Terminal(server, "-q", *words, "a.com") as terminal:
        assert terminal.finish() == 0
    assert b"?2J?@a.com" in terminal.seen


def test_without_arguments_it_prints_the_start_of_the_help():
    with Terminal(None) as terminal:
        assert terminal.finish() == 2
    start = run(None, "--help")[1].split("\nOutput")[0]
    assert "\r\n".join(start.splitlines()) in terminal.seen.decode()


# ---- the question ----

PROMPT = r"26 of 28 are not known: up to 26 credits%s\. Spend them\? \[y/N\] "


@pytest.fixture
def many(daemon, tmp_path):
    """A list with 26 domains that are not known, one that is, and one that is not valid."""
    run(daemon, "known.com")
    (tmp_path / "list").write_text("known.com\nmilvali\n" + listed(26))
    return {"files": "<list >out", "cwd": tmp_path, "columns": 200}


@pytest.mark.parametrize("answer", ["y\r", "YES\r"])
def test_question_that_is_confirmed_spends(daemon, sim, many, answer):
    with Terminal(daemon, "-a", **many) as terminal:
        terminal.await_text("[y/N] ")
        assert paid(sim) == ["known.com"]
        terminal.type(answer)
        assert terminal.finish() == 1
    assert re.search(PROMPT % "", terminal.seen.decode())
    assert len(sim.ledger()) == 27
    assert len((many["cwd"] / "out").read_text().splitlines()) == 54


@pytest.mark.parametrize("answer", ["\r", "n\r", "yesterday\r", "\x04"])
def test_question_that_is_declined_spends_nothing(daemon, sim, many, answer):
    with Terminal(daemon, "-a", **many) as terminal:
        terminal.await_text("[y/N] ")
        terminal.type(answer)
        assert terminal.finish() == 1
    assert "emails: nothing spent; --dry-run shows the known results" in terminal.seen.decode()
    assert paid(sim) == ["known.com"] and (many["cwd"] / "out").read_text() == ""


def test_question_names_what_is_left(testbed, sim, keys, tmp_path):
    env = {"EMAILSD_KEY": keys.add("reader", "quota=300")}
    daemon = client_keys.start(testbed, sim, keys)
    (tmp_path / "list").write_text(listed(26) + "C0.com\nmilvali\n")
    with Terminal(daemon, files="<list", cwd=tmp_path, columns=200, env=env) as terminal:
        terminal.await_text("[y/N] ")
        terminal.type("\r")
        terminal.finish()
    assert "27 of 28 are not known: up to 26 credits, 300 left today. Spend them? [y/N] " in terminal.seen.decode()


def test_question_counts_own_limit_and_refresh(testbed, sim, keys, tmp_path):
    env = {"EMAILSD_KEY": keys.add("reader", "allow_refresh")}
    daemon = client_keys.start(testbed, sim, keys)
    (tmp_path / "list").write_text(listed(40))
    run(daemon, text=listed(20), env=env)
    for words, prompt in ((["-m", "30", "--refresh"], "40 of 40 are looked up again: up to 30 credits. "),
                          (["--refresh"], "40 of 40 are looked up again: up to 40 credits. ")):
        with Terminal(daemon, *words, files="<list", cwd=tmp_path, columns=200, env=env) as terminal:
            terminal.await_text("[y/N] ")
            terminal.type("\r")
            terminal.finish()
        assert prompt in terminal.seen.decode()
    assert len(sim.ledger()) == 20


@pytest.mark.parametrize("words", [["--yes"], ["-m", "25"], ["-n"]])
def test_options_leave_no_question(daemon, sim, many, words):
    with Terminal(daemon, *words, **many) as terminal:
        terminal.finish()
    assert "[y/N]" not in terminal.seen.decode()
    assert len(sim.ledger()) == {"--yes": 27, "-m": 26, "-n": 1}[words[0]]


def test_twenty_five_unknown_domains_leave_no_question(daemon, sim, tmp_path):
    run(daemon, text=listed(3))
    (tmp_path / "list").write_text(listed(28))
    with Terminal(daemon, files="<list", cwd=tmp_path) as terminal:
        assert terminal.finish() == 0
    assert "[y/N]" not in terminal.seen.decode() and len(sim.ledger()) == 28


class Held(Scripted):
    """Its first response waits until it is released."""

    def __init__(self, *responses, **how):
        self.has_request, self.release = threading.Event(), threading.Event()
        super().__init__(*responses, **how)

    def respond(self, handler):
        self.has_request.set()
        assert self.release.wait(PATIENCE_S)
        super().respond(handler)


@pytest.mark.parametrize("answer, status, n_requests", [("\r", 1, 1), ("y\r", 0, 2)])
def test_only_what_is_typed_after_the_question_answers_it(tmp_path, answer, status, n_requests):
    (tmp_path / "list").write_text(listed(26))
    unknown = "".join(failure(i, 504, "not-cached") for i in range(26))
    known = results(*listed(26).split(), charged="yes")
    with Held((200, {}, unknown, True), (200, {}, known, True), credits=[0]) as server, \
            Terminal(server, files="<list >out", cwd=tmp_path, columns=200) as terminal:
        assert server.has_request.wait(PATIENCE_S)
        terminal.type("y\r")
        terminal.await_text("y\r\n")  # the terminal has it: this is its echo
        server.release.set()
        terminal.await_text("[y/N] ")
        terminal.type(answer)
        assert terminal.finish() == status
        assert len(server.requests) == n_requests


# ---- Ctrl-C ----

def test_ctrl_c_stops_it_and_clears_the_line(daemon, sim):
    run(daemon, "known.com")
    sim.hold_submits()
    with Terminal(daemon, "known.com", "a.com") as terminal:
        terminal.await_text("1/2")
        terminal.type("\x03")
        assert terminal.finish() == 130
    assert terminal.screen()[-2].endswith("stopped after 1 of 2; run it again to continue, nothing is paid twice")
    assert "1/2" not in terminal.screen()[-2]
    sim.release_submits()


def test_ctrl_c_at_the_question_spends_nothing(daemon, sim, many):
    with Terminal(daemon, **many) as terminal:
        terminal.await_text("[y/N] ")
        terminal.type("\x03")
        assert terminal.finish() == 130
    assert "stopped after 0 of 28" in terminal.seen.decode() and paid(sim) == ["known.com"]
