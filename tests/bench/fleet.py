# SPDX-License-Identifier: MIT
"""fleet.py - the servers whose hits are compared; all have the same response and run on the same cores.

Each entry is a peer or a floor of emailsd. If a peer is not installed, it is skipped with a message. The
peers are configured as an experienced operator would: no log, no limit on requests per connection, workers
that share the port. Their headers come from the origin and are cached with the body; only the request id is
new each time. They get no Vary, which would cost them a second look-up.
"""
import os
import shutil
import sys

import machine
from origin import PATH, QUERY, Origin
from processes import family
from testbed import fetch, free_port, seed

NGINX = """
{user}
worker_processes {workers};
worker_rlimit_nofile 8192;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.err crit;
events {{ worker_connections 4096; multi_accept on; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-temp;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    proxy_cache_path {directory}/nginx-cache keys_zone=answers:16m inactive=1d;
    server {{
        listen 127.0.0.1:{port} reuseport backlog=4096;
        location / {{
            proxy_pass http://127.0.0.1:{origin};
            proxy_cache answers;
            proxy_cache_valid 200 1d;
            add_header X-Request-Id $request_id;
        }}
    }}
}}
"""

HAPROXY = """
global
    nbthread {workers}
    maxconn 8192
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
cache answers
    total-max-size 16
    max-age 86400
frontend front
    bind 127.0.0.1:{port} backlog 4096
    http-request cache-use answers
    http-response cache-store answers
    http-after-response set-header X-Request-Id %[uuid()]
    default_backend back
backend back
    server origin 127.0.0.1:{origin}
"""


class Server:
    """One entry of the comparison: its address, and the processes whose CPU time it is charged for."""

    def __init__(self, name, port, programs):
        self.name, self.port = name, port
        self.url = f"http://127.0.0.1:{port}{PATH}"
        self.pids = [pid for program in programs for pid in family(program.process.pid)]


def _bare_loops(testbed, workers, cores, body_file):
    port = free_port()
    loops = [testbed.ours("bare_loop", port, body_file, QUERY, cores=[core])
             for core in cores[:workers]]
    return Server("bare loop", port, loops)


def _libraries(testbed, workers, cores, body_file):
    port = free_port()
    programs = [testbed.ours("bare_library", port, body_file, cores=[core]) for core in cores[:workers]]
    return Server("libmicrohttpd alone", port, programs)


def _nginx(testbed, workers, cores, origin):
    port, path = free_port(), testbed.directory / f"nginx-{workers}.conf"
    directory = testbed.directory / f"nginx-{workers}"
    directory.mkdir()
    path.write_text(NGINX.format(workers=workers, port=port, origin=origin.port,
                                 directory=directory,
                                 user="user root;" if os.geteuid() == 0 else ""))
    return port, ["nginx", "-e", str(directory / "early.err"), "-p", str(directory),
                  "-c", str(path)]


def _haproxy(testbed, workers, cores, origin):
    port, path = free_port(), testbed.directory / f"haproxy-{workers}.cfg"
    path.write_text(HAPROXY.format(workers=workers, port=port, origin=origin.port))
    return port, ["haproxy", "-db", "-q", "-f", str(path)]


def _peer(testbed, name, make, workers, cores, origin):
    """A cache in front of the origin; the constructor checks that it serves the response without the
    origin."""
    port, argv = make(testbed, workers, cores, origin)
    # haproxy assigns threads to the cores that it finds at its start, so it must start on them.
    program = testbed.foreign(["taskset", "-c", ",".join(map(str, cores)), *argv], port, cores)
    fetch(port, PATH)
    asked = origin.asked
    status, headers, _ = fetch(port, PATH)
    if status != 200 or origin.asked != asked or "x-request-id" not in headers:
        raise RuntimeError(f"{name} does not cache: {status} {headers}")
    return Server(name, port, [program])


def start(testbed, workers):
    """Returns emailsd first, then its floors, then the peers that are installed."""
    cores, load_cores = machine.cores_for(workers)
    simulator = testbed.simulator(cores=load_cores)
    daemon = testbed.emailsd(simulator, "--threads", str(workers), cores=cores)
    etag, body = seed(simulator, daemon.address[1])
    body_file = testbed.directory / "body"
    body_file.write_bytes(body)
    origin = Origin(body, etag)
    servers = [Server("emailsd", daemon.address[1], [daemon]),
               _bare_loops(testbed, workers, cores, body_file),
               _libraries(testbed, workers, cores, body_file)]
    for name, program, make in [("HAProxy cache", "haproxy", _haproxy),
                                ("nginx proxy_cache", "nginx", _nginx)]:
        if shutil.which(program):
            servers.append(_peer(testbed, name, make, workers, cores, origin))
        else:
            print(f"bench: {program} is not installed, and left out", file=sys.stderr)
    origin.stop()
    return simulator, daemon, servers
