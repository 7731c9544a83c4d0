# SPDX-License-Identifier: MIT
"""test_anonymous.py - tests a daemon without client keys: whom it serves, what browsers may send on behalf of
a page, and what a proxy may pass on."""
import pytest
from client_keys import start
from programs import KEY, KEY_VARIABLE, run_to_end
from proxies import Nginx

UPSTREAM = ("--upstream-url", "http://127.0.0.1:1")


# ---- start ----


@pytest.mark.parametrize("flags, words", [
    (["--listen", "0.0.0.0:0"], "reachable from other machines"),
    (["--listen", "127.0.0.1:0", "--listen", "[::]:0"], "reachable from other machines"),
    (["--client-keys-file", "/nonexistent"], "No such file"),
    (["--client-keys-file", "/nonexistent", "--allow-anonymous"], "choose one"),
])
def test_start_without_keys_on_a_public_address_is_rejected(flags, words):
    ended = run_to_end(*flags, *UPSTREAM, env={KEY_VARIABLE: "k"})
    assert ended.returncode == 2 and words in ended.stderr, ended


def test_start_with_allow_anonymous_is_logged(testbed, sim):
    daemon = testbed.daemon(sim, "--listen", "0.0.0.0:0", "--allow-anonymous")
    assert "event=anonymous_access_enabled address=0.0.0.0:0" in daemon.stderr()
    port = daemon.address[1]
    daemon.address = ("127.0.0.1", port)
    assert daemon.lookup("milvali.com", {"Host": "emailsd:8080"}).status == 200
    daemon.lookup("milvali.com", method="DELETE").problem(403, "forbidden")


def test_start_with_invalid_or_unused_host_is_rejected():
    for flags, words in [(["--allow-anonymous", "--host", "emails.example.com:8080"], "without a port"),
                         (["--host", "emails.example.com"], "has no effect without --allow-anonymous")]:
        ended = run_to_end(*flags, *UPSTREAM, env={KEY_VARIABLE: "k"})
        assert ended.returncode == 2 and words in ended.stderr, ended


def test_anonymous_clients_have_no_admin_right_by_default(testbed, sim):
    for flags, status in [([], 403), (["--allow-anonymous"], 403), (["--allow-anonymous=admin"], 204)]:
        daemon = testbed.daemon(sim, *flags)
        daemon.lookup("milvali.com")
        assert daemon.lookup("milvali.com", method="DELETE").status == status


# ---- browsers ----

@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Host": "127.0.0.1.nip.io:8080"},
                                     {"Sec-Fetch-Site": "cross-site"},
                                     {"Sec-Fetch-Site": "same-site"},
                                     {"Origin": "http://evil.example"}, {"Origin": "null"},
                                     {"Referer": "http://evil.example/page"}])
def test_browser_cross_site_requests_are_rejected(daemon, sim, headers):
    refused = daemon.lookup("milvali.com", headers)
    assert refused.problem(403, "forbidden")["charged"] == "no"
    assert sim.ledger() == []
    daemon.lookup("milvali.com")
    daemon.lookup("milvali.com", headers).problem(403, "forbidden")  # cached results are not served either


def test_browser_same_site_requests_are_accepted(testbed, sim, daemon):
    url = daemon.urls[0]
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": url, "Referer": f"{url}/problems/forbidden"}
    assert daemon.lookup("milvali.com", ours).status == 200
    for_all = testbed.daemon(sim, "--listen", "0.0.0.0:0", "--allow-anonymous")
    for_all.address = ("127.0.0.1", for_all.address[1])
    page = {"Host": "emails.internal:8080", "Origin": "http://emails.internal:8080"}
    assert for_all.lookup("milvali.com", page).status == 200
    other = {**page, "Origin": "http://wiki.internal"}
    for_all.lookup("milvali.com", other).problem(403, "forbidden")


