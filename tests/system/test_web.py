# SPDX-License-Identifier: MIT
"""test_web.py - tests how the web page, the reference and their files are served."""
import re
import shutil
import subprocess

import contract
import pytest
import yaml
from client_keys import start
from programs import PATIENCE_S, ROOT

WEB = ROOT / "server" / "web"
PAGES = {"/": "index.html", "/docs": "docs.html"}
MODULES = sorted(path.name for path in WEB.glob("*.js"))
OF_THE_PAGE = [*MODULES, "page.css", "icon.svg"]
FILES = {**PAGES, **{f"/ui/{name}": name for name in [*OF_THE_PAGE, "docs.css"]}}
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'")
GUARDS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin",
          "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
          "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


@pytest.fixture(scope="module")
def shared(module_testbed):
    """The daemon for requests that leave no trace."""
    sim = module_testbed.simulator()
    yield module_testbed.daemon(sim)
    assert sim.calls()["requests"] == 0


def check_guards(answer):
    for name, value in GUARDS.items():
        assert answer.header(name) == value


@pytest.mark.parametrize("path, name", FILES.items())
def test_web_file_is_served_verbatim_with_every_header(shared, path, name):
    answer = shared.get(path)
    assert (answer.status, answer.body) == (200, (WEB / name).read_bytes())
    assert answer.header("Content-Type") == TYPES[(WEB / name).suffix]
    assert answer.header("ETag").strip('"')
    check_guards(answer)
    discovery = '</openapi.yaml>; rel="service-desc", </docs>; rel="service-doc"'
    assert answer.header("Link") == (discovery if path in PAGES else None)


@pytest.mark.parametrize("path", FILES)
def test_web_file_that_the_client_has_is_304(shared, path):
    got = shared.get(path)
    connection = shared.connect()
    for tag in (got.header("ETag"), f'"other", {got.header("ETag")}', f'W/{got.header("ETag")}', "*"):
        answer = connection.get(path, f"If-None-Match: {tag}")
        assert (answer.status, answer.header("ETag")) == (304, got.header("ETag"))
        check_guards(answer)
    assert connection.get(path, 'If-None-Match: "other"').body == got.body


@pytest.mark.parametrize("path", FILES)
def test_head_of_a_web_file_has_the_headers_of_get(shared, path):
    got = shared.get(path)
    connection = shared.connect()
    connection.send_get(path, method="HEAD")
    head = connection.read("HEAD")
    own = ("date", "x-request-id", "connection")
    assert [h for h in head.headers if h[0].lower() not in own] == [
        h for h in got.headers if h[0].lower() not in own]
    assert connection.get("/livez").body == b"ok\n", "no body came after the head"


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_web_file_rejects_other_methods(shared, method, path):
    connection = shared.connect()
    connection.send_get(path, method=method)
    answer = connection.read()
    answer.problem(405, "method-not-allowed")
    assert answer.header("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui/page", "/ui/index.html", "/ui/docs.html", "/ui/x/page.js",
                                  "/ui/..", "/ui/%70age.js", "/docs/", "/index.html", "/favicon.ico"])
def test_other_paths_are_not_found(shared, path):
    shared.connect().get(path).problem(404, "not-found")


def test_unknown_path_names_what_there_is(shared):
    detail = shared.get("/nowhere").problem(404, "not-found")["detail"]
    assert "/emails?domain=" in detail and "/docs" in detail


def test_web_files_need_no_key(testbed, sim, keys):
    keys.add("reports")
    daemon = start(testbed, sim, keys)
    daemon.get("/usage").problem(401, "unauthorized")
    for path in FILES:
        assert daemon.get(path).status == 200
        assert daemon.get(path, {"Authorization": "Bearer nothing"}).status == 200
        assert daemon.get(path, {"Sec-Fetch-Site": "cross-site"}).status == 200  # a link of another site


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                                     {"Origin": "http://evil.example"}, {"X-Forwarded-For": "192.0.2.7"}])
def test_web_files_without_keys_are_for_this_site_only(shared, headers):
    for path in FILES:
        shared.get(path, headers).problem(403, "forbidden")


# What a browser sends when a link of another site opens a page in a tab, or when such a page is reloaded.
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
        "Sec-Fetch-User": "?1", "Referer": "http://wiki.example/"}
LINKED = [*PAGES, "/problems/forbidden"]


@pytest.mark.parametrize("path", LINKED)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_link_of_another_site_opens_a_page(shared, path, site):
    answer = shared.get(path, {**LINK, "Sec-Fetch-Site": site})
    assert (answer.status, answer.body) == (200, shared.get(path).body)


