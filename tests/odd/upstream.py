# SPDX-License-Identifier: MIT
"""upstream.py - an HTTP server between the daemon and the simulator that changes responses.

It forwards every request to the simulator, which keeps the ledger, and changes the response as the mutation of
that batch says. The n-th batch gets the n-th mutation; a mutation of the balance applies as soon as its turn
comes. It remembers every body that it sent for a task, and the responses to submits that the daemon cannot be
expected to understand.
"""
import http.client
import http.server
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

from mutations import WITHOUT_BODY, Reply, is_whole, legible_id

BASE = "/api/v1/task/"
SUBMIT = BASE + "batch/lookup_business_email"
PATIENCE_S = 60
DRIBBLE_S = 0.01
SLOW_S = 10  # half of --submit-timeout: on a busy machine, a response that took longer may have come too late
REASONS = {**http.client.responses, 451: "Unavailable"}


class Upstream(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sim, mutations):
        super().__init__(("127.0.0.1", 0), Handler)
        self.sim_address = sim.address
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        self.lock = threading.Lock()
        self.calm = threading.Event()  # set: no mutation applies any more
        self.mutations = list(mutations)
        self.n_submits = 0
        self.of_batch = {}  # batch id -> mutation
        self.of_task = {}   # task id -> mutation
        self.lost = {}      # batch id -> response to its submit that need not be understood; None: not whole
        self.sent = {}      # task id -> bodies
        self.balance = None

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.calm.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A daemon that gives up a connection is no fault of this server."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    # ---- which mutation applies ----

    def next_mutation(self):
        """For a submit: takes the next mutation."""
        with self.lock:
            self.n_submits += 1
            while self.mutations and self.mutations[0].on == "balance":
                self.balance = self.mutations.pop(0)
            return self.mutations.pop(0) if self.mutations else None

    def learn(self, batch_id, task_ids, mutation):
        with self.lock:
            self.of_batch[batch_id] = mutation
            self.of_task.update(dict.fromkeys(task_ids, mutation))

    def mutation_of(self, kind, name):
        """Returns the mutation for this read, and counts its use."""
        with self.lock:
            found = {"balance": self.balance, "task": self.of_task.get(name)}.get(kind, self.of_batch.get(name))
            if not found or found.on != kind or found.used >= found.times or self.calm.is_set():
                return None
            found.used += 1
            return found

    def note_task(self, task_id, body):
        with self.lock:
            self.sent.setdefault(task_id, set()).add(body)

    # ---- the simulator ----

    def forward(self, method, path, headers, body):
        """Returns status and body of the true response."""
        connection = http.client.HTTPConnection(*self.sim_address, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ledger(self):
        return json.loads(self.forward("GET", "/sim/ledger", {}, b"")[1])


def kind_of(path):
    """Returns the kind of call and the id in its path."""
    parts = urllib.parse.urlsplit(path).path.split("/")
    name = urllib.parse.unquote(parts[5] if "/batch/" in path and len(parts) > 5 else parts[-1])
    if path == SUBMIT:
        return "submit", None
    if "credit-balance" in path:
        return "balance", None
    if "/batch/" in path:
        return parts[-1], name
    return "task", name


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        kind, name = kind_of(self.path)
        status, body = self._forward(b"")
        reply = Reply(status, body)
        mutation = self.server.mutation_of(kind, name)
        if mutation:
            mutation.change(reply)
        if kind == "task":
            self.server.note_task(name, reply.plain)
        self._send(reply)

    def do_POST(self):
        begun = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mutation = self.server.next_mutation()
        changes = mutation and mutation.on == "submit" and not self.server.calm.is_set()
        if changes and mutation.is_early:
            reply = Reply(400, b"")
            mutation.used += 1
            mutation.change(reply)
            self._send(reply)
            return
        status, answer = self._forward(body)
        reply = Reply(status, answer)
        batch_id = str(json.loads(answer)["batch_id"]) if status == 200 else None
        if batch_id:
            self._created(batch_id, mutation, reply if changes else None)
        self._send(reply)
        if batch_id and time.monotonic() - begun > SLOW_S:
            self.server.lost[batch_id] = None

    def _created(self, batch_id, mutation, changed_reply):
        tasks = [task["task_id"] for task in self.server.ledger() if task["batch_id"] == batch_id]
        self.server.learn(batch_id, tasks, mutation)
        if changed_reply:
            mutation.used += 1
            mutation.change(changed_reply)
            if legible_id(changed_reply) != batch_id:
                self.server.lost[batch_id] = changed_reply.plain if is_whole(changed_reply) else None

    def _forward(self, body):
        headers = {name: self.headers[name] for name in ("X-API-Key", "Authorization", "Content-Type", "Accept")
                   if name in self.headers}
        return self.server.forward(self.command, self.path, headers, body)

    # ---- what goes over the wire ----

    def _send(self, reply):
        if reply.delay_s:
            self.server.calm.wait(reply.delay_s)
        getattr(self, "_wire_" + re.sub(r"\W", "_", reply.wire))(reply)
        if reply.wire != "length":
            self.close_connection = True

    def _head(self, reply, *lines, version="HTTP/1.1", reason=True):
        phrase = " " + REASONS.get(reply.status, "Odd") if reason else ""
        head = [f"{version} {reply.status}{phrase}", *(f"{name}: {value}" for name, value in reply.headers), *lines]
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"

    def _write(self, *parts):
        try:
            self.wfile.write(b"".join(parts))
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    @staticmethod
    def _length(reply, more=0):
        return f"Content-Length: {len(reply.body) + more}"

    def _wire_length(self, reply):
        has_body = reply.status not in WITHOUT_BODY
        self._write(self._head(reply, *([self._length(reply)] if has_body else [])), reply.body if has_body else b"")

    def _wire_chunked(self, reply):
        half = len(reply.body) // 2
        chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (reply.body[:half], reply.body[half:]) if part]
        self._write(self._head(reply, "Transfer-Encoding: chunked"), *chunks, b"0\r\n\r\n")

    def _wire_close(self, reply):
        pass

    def _wire_reset(self, reply):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _wire_cut(self, reply):
        self._write(self._head(reply, self._length(reply)), reply.body[:len(reply.body) // 2])

    def _wire_cut_chunk(self, reply):
        self._write(self._head(reply, "Transfer-Encoding: chunked"), b"%x\r\n" % len(reply.body), reply.body[:5])

    def _wire_no_length(self, reply):
        self._write(self._head(reply, "Connection: close"), reply.body)

    def _wire_HTTP_1_0(self, reply):
        self._write(self._head(reply, version="HTTP/1.0"), reply.body)

    def _wire_long_length(self, reply):
        self._write(self._head(reply, self._length(reply, 10)), reply.body)

    def _wire_two_replies(self, reply):
        one = self._head(reply, self._length(reply)) + reply.body
        self._write(one, one)

    def _wire_interim(self, reply):
        self._write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
                    self._head(reply, self._length(reply)), reply.body)

    def _wire_folded(self, reply):
        self._write(self._head(reply, "X-Folded: a\r\n b", "x-lower:c", self._length(reply)), reply.body)

    def _wire_no_reason(self, reply):
        self._write(self._head(reply, self._length(reply), reason=False), reply.body)

    def _wire_huge_header(self, reply):
        self._write(self._head(reply, "X-Filler: " + 200000 * "x", self._length(reply)), reply.body)

    def _wire_garbage(self, reply):
        self._write(b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n")

    def _wire_dribble(self, reply):
        self._write(self._head(reply, self._length(reply)))
        for i in range(len(reply.body)):
            self._write(reply.body[i:i + 1])
            self.server.calm.wait(DRIBBLE_S)

    def _wire_hang(self, reply):
        self.server.calm.wait(PATIENCE_S)
