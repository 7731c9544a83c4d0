#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py - `make kill`: thousands of kill -9, then a comparison of the records.

Stages of random kills and sweeps over system calls run in parallel, each in a folder of its own with an
upstream of its own. Prints a table. If a promise was broken, exits with 1 and keeps the folders of those
stages. The same --seed gives the same questions and the same delays, but not exactly the same instants of
the kills.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import random_kills  # noqa: E402 - after the path
import sweep  # noqa: E402
from postgres import Postgres  # noqa: E402
from tally import COLUMNS, Tally  # noqa: E402
from tracing import can_trace  # noqa: E402

KILLS_A_STAGE = 50
ROUGH_EVERY = 4  # one stage in so many has an upstream with faults


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=3000, help="at random instants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--notify", choices=["on", "off", "both"], default="both",
                        help="whether the upstream calls the daemon; both: in every other stage")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite",
                        help="of the kills at random instants; postgresql: no kills at system calls")
    parser.add_argument("--no-sweep", action="store_true", help="no kills at system calls")
    return parser.parse_args()


def random_stage(folder, seed, kills, rough, notify):
    return random_kills.Round(folder, seed, kills, rough, notify).run()


def server_stage(folder, seed, kills, rough, notify):
    server = Postgres()
    try:
        return random_kills.Round(folder, seed, kills, rough, notify, server).run()
    finally:
        server.close()


def sweep_stage(folder, which):
    return sweep.Sweep(folder, which).run()


def random_stages(options):
    """Few kills are divided too, so that both kinds of stage run. Half of the rough stages have notices."""
    dice = random.Random(options.seed)
    size = min(KILLS_A_STAGE, (options.kills + 1) // 2) if options.notify == "both" else KILLS_A_STAGE
    for i, done in enumerate(range(0, options.kills, size)):
        is_rough = i % ROUGH_EVERY == ROUGH_EVERY - 1
        is_notified = {"on": True, "off": False, "both": (i + i // ROUGH_EVERY) % 2 == 1}[options.notify]
        yield ("notified" if is_notified else "at random",
               server_stage if options.store == "postgresql" else random_stage,
               (dice.randrange(1 << 30), min(size, options.kills - done), is_rough, is_notified))


def stages_of(options):
    """(kind, function, arguments after the folder) of each stage."""
    yield from random_stages(options)
    if options.no_sweep or options.store == "postgresql":
        return
    if not can_trace():
        print("kill: no kills at system calls: strace is missing or may not attach (root may)")
        return
    for which in sweep.SWEEPS:
        yield f"in {which[0]}", sweep_stage, (which,)


def show_progress(n, of):
    if sys.stdout.isatty():
        print(f"\rkill: {n} of {of} stages", end="\n" if n == of else "", flush=True)


def run_all(options, folder):
    """Returns the tallies by kind."""
    totals = {}
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        under_way = {}
        for i, (kind, function, arguments) in enumerate(stages_of(options)):
            own = folder / f"{i:03}"
            own.mkdir()
            under_way[pool.submit(function, own, *arguments)] = kind, own
        for n, future in enumerate(concurrent.futures.as_completed(under_way), 1):
            kind, own = under_way[future]
            tally = future.result()
            totals.setdefault(kind, Tally(kind)).add(tally)
            if tally.breaches:
                print(f"kill: {tally.name}, see {own}:", *tally.breaches[:10], sep="\n    ")
            else:
                shutil.rmtree(own)
            show_progress(n, len(under_way))
    return totals


def print_table(totals):
    everything = Tally("all")
    for tally in totals.values():
        everything.add(tally)
    names = ["kills", *(column.replace("_", " ") for column in COLUMNS)]
    print("{:12}".format(names[0]) + "".join(f"{name:>12}" for name in names[1:]))
    for name, tally in [*sorted(totals.items()), ("all", everything)]:
        print(f"{name:12}" + "".join(f"{n:>12,}" for n in tally.row()))
    return everything


def main():
    options = parse()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="emailsd-kill-"))
    print(f"kill: seed {options.seed}")
    everything = print_table(run_all(options, folder))
    if everything.breaches:
        print(f"kill: FAILED, {len(everything.breaches)} breaches; the stages are in {folder}")
        return 1
    shutil.rmtree(folder)
    print(f"kill: {everything.kills} kills, nothing paid twice, nothing lost, nothing unreported")
    return 0


if __name__ == "__main__":
    sys.exit(main())
