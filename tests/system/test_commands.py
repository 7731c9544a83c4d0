# SPDX-License-Identifier: MIT
"""test_commands.py - runs the commands of the documents and of the reference, as readers would who copy them."""
import html
import json
import re
import subprocess

import contract
import pytest
import yaml
from programs import PATIENCE_S, ROOT, environment

DOCUMENTS = ["README.md", "docs/lists.md", "docs/clients.md"]
REFERENCE = ROOT / "server/web/docs.html"
SERVER = "http://127.0.0.1:8080"  # of all commands


def run(command, daemon, folder):
    return subprocess.run(["bash", "-o", "pipefail", "-c", command.replace(SERVER, daemon.urls[0])], cwd=folder,
                          env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that the commands name."""
    (tmp_path / "domains.txt").write_text("blue-bottle.com\nmilvali.com\nmilvali\nWWW.Milvali.com\n")
    (tmp_path / "list.csv").write_text("domain,country\nmilvali.com,US\n")
    return tmp_path


# ---- documents ----


def commands_of(document):
    return re.findall(r"^    \$ (curl .*)$", (ROOT / document).read_text("utf-8"), re.M)


@pytest.mark.parametrize("document, command", [(document, command) for document in DOCUMENTS
                                               for command in commands_of(document)])
def test_command_of_a_document_works(daemon, folder, document, command):
    done = run(command, daemon, folder)
    assert done.returncode == 0, done
    shown = done.stdout
    if "-o results.csv" in command:
        shown = (folder / "results.csv").read_text("utf-8")
    assert "info@milvali.com" in shown or shown == "2\n", f"{document}: {shown}"


@pytest.mark.parametrize("document, command", [(document, command) for document in DOCUMENTS
                                               for command in commands_of(document) if "?domain=" in command])
def test_command_for_one_lookup_pays_once_for_a_failure(testbed, sim, folder, document, command):
    """A command that repeats a failure pays again once the stored failure has expired: here, immediately."""
    daemon = testbed.daemon(sim, "--ttl-failed", "1ms")
    sim.rule("failing.com", state="ERRORED", data=None)
    done = run(command.replace("milvali.com", "failing.com"), daemon, folder)
    assert '"code":"lookup-failed"' in done.stdout, f"{document}: {done}"
    assert len(sim.ledger("failing.com")) == 1


def test_documents_have_commands():
    assert all(commands_of(document) for document in DOCUMENTS)


# ---- the reference ----


def commands_of_the_reference():
    """Returns {operation: its command}, without operations that change something or that the upstream sends."""
    text = REFERENCE.read_text("utf-8")
    found = re.findall(r'aria-label="Command for ([A-Z]+ /[^"]*)"><code>(.*?)</code>', text)
    return {operation: html.unescape(command) for operation, command in found
            if not operation.startswith(("DELETE", "POST /notify"))}


def id_for(operation, daemon):
    """Returns an id that exists, for commands that need one; "" for the others."""
    if operation == "GET /lookups/{id}":
        return daemon.get("/emails?domain=other.com&async=1").header("Location").split("/")[-1]
    if operation == "GET /bulks/{id}":
        links = daemon.request("POST", "/emails", {"Content-Type": "text/plain"}, b"other.com\n").header("Link")
        return re.search(r"/bulks/([^>?]+)", links)[1]
    return ""


@pytest.mark.parametrize("operation, command", commands_of_the_reference().items())
def test_command_of_the_reference_works(daemon, folder, operation, command):
    daemon.await_result("milvali.com")
    command = command.replace("/ID", f"/{id_for(operation, daemon)}")
    done = run(command.replace("curl", "curl -sS -w '\\n%{http_code}'", 1), daemon, folder)
    body, _, status = done.stdout.rpartition("\n")
    method, path = operation.split()
    paths = yaml.load(contract.OPENAPI.read_text("utf-8"), yaml.CSafeLoader)["paths"]
    assert status in paths[path][method.lower()]["responses"] and int(status) < 400, done
    if path == "/mcp":
        assert "structuredContent" in json.loads(body)["result"], body


def test_reference_has_commands():
    assert len(commands_of_the_reference()) > 10