def rebound(name):
    """What a browser sends for a page whose name resolves to this server."""
    return {"Host": f"{name}:8080", "Origin": f"http://{name}:8080", "Referer": f"http://{name}:8080/x",
            "Sec-Fetch-Site": "same-origin"}


def test_browser_page_of_a_rebound_name_is_rejected(testbed, sim):
    daemon = testbed.daemon(sim, "--listen", "0.0.0.0:0", "--allow-anonymous",
                            env={KEY_VARIABLE: KEY, "EMAILSD_HOST": "emails.example.com,emails.example.org"})
    daemon.address = ("127.0.0.1", daemon.address[1])
    for path in ("/emails?domain=milvali.com", "/usage", "/metrics"):
        assert "--host" in daemon.get(path, rebound("evil.com")).problem(403, "forbidden")["detail"]
    assert sim.ledger() == []
    for name in ("emails.example.com", "emails.example.org", "emailsd", "emailsd.default.svc.cluster.local"):
        assert daemon.lookup("milvali.com", rebound(name)).status == 200


@pytest.mark.parametrize("headers, name", [
    ({"Host": "evil.com"}, "Host"), ({"Origin": "http://evil.com"}, "Origin"),
    ({"Referer": "http://evil.com/"}, "Referer"), ({"Sec-Fetch-Site": "same-site"}, "Sec-Fetch-Site")])
def test_browser_rejection_names_the_header(daemon, headers, name):
    detail = daemon.lookup("milvali.com", headers).problem(403, "forbidden")["detail"]
    assert detail.startswith(f"cross-site browser request rejected: {name} ")


# ---- proxies ----


# As Apache, HAProxy (option forwardfor), Caddy and Varnish add them by default or by a usual line.
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded",
                                    "X-Real-IP", "Via"])
def test_forwarded_request_requires_client_keys(testbed, sim, daemon, keys, header):
    headers = {"Host": "127.0.0.1:8080", header: "192.0.2.7"}
    problem = daemon.lookup("milvali.com", headers).problem(403, "forbidden")
    assert "client keys" in problem["detail"]
    daemon.lookup("milvali.com", headers, method="DELETE").problem(403, "forbidden")
    assert sim.ledger() == []
    keys.add("reports")
    with_keys = start(testbed, sim, keys)
    assert with_keys.lookup("milvali.com", {**headers, **keys.bearer("reports")}).status == 200


@pytest.fixture
def nginx(tmp_path):
    """Starts an nginx in front of a daemon, with further lines of its server."""
    started = []

    def put_before(daemon, server=""):
        started.append(Nginx(tmp_path / f"nginx{len(started)}", daemon, server))
        return started[-1]

    yield put_before
    for proxy in started:
        proxy.stop()


def get_through(daemon, proxy, target, method="GET"):
    """Sends a request to the proxy; the daemon object only knows how."""
    daemon.address = daemon.address_of(proxy.url)
    return daemon.request(method, target, {"Host": "emails.example.com"})


def test_nginx_with_a_forwarding_header_requires_client_keys(testbed, sim, nginx):
    """nginx replaces Host by the address of the daemon, as it does by default."""
    daemon = testbed.daemon(sim)
    proxy = nginx(daemon, "proxy_set_header X-Forwarded-For $remote_addr;")
    for path in (daemon.question("milvali.com"), "/usage", "/metrics"):
        get_through(daemon, proxy, path).problem(403, "forbidden")
    assert sim.ledger() == []


def test_nginx_that_adds_nothing_gives_no_admin_right(testbed, sim, nginx):
    """Such a proxy cannot be detected, so its clients are served; docs/deployment.md says so."""
    daemon = testbed.daemon(sim)
    proxy = nginx(daemon)
    assert get_through(daemon, proxy, daemon.question("milvali.com")).status == 200
    get_through(daemon, proxy, daemon.question("milvali.com"), "DELETE").problem(403, "forbidden")
    assert get_through(daemon, proxy, daemon.question("milvali.com", cached=1)).status == 200
