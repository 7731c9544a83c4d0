# SPDX-License-Identifier: MIT
"""origin.py - the answer that all servers give, and the small origin that the caches ask for it.

The answer is the one that emailsd gave, so that all send the same body. The caches get it marked as
one that may be shared, because they would not keep a private one.
"""
import http.server
import threading

QUERY = "domain=milvali.com"
PATH = "/emails?" + QUERY
BODY_BYTES = 400


class Origin:
    """Serves the body to anybody, on a thread of this process."""

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
                """A cache that ends resets the connection that it kept: no news."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