@pytest.mark.parametrize("path", LINKED)
@pytest.mark.parametrize("change", [{"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Dest": "frame"},
                                    {"Sec-Fetch-Dest": "object"}, {"Sec-Fetch-Dest": "empty"},
                                    {"Sec-Fetch-Mode": "no-cors"}, {"Sec-Fetch-Mode": "cors"},
                                    {"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
                                    {"X-Forwarded-For": "192.0.2.7"}])
def test_other_requests_of_another_site_open_no_page(shared, path, change):
    shared.get(path, {**LINK, **change}).problem(403, "forbidden")


@pytest.mark.parametrize("path", ["/ui/page.js", "/openapi.yaml", "/metrics", "/livez", "/readyz", "/version", "/usage",
                                  "/emails?domain=milvali.com", "/lookups/0", "/bulks/0", "/nowhere"])
def test_link_of_another_site_opens_nothing_else(shared, path):
    shared.get(path, LINK).problem(403, "forbidden")


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_link_of_another_site_opens_a_page_with_get_only(shared, method):
    connection = shared.connect()
    connection.send_get("/", *[f"{name}: {value}" for name, value in LINK.items()], method=method)
    connection.read().problem(403, "forbidden")


def test_web_files_have_their_own_rows_in_the_metrics(testbed, sim):
    daemon = testbed.daemon(sim)
    for path in ("/", "/docs", "/docs", "/ui/page.js", "/ui/page.css", "/ui/icon.svg"):
        daemon.get(path)
    text = daemon.get("/metrics").body.decode()
    for route, n in (("/", 1), ("/docs", 2), ("/ui/{}", 3)):
        assert f'emailsd_http_requests_total{{route="{route}",code="200"}} {n}\n' in text


def test_page_is_small():
    """It is embedded in the binary, and loaded over any connection."""
    sizes = {name: (WEB / name).stat().st_size for name in ["index.html", *OF_THE_PAGE]}
    assert sum(sizes.values()) <= 56 * 1024, sizes


def test_page_has_a_sentence_for_each_state_of_the_upstream():
    api = yaml.load(contract.OPENAPI.read_text("utf-8"), yaml.CSafeLoader)
    words = re.search(r"export const UPSTREAM = \{(.*?)\};", (WEB / "usage.js").read_text("utf-8"), re.S)[1]
    known = set(re.findall(r'^ *"?([a-z-]+)"?: "', words, re.M))
    enum = {word for schema in find_members(api, "upstream") for word in schema.get("enum", [])}
    assert known == enum - {"ok"}


def find_members(node, name):
    """Yields the members of that name, at any depth."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == name and isinstance(value, dict):
            yield value
        yield from find_members(value, name)


def colours_of(name):
    """Returns the custom properties of a style sheet that are colours, for light and for dark."""
    return [set(re.findall(r"(--[a-z-]+): (#[0-9a-f]+);", part))
            for part in (WEB / name).read_text("utf-8").split("@media (prefers-color-scheme: dark)")[:2]]


def test_page_and_reference_have_the_same_colours():
    for page, reference in zip(colours_of("page.css"), colours_of("docs.css")):
        its_own = {value for value in reference if value not in page}
        assert reference and not its_own


# ---- the reference ----

TEXT_BROWSERS = [["w3m", "-dump", "-cols", "80"], ["lynx", "-dump", "-width=80", "-nolist"]]


@pytest.mark.parametrize("command", TEXT_BROWSERS, ids=[command[0] for command in TEXT_BROWSERS])
def test_reference_is_readable_in_a_text_browser(shared, command):
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} on this machine")
    text = subprocess.run([*command, f"{shared.urls[0]}/docs"], capture_output=True, text=True, check=True,
                          timeout=PATIENCE_S).stdout
    for part in ("API reference", "GET /emails", "curl 'http://127.0.0.1:8080/emails?domain=milvali.com'",
                 "quota-exceeded", "What to do"):
        assert part in text


def test_problem_pages_lead_to_the_reference(shared):
    api = yaml.load(contract.OPENAPI.read_text("utf-8"), yaml.CSafeLoader)
    reference = shared.get("/docs").body.decode()
    for code in api["components"]["schemas"]["Code"]["enum"]:
        anchor = shared.get(f"/problems/{code}").body.decode().split("/docs#")[1].split()[0]
        assert f'id="{anchor}"' in reference
