# SPDX-License-Identifier: MIT
"""plot.py - draws curves as SVG with gnuplot. The script for gnuplot contains the data."""
import shutil
import subprocess

HEAD = """
set terminal svg size 720,420 enhanced font 'sans-serif,13' background rgb 'white'
set output '{path}'
set xlabel '{x}'
set ylabel '{y}'
set yrange [0:*]
set key outside right top
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
"""
COLOURS = ["#c0392b", "#7f8c8d", "#2980b9", "#27ae60"]


def _draw(path, x, y, curves, more=""):
    script = HEAD.format(path=path, x=x, y=y) + more + "\n"
    for i, points in enumerate(curves.values()):
        script += f"$d{i} << E\n" + "".join(f"{a} {b}\n" for a, b in points) + "E\n"
    script += "plot " + ", ".join(
        f"$d{i} with linespoints lw 2 pt 7 ps 0.6 lc rgb '{COLOURS[i % len(COLOURS)]}' "
        f"title '{name.replace('_', chr(92) + '_')}'" for i, name in enumerate(curves)) + "\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=60)


def hits(path, curves):
    """Draws {server: [(connections, hits/s)]}."""
    _draw(path, "keep-alive connections", "hits per second, one worker", curves,
          "set logscale x 2")


def memory(path, curve):
    """Draws [(callers, KiB)]."""
    _draw(path, "waiting callers", "resident memory, MiB",
          {"emailsd": [(n, kib / 1024) for n, kib in curve]})


def is_there():
    return shutil.which("gnuplot") is not None
