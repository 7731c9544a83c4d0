# SPDX-License-Identifier: MIT
"""scripted.py - a server whose responses a test writes, for clients of the daemon: what the daemon sends only in
situations that take long, or that have nothing to do with the test.
"""
import http.server
import json
import threading
import urllib.parse

EMPTY = {"emails": [], "count": 0, "company_name": "C"}


def result(index, domain, charged="no", **more):
    """Returns a line of a list."""
    return json.dumps({"index": index, "input": domain, "status": 200, "outcome": "looked-up", "charged": charged,
                       "domain": domain, **EMPTY, **more}, separators=(",", ":")) + "\n"


def results(*domains, charged="no"):
    return "".join(result(i, domain, charged) for i, domain in enumerate(domains))


def problem(status, code, **more):
    return json.dumps({"title": code, "status": status, "detail": code, "code": code, "charged": "no", **more},
                      separators=(",", ":")) + "\n"


def failure(index, status, code, charged="no"):
    """Returns a line of a list."""
    return json.dumps({"index": index, "status": status, "outcome": "failed", "charged": charged,
                       "problem": json.loads(problem(status, code))}, separators=(",", ":")) + "\n"


class Scripted:
    """Sends responses in their order: (status, headers, body, whether the body is whole). The last one is repeated.
    It listens on a free port of loopback, or on that of a server that has ended. `credits` are what /usage reports,
    one after the other. Used as a context manager."""

    def __init__(self, *responses, credits=(), port=0):
        self.requests = []
        self.responses = list(responses)
        self.credits = list(credits)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 - the name that http.server calls
                outer.respond(self)

            def do_POST(self):  # noqa: N802
                outer.respond(self)

            def log_message(self, *_):
                """The clients report what matters."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.urls = [f"http://127.0.0.1:{self.port}"]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def respond(self, handler):
        """Handles a request; tests override it to act before the response or after it."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if handler.path == "/usage":
            text = json.dumps({"client": "x", "credits": self.credits.pop(0), "remaining": None})
            status, headers, is_whole = 200, {}, True
        else:
            self.requests.append((handler.path, [json.loads(line)["domain"] for line in body.splitlines()]))
            status, headers, text, is_whole = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        data = text.encode()
        accepted = handler.headers.get("Accept", "*/*")
        handler.send_response(status)
        if "Content-Type" not in headers:
            handler.send_header("Content-Type", "application/json" if "*" in accepted else accepted)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Connection", "close")  # the thread of a connection would outlive the server
        handler.send_header("Content-Length", str(len(data) + (0 if is_whole else 1)))
        handler.end_headers()
        handler.wfile.write(data)

    def queries(self):
        return [dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query)) for path, _ in self.requests]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
