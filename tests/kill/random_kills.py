# SPDX-License-Identifier: MIT
"""random_kills.py - kill -9 at random instants, repeatedly on the same store.

A round: start, send some new and some old requests, kill. Some of them are lists, new or sent again. The upstream
takes tens of milliseconds, so that kills fall into every phase of a lookup, into the start with its recovery, and into
the shutdown. Batches are small, so that a list has several.

After each kill the journal is read, from a copy of the files or from the server. It must contain every entry that
it once had, and every response that a caller received. The upstream must have paid no task that the journal does
not know. After the last kill a daemon drains and the records are compared. Then the same requests must get the
same responses, byte for byte, also without the upstream. Each list, sent again, has one result for each entry.
In a rough stage the upstream also rejects and fails at times. In a stage with notices it loses responses to submits,
and calls the notify URL: then an unknown outcome may become known, and nothing else changes.

In a stage with PostgreSQL, some kills happen while the server is away or shortly after. A batch id that was in the
spool once is in the spool or in the journal after each kill.
"""
import pathlib
import random
import re
import time

from reconciliation import breaches, drain, flags_of, inspect, read_journal
from callers import Callers, request_all, send_list
from notices import LOST_AT_END, Notices
from postgres import Store
from programs import REPORTS, Daemon, Simulator
from spool import Spool
from tally import Tally
from tracing import Victim
from waiting import eventually

VENDOR = ("--submit-delay", "30ms", "--task-time", "30ms", "--task-time-jitter", "60ms")
FLAGS = ("--unknown-hold", "24h", "--ttl-failed", "24h", "--batch-linger", "5ms",
         "--submit-timeout", "10s", "--batch-size", "5")
WITH_A_LIST = 0.4  # of the rounds with requests
LISTS = 10         # that are sent again at the end
ROUGH = [("submit", False, {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}),
         ("submit", False, {"kind": "status", "status": 400}),
         ("submit", True, {"kind": "close"}),
         ("status", True, {"kind": "status", "status": 503}),
         ("task", True, {"kind": "reset"})]
SUBMIT_S, LOOKUP_S = 0.08, 0.45  # their approximate duration, with a margin
START_S, STOP_S = 0.04, 0.01
PATIENCE_S = 30
NOT_NOW = ("storage-unavailable", "circuit-open", "overloaded", "upstream-error",
           "upstream-rejected", "draining")  # not paid; may be requested again


class _Hasty(Victim):
    """Kills the daemon that long after its start, ready or not."""

    def __init__(self, delay_s, *rest):
        self.killed_at = time.monotonic() + delay_s
        super().__init__(*rest)

    def _await_ready(self, n_lines):
        try:
            self.process.wait(max(self.killed_at - time.monotonic(), 0))
        except Exception:  # it is still running, as it should
            pass
        else:
            raise AssertionError(f"ended without a kill: {self.stderr()}")
        self.kill()
        return ["http://127.0.0.1:0"]


