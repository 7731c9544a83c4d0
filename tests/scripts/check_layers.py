#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the folders and modules of the tree by its #include lines:

    DEPENDENCIES  which folder may include which
    WRAPPERS      the only files that may include a foreign library
    CYCLES        modules (a .c with its .h) that include each other, with the reason

docs/architecture.md shows the first two. `--self-test` plants a fault for each rule in a temporary tree and
wants it found, and nothing else."""
import pathlib
import re
import sys
import tempfile

import lib

# Which folder may include which. A file belongs to the longest prefix of its path in this table. It may
# include files of its own folder and files that begin with one of the prefixes beside it.
DEPENDENCIES = {
    "base/": [],
    "client/openmart/": ["client/transport.h", "base/"],
    "client/emails/": ["base/"],
    "client/content_coding.": ["base/"],
    "client/transport.": ["client/content_coding.h", "base/"],
    "server/main.c": ["server/", "client/", "base/"],
    # The parts of main.c; besides main.c and the commands, the only files that use the configuration.
    "server/daemon/": ["server/config/config.h", "server/http/listener.h", "server/http/auth/",
                       "server/http/core/app.h", "server/http/net/tls.h", "server/lookup/engine.h",
                       "server/lookup/recovery.h", "server/model/denied_domains.h", "server/os/",
                       "server/store/store.h", "server/store/spool.h", "client/openmart/openmart.h",
                       "client/transport.h", "base/"],
    "server/commands/": ["server/config/", "server/os/", "server/store/store.h", "server/store/copy.h",
                         "client/transport.h", "base/"],
    "server/config/": ["base/"],
    "server/os/": ["base/"],
    "server/http/listener.": ["server/http/core/", "server/http/net/", "server/os/inherited_socket.h",
                              "base/"],
    "server/http/endpoints/": ["server/http/core/", "server/http/auth/", "server/http/protocol/",
                               "server/lookup/engine.h", "server/lookup/status.h",
                               "server/lookup/lists/bulk.h", "server/model/",
                               "server/cache/", "base/"],
    "server/http/core/": ["server/http/auth/", "server/http/protocol/", "server/http/net/",
                          "server/model/", "server/cache/", "base/"],
    "server/http/auth/": ["server/model/account.h", "server/model/domain.h", "base/"],
    "server/http/protocol/": ["server/model/freshness.h", "server/model/precondition.h",
                              "server/model/question.h", "server/model/result.h", "base/"],
    "server/http/net/": ["base/"],
    "server/lookup/": ["server/lookup/batching/", "server/lookup/records/", "server/lookup/money/",
                       "server/lookup/lists/bulks.h", "server/model/", "server/cache/",
                       "server/store/store.h", "server/store/calls.h", "server/store/calls_upkeep.h", "client/",
                       "base/"],
    # Lists use the engine like its own files do. It knows only bulks.h, which includes nothing of it.
    "server/lookup/lists/": ["server/lookup/", "server/model/", "server/cache/", "base/"],
    "server/lookup/batching/": ["server/lookup/records/", "server/lookup/money/", "server/model/",
                                "server/store/store.h", "server/store/calls.h",
                                "client/openmart/openmart.h", "base/"],
    "server/lookup/records/": ["server/lookup/money/", "server/model/", "server/cache/",
                               "server/store/store.h", "server/store/calls.h", "server/store/calls_upkeep.h",
                               "client/openmart/openmart.h", "base/"],
    "server/lookup/money/": ["server/model/", "server/store/store.h", "client/openmart/openmart.h",
                             "base/"],
    "server/cache/": ["server/model/", "base/"],
    "server/store/": ["server/model/", "base/"],
    "server/store/sqlite/": ["server/store/store.h", "server/store/driver.h", "server/store/file.h",
                             "server/store/words.h", "server/store/tables.h", "server/model/", "base/"],
    "server/store/postgres/": ["server/store/store.h", "server/store/driver.h", "server/store/words.h",
                               "server/store/tables.h", "server/model/", "base/"],
    "server/model/": ["base/"],
    "tests/simulator/": ["base/"],
}

# Which files may include which foreign headers.
WRAPPERS = {
    r"microhttpd\.h": r"server/http/core/(worker_state|response|direct_send)\.h|tests/simulator/.*|"
                    r"tests/unit/listener_fixture\.h|tests/bench/bare_library\.c",
    r"curl/.*": r"client/transport\.c|client/emails/http\.c|base/url\.c|tests/unit/.*",
    r"libpq-fe\.h": r"server/store/postgres/postgres\.h|tests/unit/.*",
    r"sqlite3\.h": r"server/store/sqlite/sqlite\.h|tests/unit/.*",
    r"cjson/.*|cJSON\.h": r"base/json\.c",
    r"idn2\.h": r"server/model/host_name\.c",
    r"libpsl\.h": r"server/model/domain\.c|tests/unit/test_domain_list\.c",
    r"openssl/.*": r"base/hash\.c",
    r"uni[a-z]+\.h": r"base/text\.c",
    r"gnutls/.*": r"server/http/net/tls\.c",
    r"ini\.h": r"server/config/config_file\.c",
    r"systemd/.*": r"server/os/notify\.c",
    r"uthash\.h": r"base/hashtable\.h",
    r"seccomp\.h": r"server/os/sandbox_calls\.c",
    r"zlib\.h": r"client/content_coding\.c|tests/simulator/coding\.c",
    r"linux/landlock\.h": r"server/os/sandbox_files\.c|tests/unit/.*",
}
SYSTEM_UNI = {"unistd.h"}

# Modules that include each other, directly or indirectly, and the reason why they may.
CYCLES = [
    # A private header each: the members of a request, of a worker, of the engine, of the lookups, of a
    # bulk, of the batcher and of the circuit breaker, an entry of the journal, the table of the options,
    # and the interface of a driver. The parts of a batch know its members.
    frozenset({"server/http/core/request", "server/http/core/request_state"}),
    frozenset({"server/http/core/worker", "server/http/core/worker_state"}),
    frozenset({"server/config/config", "server/config/config_table"}),
    frozenset({"server/lookup/engine", "server/lookup/engine_state"}),
    frozenset({"server/lookup/lists/bulk", "server/lookup/lists/bulk_state"}),
    frozenset({"server/lookup/lookups", "server/lookup/lookups_state"}),
    frozenset({"server/lookup/batching/batcher", "server/lookup/batching/batcher_state"}),
    frozenset({"server/lookup/batching/batch", "server/lookup/batching/batch_split",
               "server/lookup/batching/batch_payment", "server/lookup/batching/batch_results"}),
    frozenset({"server/lookup/records/journal", "server/lookup/records/journal_entry"}),
    frozenset({"server/lookup/batching/circuit_breaker", "server/lookup/batching/circuit_state"}),
    frozenset({"server/store/store", "server/store/driver"}),
    # The same for a list parser, whose readers share its members.
    frozenset({"server/http/protocol/list_parser", "server/http/protocol/list_state"}),
]

SOURCES = ("base", "server", "client", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def find(root, name, own_folder):
    """Returns the path in the tree for an include in quotes."""
    for base in (own_folder, root / "server", root):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(root.resolve()).as_posix()
    return None


def place_of(name):
    places = [p for p in DEPENDENCIES if name.startswith(p)]
    return max(places, key=len) if places else None


def check_foreign(name, target):
    return [f"{name}: <{target}> may be included by its wrapper only" for header, wrapper in WRAPPERS.items()
            if re.fullmatch(header, target) and target not in SYSTEM_UNI and not re.fullmatch(wrapper, name)]


def check_own(name, found):
    place = place_of(name)
    if place is None or place_of(found) == place or any(found.startswith(a) for a in DEPENDENCIES[place]):
        return []
    return [f"{name}: must not include {found}"]


def cycles_of(edges):
    """Returns the sets of modules that reach each other (Tarjan)."""
    index, low, stack, cycles = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(edges.get(module, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            cycle = set()
            while module not in cycle:
                cycle.add(stack.pop())
            if len(cycle) > 1:
                cycles.append(frozenset(cycle))

    for module in sorted(edges):
        if module not in index:
            visit(module)
    return cycles


def check_cycles(edges, listed):
    found = cycles_of(edges)
    return ([f"{min(cycle)}: these modules include each other: {', '.join(sorted(cycle))}"
             for cycle in found if cycle not in listed] +
            [f"{min(cycle)}: not a cycle now; remove it from the list: {', '.join(sorted(cycle))}"
             for cycle in listed if cycle not in found])


def check(root, listed):
    faults, edges = [], {}
    files = [p for folder in SOURCES for p in (root / folder).rglob("*.[ch]")]
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        if place_of(name) is None and not name.startswith("tests/"):
            faults.append(f"{name}: is in no folder of the table")
        for kind, target in INCLUDE.findall(path.read_text()):
            if kind == "<":
                faults += check_foreign(name, target)
                continue
            found = find(root, target, path.parent)
            if found:
                faults += check_own(name, found)
                if not name.startswith("tests/"):
                    edges.setdefault(name[:-2], set()).add(found[:-2])
            elif target != "version.h":  # generated
                faults.append(f"{name}: \"{target}\" does not exist in the tree")
    if not files:
        faults.append("no source files found: run from the root of the tree")
    for module, others in edges.items():
        others.discard(module)
    return faults + check_cycles(edges, listed)


def self_test():
    fine = {
        "base/err.h": "",
        "base/hashtable.h": "#include <uthash.h>\n",
        "client/openmart/openmart.h": '#include "client/transport.h"\n',
        "client/transport.c": '#include "base/err.h"\n#include <curl/curl.h>\n',
        "client/transport.h": "",
        "client/emails/http.c": "#include <curl/curl.h>\n",
        "server/config/config.h": "",
        "server/http/core/request.h": "",
        "server/http/core/worker_state.h": "#include <microhttpd.h>\n",
        "server/http/endpoints/emails.c": '#include "http/core/request.h"\n#include "lookup/engine.h"\n',
        "server/lookup/engine.h": '#include "lookup/batching/batch.h"\n',
        "server/lookup/batching/batch.h": "#include <unistd.h>\n",
        "server/lookup/batching/twin.h": '#include "lookup/batching/batch.h"\n',
        "server/lookup/batching/batch.c": '#include "lookup/batching/twin.h"\n',
        "server/model/domain.h": "",
        "server/store/sqlite/sqlite.h": '#include "version.h"\n',
        "tests/unit/test_it.c": '#include "lookup/engine.h"\n#include "http/core/request.h"\n',
    }
    twins = frozenset({"server/lookup/batching/batch", "server/lookup/batching/twin"})
    faults = {path: f'#include "{header}"\n' for path, header in {
        "base/up.c": "server/http/core/request.h",
        "client/up.c": "base/err.h",
        "client/transport.h": "client/openmart/openmart.h",
        "client/openmart/up.c": "model/domain.h",
        "client/emails/far.c": "client/transport.h",
        "client/emails/up.c": "model/domain.h",
        "server/stray.c": "base/err.h",
        "server/daemon/far.c": "lookup/batching/batch.h",
        "server/commands/far.c": "lookup/engine.h",
        "server/config/far.c": "model/domain.h",
        "server/os/far.c": "config/config.h",
        "server/http/listener.c": "lookup/engine.h",
        "server/http/endpoints/far.c": "lookup/batching/batch.h",
        "server/http/core/far.c": "lookup/engine.h",
        "server/http/auth/far.c": "http/core/request.h",
        "server/http/protocol/far.c": "http/core/request.h",
        "server/http/net/far.c": "http/core/request.h",
        "server/http/core/conf.c": "config/config.h",
        "server/lookup/up.c": "http/core/request.h",
        "server/lookup/batching/up.c": "lookup/engine.h",
        "server/lookup/records/up.c": "lookup/batching/batch.h",
        "server/lookup/money/up.c": "lookup/batching/batch.h",
        "server/cache/up.c": "lookup/engine.h",
        "server/store/up.c": "lookup/engine.h",
        "server/store/sqlite/up.c": "lookup/engine.h",
        "server/model/up.c": "lookup/engine.h",
        "server/http/core/nowhere.c": "http/core/missing.h",
        "tests/simulator/main.c": "client/transport.h",
        "base/err.h": "base/hashtable.h",  # and back: a cycle
    }.items()}
    faults["client/transport.h"] += '#include "base/err.h"\n'
    foreign = ["microhttpd.h", "curl/curl.h", "sqlite3.h", "cjson/cJSON.h", "idn2.h", "libpsl.h",
               "openssl/evp.h", "unistr.h", "gnutls/gnutls.h", "ini.h", "systemd/sd-daemon.h", "uthash.h",
               "seccomp.h", "linux/landlock.h"]
    faults.update({f"server/http/core/foreign{i}.c": f"#include <{h}>\n" for i, h in enumerate(foreign)})
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def said(files, listed):
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return check(root, listed)

        alarms = said(fine, [twins])
        if alarms:
            sys.exit(f"check_layers: self-test: false alarm: {alarms}")
        if not any("not a cycle now" in f for f in said({}, [twins, frozenset({"a", "b"})])):
            sys.exit("check_layers: self-test: a cycle that is gone was not seen")
        if not any("include each other" in f for f in said({}, [])):
            sys.exit("check_layers: self-test: a cycle that is not listed was not seen")
        faults["base/hashtable.h"] = fine["base/hashtable.h"] + '#include "base/err.h"\n'
        named = {fault.split(":")[0] for fault in said(faults, [twins])}
        # A cycle is reported by its first module; the transport and openmart.h form one, too.
        guilty = (set(faults) - {"base/err.h", "base/hashtable.h"}) | {"base/err", "client/openmart/openmart"}
        if named != guilty:
            sys.exit(f"check_layers: self-test: not seen or falsely seen: {sorted(named ^ guilty)}")


if __name__ == "__main__":
    lib.main(lambda root: check(root, CYCLES), self_test)
