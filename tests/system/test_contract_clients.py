# SPDX-License-Identifier: MIT
"""test_contract_clients.py - generates clients from openapi.yaml, compiles programs that use them with `tsc --strict`,
and runs these against the daemon.

A document can be valid, and still give a client that cannot be used: a required header that no program may set, or a
type that no response has.
"""
import shutil

import contract
import npm
import pytest

pytestmark = npm.needs_packages
GENERATORS = {"fetch_client": ["openapi-typescript", contract.OPENAPI, "--output", "paths.ts"],
              "oazapfts_client": ["oazapfts", contract.OPENAPI, "generated.ts"]}


@pytest.mark.parametrize("name", GENERATORS)
def test_generated_client_compiles_and_works(daemon, tmp_path, name):
    shutil.copy(npm.FOLDER / f"{name}.ts", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    npm.link(tmp_path)
    generator, *arguments = GENERATORS[name]
    npm.run(npm.program(generator), *arguments, cwd=tmp_path)
    npm.run(npm.program("tsc"), "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext",
            "--types", "node", f"{name}.ts", cwd=tmp_path)
    shown = npm.run("node", f"{name}.js", daemon.urls[0], cwd=tmp_path)
    assert shown.splitlines() == ["info@milvali.com", "support@milvali.com", "0 hit ", "1 looked-up 17"]
