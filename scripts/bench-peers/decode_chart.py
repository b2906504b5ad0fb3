"""A picture of decoding speed over the tokens before: SVG without a script, light or dark as the reader has it."""

import math

import decode_table
from decode_sides import FORMATS

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM, INSET = 44, 96, 48, 44, 32
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #57606a; }
  .title { font-weight: 600; fill: #1f2328; }
  .axis { stroke: #8c959f; }
  .retnet { stroke: #0969da; fill: #0969da; }
  .llama { stroke: #bc4c00; fill: #bc4c00; }
  polyline { fill: none !important; stroke-width: 2; }
  text.retnet, text.llama { stroke: none; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; }
    .title { fill: #f0f6fc; }
    .axis { stroke: #656c76; }
    .retnet { stroke: #58a6ff; fill: #58a6ff; }
    .llama { stroke: #f0883e; fill: #f0883e; }
  }
"""
CLASSES = {"retnet": "retnet", "llama.cpp": "llama"}


def points(record):
    """(depth, tokens per second) of each side, in the format that was measured deepest."""
    deepest = max(record["turns"], key=lambda found: (found["depth"], FORMATS.index(found["format"])))
    weights = deepest["format"]
    lines = {side: [] for side in decode_table.SIDES}
    for depth in sorted({found["depth"] for found in record["turns"]}):
        turns = decode_table.turns_of(record, weights, depth, "decoding")
        for side, line in lines.items():
            if median := decode_table.median_speed(turns, side, "decoding"):
                line.append((depth, median))
    return weights, lines


def svg(record):
    weights, lines = points(record)
    depths = sorted({depth for line in lines.values() for depth, _ in line})
    top = ceiling(max(speed for line in lines.values() for _, speed in line))

    # Zero has no logarithm: it stands one step, of a doubling, left of half the smallest depth.
    positive = [depth for depth in depths if depth > 0] or [1]
    first = math.log2(positive[0]) - 1.5
    span = max(math.log2(positive[-1]) - first, 1)

    def x(depth):
        return LEFT + INSET + (WIDTH - LEFT - INSET - RIGHT) * ((math.log2(depth) - first) / span if depth else 0)

    def y(speed):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * speed / top

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' role="img">',
        f"<title>Decoding speed over the tokens before, {weights} weights</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{LEFT - 32}" y="20">tokens decoded per second, {weights} weights</text>',
    ]
    for tick in range(0, top + 1, top // 4):
        end = WIDTH - RIGHT if tick == 0 else LEFT + 5
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{end}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick}</text>')
    for depth in depths:
        parts.append(f'<text x="{x(depth):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{short(depth)}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        "tokens before (logarithmic, but for 0)</text>"
    )
    for side, line in lines.items():
        other = dict(lines["llama.cpp" if side == "retnet" else "retnet"])
        parts += drawn(
            side,
            [(x(depth), y(speed), speed, speed >= other.get(depth, 0)) for depth, speed in line],
            is_cut=line and line[-1][0] < depths[-1],
        )
    return "\n".join(parts) + "\n</svg>\n"


def drawn(side, places, is_cut):
    """A line with its points, the speed of each on the side away from the other line, and its name at the end."""
    if not places:
        return
    kind = CLASSES[side]
    yield f'<polyline class="{kind}" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py, _, _ in places)}"/>'
    for px, py, speed, is_above in places:
        yield f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="3"/>'
        yield f'<text x="{px:.1f}" y="{py + (-9 if is_above else 19):.1f}" text-anchor="middle">{speed:.1f}</text>'
    px, py, _, _ = places[-1]
    yield f'<text class="{kind}" x="{px + 24:.1f}" y="{py + 4:.1f}">{side}</text>'
    if is_cut:
        yield f'<text x="{px + 24:.1f}" y="{py + 20:.1f}">not run beyond</text>'


def ceiling(speed):
    """The least of 4, 8, 20, 40, 80, 200… that is above: four steps of round numbers."""
    scale = 1
    while True:
        for step in (4, 8, 20):
            if speed < step * scale:
                return step * scale
        scale *= 10


def short(depth):
    return f"{depth // 1024}k" if depth and depth % 1024 == 0 else f"{depth:,}"