class Round:
    """One round of kills: one store, one upstream, many daemons one after the other."""

    def __init__(self, directory, seed, kills, rough=False, notify=False, server=None):
        self.directory = pathlib.Path(directory)
        self.dice = random.Random(seed)
        self.n_kills = kills
        self.tally = Tally(f"seed {seed}")
        self.server = server
        self.store = Store(server, "kills") if server else self.directory / "state" / "emailsd.db"
        self.sim = Simulator(self.directory / "sim.stderr", *VENDOR)
        self.asked = []
        self.lists = []
        self.answered = {}      # the first 200 response of each domain
        self.ended = {}     # by tracking id, as the journal had it once
        self.batch_ids = {}
        self.spool = Spool(self.directory / "state")
        self.spooled = {}   # every batch id that was in the spool once, by number
        self.lost = set()   # domains whose outcome was unknown once
        if rough:
            self._make_rough()
        self.notices = Notices(self.sim, self.dice) if notify else None

    def _make_rough(self):
        for on, after_creating, fault in ROUGH:
            self.sim.say("POST", "/sim/faults",
                         {"on": on, "percent": 4, "seed": self.dice.randrange(1 << 30),
                          "after_creating": after_creating, "fault": fault})

    def breach(self, words):
        self.tally.breaches.append(words)

    # ---- one round ----

    def _log(self):
        return self.directory / "daemon.stderr"

    def _daemon(self, kind=Daemon, *first):
        if isinstance(self.store, Store):
            self.store.release()
        flags = self.notices.flags if self.notices else ()
        return kind(*first, self._log(), self.sim.urls[0], *FLAGS, *flags, *flags_of(self.store))

    def _new_domain(self, kind=None):
        kind = kind or self.dice.choices(["company", "empty", "errored"], [8, 1, 1])[0]
        self.asked.append(f"{kind}-{len(self.asked)}.com")
        return self.asked[-1]

    def _questions(self):
        old = self.dice.sample(self.asked, min(len(self.asked), self.dice.randint(0, 3)))
        return old + [self._new_domain() for _ in range(self.dice.randint(1, 5))]

    def _new_list(self):
        """Returns several batches of new questions, some old ones, and one of them twice."""
        entries = [self._new_domain() for _ in range(self.dice.randint(2, 12))]
        entries += self.dice.sample(self.asked, min(len(self.asked), 3))
        self.dice.shuffle(entries)
        self.lists.append([*entries, entries[0]])
        return self.lists[-1]

    def _send_requests(self, address):
        """Sends lookups, and at times a list: a new one, the last one again, or another one again."""
        callers = Callers(address)
        for domain in self._questions():
            callers.lookup(domain)
        if self.dice.random() < WITH_A_LIST:
            again = [self.lists[-1], self.dice.choice(self.lists)] if self.lists else []
            callers.send_list(self.dice.choice([self._new_list(), *again]))
        return callers

    def _request_and_kill(self, how):
        daemon = self._daemon()
        callers = self._send_requests(daemon.address)
        if how == "stopping":
            callers.listen(self.dice.uniform(0, LOOKUP_S))
            daemon.process.terminate()
            callers.listen(self.dice.uniform(0, STOP_S))
        else:
            longest_s = SUBMIT_S if how == "submitting" else LOOKUP_S
            callers.listen(self.dice.uniform(0, longest_s), until_answered=how == "answered")
        daemon.kill()
        self._hear(callers.finish())
        self._check_lists(callers.lists)

    def _kill_without_store(self):
        """The server crashes at a random instant. It comes back before the kill or after it."""
        daemon = self._daemon()
        callers = self._send_requests(daemon.address)
        callers.listen(self.dice.uniform(0, SUBMIT_S))
        self.server.stop()
        callers.listen(self.dice.uniform(0, SUBMIT_S))
        is_back = self.dice.random() < 0.3
        if is_back:
            self.server.start()
            callers.listen(self.dice.uniform(0, LOOKUP_S))
        daemon.kill()
        if not is_back:
            self.server.start()
        # While the store is known to be away, results are returned that it does not have.
        self._hear([(domain, answer) for domain, answer in callers.finish()
                    if answer.status != 200 or domain in self.answered])
        self._check_lists(callers.lists)

    def _round(self):
        how = self.dice.choices(["any", "submitting", "answered", "starting", "stopping", "away"],
                                [35, 35, 10, 12, 8, 25 if self.server else 0])[0]
        if how == "away":
            self._kill_without_store()
        elif how == "starting":
            self._daemon(_Hasty, self.dice.uniform(0, START_S))
        else:
            self._request_and_kill(how)
        self.tally.kills += 1
        words = self._log().read_text("latin-1")
        if any(report in words for report in REPORTS):
            self.breach(words)

    def _hear(self, answered):
        """What callers received in this round."""
        for domain, answer in answered:
            if answer.status == 200:
                if self.answered.setdefault(domain, answer.body) != answer.body:
                    self.breach(f"{domain}: another answer than before")
            elif answer.code() == "upstream-outcome-unknown":
                self.lost.add(domain)
            elif answer.code() not in (*NOT_NOW, "lookup-failed"):
                self.breach(f"{domain}: {answer.status} {answer.body!r}")

    def _check_lists(self, lists):
        """No list has two results for an entry; one whose response has ended has all of them."""
        self.tally.lists += len(lists)
        for sent in lists:
            problem, indexes = sent.rejected(), sorted(sent.indexes())
            if problem and problem.code() not in NOT_NOW:
                self.breach(f"a list: {problem.status} {problem.body!r}")
            if len(set(indexes)) != len(indexes) or (
                    sent.is_streamed() and sent.is_over() and indexes != list(range(len(sent.domains)))):
                self.breach(f"a list of {len(sent.domains)} has the results {indexes}")

    def _look_at_the_dead(self):
        if not self.store.exists():
            return
        journal = read_journal(self.store)
        for tracking_id, outcome in self.ended.items():
            now = journal.tasks.get(tracking_id, {"outcome": "gone"})["outcome"]
            if now != outcome and not self._may_follow(outcome, now):
                self.breach(f"{tracking_id}: was {outcome} before a kill, and is {now}")
        self.ended = {i: t["outcome"] for i, t in journal.tasks.items() if t["outcome"]}
        self.lost |= {t["domain"] for t in journal.tasks.values() if t["outcome"] == "unknown"}
        known = journal.batch_ids()
        if any(known.get(number) != batch_id for number, batch_id in self.batch_ids.items()):
            self.breach("a batch id is lost")
        self.batch_ids = known
        self._compare_spool(known)
        bodies = journal.bodies()
        for domain, body in self.answered.items():
            if bodies.get(domain, b"").rstrip() != body.rstrip():
                self.breach(f"{domain}: was returned, but is not in the store")
        for paid in self.sim.ledger():
            if paid["tracking_id"] not in journal.tasks:
                self.breach(f"{paid['domain']}: paid before it was written down")

    def _compare_spool(self, known):
        now = self.spool.ids()
        self.spooled.update(now)
        if any(batch_id not in (now.get(number), known.get(number)) for number, batch_id in self.spooled.items()):
            self.breach("a batch id of the spool is lost")
        read = re.findall(r"event=batch_submitted batch=(\S+)", self._log().read_text("latin-1"))
        self.tally.late += len(set(read) - set(now.values()) - set(known.values()))

    def _may_follow(self, outcome, now):
        """A call of the notify URL resolves an unknown outcome; until its result is read, the task is open."""
        return self.notices and outcome == "unknown" and now in (None, "answered", "failed")

    # ---- the end of a stage ----

    def _expected(self, journal):
        """Returns the required response for each question that was paid, or may have been."""
        codes = {"failed": "lookup-failed", "unknown": "upstream-outcome-unknown"}
        expected = {}
        for task in journal.tasks.values():
            if task["outcome"] in codes:
                expected[task["domain"]] = codes[task["outcome"]]
            elif task["outcome"] == "answered":
                expected[task["domain"]] = journal.bodies().get(task["domain"], b"")
        return expected

    def _request_again(self, daemon, expected):
        answered = request_all(daemon.address, expected)
        self._hear(answered.items())
        for domain, wanted in expected.items():
            answer = answered.get(domain)
            got = answer and (answer.code() if answer.status != 200 else answer.body)
            if isinstance(got, bytes):
                got, wanted = got.rstrip(), wanted.rstrip() if isinstance(wanted, bytes) else wanted
            if got != wanted:
                self.breach(f"{domain}: {got!r}, not {wanted!r}")
                self.tally.lost += 1

    def _send_lists_again(self, daemon, query=""):
        """Each has all results. Returns those of all lists."""
        lists = [send_list(daemon.address, entries, query) for entries in self.lists[-LISTS:]]
        for sent in lists:
            if not (sent.is_streamed() and sent.is_over()):
                self.breach(f"a list that was sent again has not ended: {sent.data[:300]!r}")
        self._check_lists(lists)
        return [result for sent in lists for result in sent.results()]

    def _send_stored_lists_again(self, daemon, expected):
        """Without a lookup, a list has the results that single requests have, or none for what has failed."""
        for domain, answer in self._send_lists_again(daemon, "?cached=1"):
            wanted = expected.get(domain)
            if isinstance(wanted, bytes) and (answer.status != 200 or answer.body.rstrip() != wanted.rstrip()):
                self.breach(f"{domain}: in a list {answer.status} {answer.body!r}, not {wanted!r}")
                self.tally.lost += 1

    def _settle(self):
        eventually(lambda: self.sim.calls()["asleep"] == 0)
        daemon = self._daemon()
        if self.notices:
            domains = [self._new_domain("lost") for _ in range(LOST_AT_END)]
            self.lost.update(domains)
            self.notices.lose_and_resolve(daemon, domains)
        self._hear(self._send_lists_again(daemon))
        drain(self.store)
        daemon.kill()
        self.tally.kills += 1
        journal, ledger = read_journal(self.store), self.sim.ledger()
        self.tally.count(ledger, journal, breaches(ledger, journal))
        self.tally.resolved += sum(task["domain"] in self.lost and task["outcome"] in ("answered", "failed")
                                   for task in journal.tasks.values())
        listed = {task["tracking_id"] for task in inspect(self.store)["unknown"]}
        for tracking_id, task in journal.tasks.items():
            if task["outcome"] == "unknown" and tracking_id not in listed:
                self.breach(f"{task['domain']}: unknown, and not listed")
        expected = self._expected(journal)
        daemon = self._daemon()
        self._request_again(daemon, expected)
        daemon.kill()
        self.sim.stop()
        daemon = self._daemon()
        self._request_again(daemon, expected)
        self._send_stored_lists_again(daemon, expected)
        daemon.stop()
        if self.spool.ids():
            self.breach(f"in the spool after a clean stop: {self.spool.ids()}")

    def run(self):
        try:
            for _ in range(self.n_kills - 1):  # _settle() handles the last one
                self._round()
                self._look_at_the_dead()
            self._settle()
        except (AssertionError, OSError) as fault:
            self.breach(f"{type(fault).__name__}: {fault}")
        finally:
            self.sim.stop()
        return self.tally
