# SPDX-License-Identifier: MIT
"""proxies.py - a real nginx and a real Varnish in front of the simulator or the daemon, on loopback.

A proxy is a program of the testbed's kind: it has a URL, and stop() ends it by its process id. Each has a
folder of its own. `make deps` installs both; without them the tests fail, they do not skip.
"""
import os
import re
import shutil
import socket
import subprocess

from programs import PATIENCE_S, tied
from waiting import eventually

PATH = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"


def program(name):
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is missing: run `make deps`"
    return found


class Proxy:
    def __init__(self, folder, argv, **how):
        self.folder = folder
        with open(folder / "output", "wb") as output:
            self.process = subprocess.Popen(tied(argv), stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, **how)

    def output(self):
        return (self.folder / "output").read_text("utf-8", "replace")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


NGINX_CONF = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    log_format call '$request_method $uri $status coding=$sent_http_content_encoding';
    access_log calls call;
    default_type text/plain;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    %(http)s
    server {
        listen %(listen)s;
        %(server)s
        location / {
            proxy_pass %(upstream)s;
            proxy_http_version 1.1;
        }
    }
}
"""


class Nginx(Proxy):
    """nginx in front of the simulator or a daemon, `sim`; `server` and `http` are further lines of its configuration. It
    inherits a listening socket, so that no port must be known before."""

    def __init__(self, folder, sim, server="", http=""):
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)  # nginx accepts an inherited socket in this form
            self.address = listener.getsockname()
            address = "%s:%d" % self.address
            (folder / "nginx.conf").write_text(NGINX_CONF % {
                "listen": address, "upstream": sim.urls[0], "server": server, "http": http}, "utf-8")
            number = listener.fileno()
            user = ["-g", "user root;"] if os.geteuid() == 0 else []
            super().__init__(folder, [program("nginx"), "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf",
                                      *user], env={**os.environ, "NGINX": f"{number};"}, pass_fds=[number])
        self.url = f"http://{address}"

    def calls(self):
        """Returns (method, path, status, content coding) of the requests that it has answered."""
        path = self.folder / "calls"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [re.fullmatch(r"(\S+) (\S+) (\d+) coding=(\S+)", line).groups() for line in lines]


CACHED_S = 3600  # longer than a test waits
VCL = """
vcl 4.1;
backend default { .host = "%s"; .port = "%d"; .first_byte_timeout = %s; }
"""


class Varnish(Proxy):
    """Varnish in front of the simulator, with its built-in rules: it caches what GET returns, here for an hour,
    does not cache what was requested with Authorization, and its own 503 carries Retry-After."""

    def __init__(self, folder, sim, first_byte_timeout="60s"):
        folder.mkdir()
        vcl = folder / "default.vcl"
        vcl.write_text(VCL % (*sim.address, first_byte_timeout), "utf-8")
        self.work = folder / "work"
        super().__init__(folder, [program("varnishd"), "-F", "-j", "none", "-n", self.work, "-f", vcl,
                                  "-a", "127.0.0.1:0", "-s", "malloc,16m", "-t", str(CACHED_S)], env={**os.environ, "PATH": PATH})
        self.url = "http://%s:%s" % eventually(self._address)

    def _address(self):
        """Returns host and port once the child process listens."""
        assert self.process.poll() is None, self.output()
        run = subprocess.run([program("varnishadm"), "-n", self.work, "debug.listen_address"],
                             capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        found = re.search(r"^\S+ (127\.0\.0\.1) (\d+)$", run.stdout, re.M)
        return found and found.groups()
