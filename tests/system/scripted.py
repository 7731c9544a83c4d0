# SPDX-License-Identifier: MIT
"""scripted.py - a server that sends prepared responses, for clients of the daemon: what the daemon sends only in
situations that take long, or that have nothing to do with the test.
"""
import http.server
import json
import threading


class Script:
    """Listens on a port of loopback, and sends the documents in their order, each once. Used as a context manager.
    A document is (status, headers, members)."""

    def __init__(self, *documents):
        self.documents = list(documents)
        self.n_served = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = "http://%s:%d" % self.server.server_address

    def _handler(self):
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 - the name that http.server calls
                status, headers, members = script.documents[script.n_served]
                script.n_served += 1
                body = json.dumps(members, separators=(",", ":")).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """The examples report what matters."""

        return Handler

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()
