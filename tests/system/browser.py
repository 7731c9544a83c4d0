# SPDX-License-Identifier: MIT
"""browser.py - a page in Debian's Chromium, driven by playwright-core (tests/npm/browser.mjs).

A test that needs it is skipped if Chromium, Node.js or the npm packages are missing. `make browser` installs them.
"""
import json
import re
import shutil
import subprocess

import npm
import pytest
from programs import PATIENCE_S, tied
from waiting import eventually

CHROMIUM = shutil.which("chromium")

needs_browser = pytest.mark.skipif(not CHROMIUM or not npm.is_installed(),
                                   reason="needs Chromium and npm packages: run `make browser`")


def camel(name):
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


class Page:
    """A page of Chromium at the URL. An unknown attribute is a method of playwright's Page: page.click("#check"),
    page.wait_for_selector("h3"). A selector is one of CSS, or a text as `text=...`."""

    def __init__(self, log, url, path="", **options):
        self.log, self.url = log, url
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(
                tied(["node", npm.FOLDER / "browser.mjs", CHROMIUM, PATIENCE_S * 1000, json.dumps(options)]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        self.goto(f"{url}/{path}")

    def call(self, target, method, *args):
        """Calls a method of an object of the driver, and returns its result."""
        self.process.stdin.write((json.dumps({"object": target, "method": method, "args": args}) + "\n").encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text("utf-8")
        reply = json.loads(line)
        assert "error" not in reply, reply["error"]
        return reply["result"]

    def __getattr__(self, name):
        return lambda *args: self.call("page", camel(name), *args)

    # ---- what a user does ----

    def press(self, *keys):
        for key in keys:
            self.call("keyboard", "press", key)

    def type(self, text):
        self.call("keyboard", "type", text)

    def tab_to(self, selector):
        """Presses Tab until the element has the focus. Fails if it never gets it."""
        for _ in range(60):
            if self.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    def show_tab(self, name):
        self.click(f"header nav a[href='#{name}']")
        self.wait_for_selector(f"#{name}-title")

    # ---- what a user sees ----

    def sees(self, text, where="#app"):
        """Waits until the text is visible."""
        self.until(f"document.querySelector({json.dumps(where)}).innerText.includes({json.dumps(text)})")

    def until(self, expression):
        """Waits until the expression is true. The policy of the page forbids playwright's own way, eval() in the page."""
        eventually(lambda: self.evaluate(expression))

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector):
        return self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText)")

    def focus(self):
        """Returns the text of the element that has the focus."""
        return self.evaluate("document.activeElement.innerText")

    # ---- what the page did ----

    def faults(self):
        """Returns errors of the console, violations of the policy, requests to other origins, and requests that may
        spend without a press of a button that names credits."""
        paid, presses = (self.call("watch", "list", name) for name in ("paid", "presses"))
        unpressed = [f"{len(presses)} presses of a paid button, but {paid}"] if len(paid) > len(presses) else []
        others = [request for request in self.call("watch", "list", "requests")
                  if not request.split(" ")[1].startswith((self.url, "blob:" + self.url))]
        return self.call("watch", "list", "faults") + others + unpressed

    def new_requests(self):
        """Returns the requests since the last call, as `GET /usage`."""
        return [request.replace(self.url, "") for request in self.call("watch", "take", "requests")]

    def axe(self):
        """Returns what axe-core finds, one line per element."""
        rules = self.evaluate("axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>"
                              " nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`)))")
        return [line for rule in rules for line in rule]

    def stop(self):
        """Ends the browser. Fails if the page has done what it may not do."""
        faults = self.faults()
        self.end()
        assert not faults, faults

    def end(self):
        """Ends the browser, if it runs."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(PATIENCE_S)
        self.process.stdout.close()
