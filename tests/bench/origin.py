# SPDX-License-Identifier: MIT
"""origin.py - the response that all servers send, and the small origin from which the caches get it.

The response is emailsd's, so that all servers send the same body. For the caches it is marked as public,
because they would not store a private one.
"""
import http.server
import threading

QUERY = "domain=milvali.com"
PATH = "/emails?" + QUERY
BODY_BYTES = 400


class Origin:
    """Serves the body to every client, on a thread of this process."""

    def __init__(self, body, etag):
        origin = self
        self.asked = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                origin.asked += 1
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("ETag", etag)
                self.send_header("Cache-Control", "public, max-age=2592000")
                self.send_header("Cache-Status", "cache; hit; ttl=2591990")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A cache that ends resets the connection that it kept open; this is expected."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
