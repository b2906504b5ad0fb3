#!/usr/bin/env python3
"""Draws the picture of README.md: decoding speed and memory over the tokens of context, beside llama.cpp.

Every figure is read from the table "Beside llama.cpp" of docs/BENCHMARKS.md; none stands here.

usage: picture.py >docs/images/decoding.svg
"""

import math
import re
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/BENCHMARKS.md"
WEIGHTS = "q4_0"
# Columns of the table: the programs' speed and memory.
COLUMNS = {"retnet": (2, 3), "llama.cpp": (4, 5)}
# Places in a row that was read.
SPEED, MEMORY = 1, 2
COLORS = {"retnet": "#0550ae", "llama.cpp": "#bc4c00"}

WIDTH, HEIGHT = 880, 370
TOP, BOTTOM = 66, 292
PANEL_WIDTH = 330
STYLE = """
  text { font: 14px sans-serif; fill: #424a53; }
  .title { font-size: 15px; font-weight: bold; fill: #1f2328; }
  .axis { stroke: #8c959f; }
  .grid { stroke: #e4e7eb; }
  polyline { fill: none; stroke-width: 2.5; }
"""


def number(cell):
    """The first number of a cell, or None where there is none."""
    found = re.match(r"[\d,.]+", cell)
    return float(found[0].replace(",", "")) if found else None


def measured():
    """For each program a list of (tokens before, tokens per second, gigabytes)."""
    found = {name: [] for name in COLUMNS}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        test = re.fullmatch(r"`tg\d+(?: @ d(\d+))?`", cells[0])
        if not test or len(cells) != 8 or cells[1] != WEIGHTS:
            continue
        for name, (speed, memory) in COLUMNS.items():
            values = number(cells[speed]), number(cells[memory])
            if None not in values:
                found[name].append((int(test[1] or 0), *values))
    if not all(found.values()):
        sys.exit(f"error: {DOCUMENT}: expected rows of decoding with {WEIGHTS} weights, found none")
    return {name: sorted(rows) for name, rows in found.items()}


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def text(x, y, content, anchor="middle", **attributes):
    more = "".join(f' {name.rstrip("_")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escaped(content)}</text>'


def panel(left, title, unit, rows, column, step):
    """One pair of axes with a line for each program."""
    deepest = max(row[0] for program in rows.values() for row in program)
    shallowest = min(row[0] for program in rows.values() for row in program if row[0])
    top = step * math.ceil(max(row[column] for program in rows.values() for row in program) * 1.12 / step)

    def x(depth):
        # No tokens at the left, and from the first depth on a logarithm.
        start, end = left + 110, left + PANEL_WIDTH - 24
        if depth == 0:
            return left + 46
        return start + (end - start) * math.log(depth / shallowest) / math.log(deepest / shallowest)

    def y(value):
        return BOTTOM - (BOTTOM - TOP) * value / top

    lines = [text(left - 34, TOP - 36, title, "start", class_="title"), text(left - 34, TOP - 16, unit, "start")]
    for tick in range(0, top + 1, step):
        kind = "grid" if tick else "axis"
        span = f'x1="{left}" x2="{left + PANEL_WIDTH}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"'
        lines.append(f'<line class="{kind}" {span}/>')
        lines.append(text(left - 8, y(tick) + 5, str(tick), "end"))
    for depth in sorted({row[0] for program in rows.values() for row in program}):
        lines.append(f'<line class="axis" x1="{x(depth):.1f}" x2="{x(depth):.1f}" y1="{BOTTOM}" y2="{BOTTOM + 5}"/>')
        lines.append(text(x(depth), BOTTOM + 21, f"{depth:,}"))
    lines.append(text(left + PANEL_WIDTH / 2, BOTTOM + 43, f"tokens of context (logarithmic from {shallowest:,} on)"))

    for name, program in rows.items():
        color = COLORS[name]
        points = " ".join(f"{x(row[0]):.1f},{y(row[column]):.1f}" for row in program)
        lines.append(f'<polyline stroke="{color}" points="{points}"/>')
        others = {row[0]: row[column] for other in rows if other != name for row in rows[other]}
        # Labels stand beside a line that rises steeply, not on it.
        shift = -20 if program[-1][column] > 2 * program[0][column] else 0
        for row in program:
            place_x, place_y, value = x(row[0]), y(row[column]), row[column]
            lines.append(f'<circle fill="{color}" cx="{place_x:.1f}" cy="{place_y:.1f}" r="4"/>')
            below = value < others.get(row[0], 0)
            label = f"{value:.1f}" if column == SPEED else f"{value:.2f}"
            lines.append(text(place_x + shift, place_y + (20 if below else -10), label, style=f"fill: {color}"))
        depth, value = program[-1][0], program[-1][column]
        style = f"fill: {color}; font-weight: bold"
        if depth == deepest:
            lines.append(text(x(depth) + 8, y(value) - 28, name, "end", style=style))
        else:
            lines.append(text(x(depth) + 22, y(value) + 5, name, "start", style=style))
            lines.append(text(x(depth) + 22, y(value) + 23, f"not run beyond {depth:,}", "start"))
    return lines


def main():
    rows = measured()
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>Decoding speed and memory over the tokens of context, {WEIGHTS} weights</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    lines += panel(58, "Decoding speed", "tokens per second", rows, SPEED, 10)
    lines += panel(508, "Memory of the process", "GB, weights included", rows, MEMORY, 2)
    source = f"{WEIGHTS} weights. Figures: docs/BENCHMARKS.md, “Beside llama.cpp”."
    lines.append(text(WIDTH / 2, HEIGHT - 8, source))
    lines.append("</svg>")
    print("\n".join(lines))


main()
