#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the arrows and the doors of the tree by its #include lines.

An arrow says which folder may include which; a door says which files may include a foreign library.
CONTRIBUTING.md draws both. `--self-test` plants violations in a temporary tree and wants them found.
"""
import pathlib
import re
import sys
import tempfile

# Who may include whom. A place is the longest prefix of a file's path that stands here.
ARROWS = {
    # main.c and what it is made of: the only ones that know the configuration.
    "server/main.c": ["server/", "client/", "base/"],
    "server/daemon/": ["server/daemon/", "server/config/", "server/http/", "server/lookup/engine.h",
                       "server/os/", "base/"],
    "server/commands/": ["server/commands/", "server/config/", "server/os/", "server/store/",
                         "client/transport.h", "base/"],
    "server/config/": ["server/config/", "base/"],
    "server/os/": ["server/os/", "base/"],
    "server/http/": ["server/http/", "server/lookup/", "server/model/", "server/cache/", "base/"],
    "server/http/listener.": ["server/http/", "server/os/inherited_socket.h", "base/"],
    "server/lookup/": ["server/lookup/", "server/model/", "server/cache/", "server/store/", "client/",
                       "base/"],
    "server/cache/": ["server/cache/", "server/model/", "base/"],
    "server/model/": ["server/model/", "base/"],
    "server/store/": ["server/store/", "server/model/", "base/"],
    "client/openmart/": ["client/openmart/", "client/transport.h", "base/"],
    "client/transport": ["client/transport", "base/"],
    "base/": ["base/"],
    "tests/simulator/": ["tests/simulator/", "base/"],
}

# Which files may include which foreign headers.
DOORS = {
    r"microhttpd\.h": r"server/http/core/(worker_state|response)\.h|server/http/listener\.c"
                     r"|server/http/core/(worker|mhd_daemon|request(_input)?)\.c|tests/simulator/.*",
    r"curl/.*": r"client/transport.*|base/url\.c|tests/unit/.*",
    r"sqlite3\.h": r"server/store/sqlite/.*|tests/unit/.*",
    r"cjson/.*|cJSON\.h": r"base/json\.c",
    r"idn2\.h|libpsl\.h": r"server/model/domain\.c|tests/unit/test_domain_list\.c",
    r"openssl/.*": r"base/hash\.c",
    r"uni[a-z]+\.h": r"base/text\.c",
    r"gnutls/.*": r"server/http/net/tls\.c",
    r"ini\.h": r"server/config/config_file\.c",
    r"systemd/.*": r"server/os/notify\.c",
    r"uthash\.h": r"base/hashtable\.h",
    r"seccomp\.h": r"server/os/sandbox_calls\.c",
    r"linux/landlock\.h": r"server/os/sandbox_files\.c|tests/unit/.*",
}
SYSTEM_UNI = {"unistd.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def find(root, name, own_folder):
    """The path in the tree that an include in quotes means."""
    for base in (own_folder, root / "server", root):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(root.resolve()).as_posix()
    return None


def check(root):
    faults = []
    files = [p for folder in ("base", "server", "client", "tests") for p in (root / folder).rglob("*.[ch]")]
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        places = [p for p in ARROWS if name.startswith(p)]
        allowed = ARROWS[max(places, key=len)] if places else None
        if allowed is None and not name.startswith("tests/"):
            faults.append(f"{name}: has no place among the arrows")
        for kind, target in INCLUDE.findall(path.read_text()):
            if kind == "<":
                for header, door in DOORS.items():
                    if (re.fullmatch(header, target) and target not in SYSTEM_UNI
                            and not re.fullmatch(door, name)):
                        faults.append(f"{name}: <{target}> has its door elsewhere")
                continue
            found = find(root, target, path.parent)
            if found is None:
                if target != "version.h":  # generated
                    faults.append(f"{name}: \"{target}\" is nowhere in the tree")
            elif allowed is not None and not any(found.startswith(a) for a in allowed):
                faults.append(f"{name}: must not include {found}")
    if not files:
        faults.append("no source files found: run from the root of the tree")
    return faults


def self_test():
    planted = {
        "base/err.h": "",
        "server/http/core/request.h": "",
        "server/config/config.h": "",
        "client/transport.h": "",
        "base/up.c": '#include "http/core/request.h"\n',
        "server/lookup/engine.c": '#include "http/core/request.h"\n',
        "server/lookup/curl.c": "#include <curl/curl.h>\n",
        "server/http/endpoints/emails.c": "#include <microhttpd.h>\n#include <unistd.h>\n",
        "server/stray.c": "",
        "server/http/nowhere.c": '#include "http/missing.h"\n',
        "server/http/conf.c": '#include "config/config.h"\n',
        "client/transport.c": '#include "base/err.h"\n#include <curl/curl.h>\n',
        "server/http/listener.c": "#include <microhttpd.h>\n",
        "tests/simulator/main.c": '#include "client/transport.h"\n',
    }
    guilty = {"base/up.c", "server/lookup/engine.c", "server/lookup/curl.c",
              "server/http/endpoints/emails.c", "server/http/conf.c", "server/stray.c", "server/http/nowhere.c",
              "tests/simulator/main.c"}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in planted.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        named = {fault.split(":")[0] for fault in check(root)}
    if named != guilty:
        sys.exit(f"check_layers: self-test: found {sorted(named)}, not {sorted(guilty)}")


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        self_test()
    else:
        found_faults = check(pathlib.Path("."))
        print("\n".join(found_faults), end="\n" if found_faults else "")
        sys.exit(1 if found_faults else 0)
