"""The report on generation: the machine, a row for each test, format and depth."""

import datetime
import os
import statistics

import table
from decode_sides import FORMATS

SIDES = ("retnet", "llama.cpp")


def machine_facts(arguments):
    return {
        "CPU": f"{table.cpu_name()}, {len(os.sched_getaffinity(0))} cores",
        "compiler": table.compiler(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "threads": arguments.threads,
        "prompt_tokens": arguments.prompt_tokens,
        "new_tokens": arguments.new_tokens,
        "peer_depth_limit": arguments.peer_depth_limit,
    }


def turn_line(found):
    parts = []
    for side in SIDES:
        if side in found:
            speeds = [f"{found[side][key]:,.1f}" for key in ("prompt", "decoding") if found[side][key]]
            parts.append(f"{side} {' and '.join(speeds)} tokens/s")
    return ", ".join(parts)


def text(record):
    facts = record["facts"]
    lines = [
        f"- CPU: {facts['CPU']}, {facts['threads']} threads",
        f"- versions: retnet {facts['retnet']}; llama.cpp of {facts.get('llama.cpp', 'no run')}; {facts['compiler']}",
        f"- date: {facts['date']}",
        "",
        "| test | weights | retnet, tokens/s | memory | llama.cpp, tokens/s | memory | ratio (lowest – highest) "
        "| rounds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += rows(record)
    lines += ["", *explanation(facts), *extrapolation(record)]
    if record["failures"]:
        lines += [""] + [f"Not measured: {name}: {reason}" for name, reason in record["failures"].items()]
    return "\n".join(lines) + "\n"


def rows(record):
    facts = record["facts"]
    for kind, name in (("prompt", f"pp{facts['prompt_tokens']}"), ("decoding", f"tg{facts['new_tokens']}")):
        for depth in sorted({found["depth"] for found in record["turns"]}):
            for weights in FORMATS:
                if found := turns_of(record, weights, depth, kind):
                    test = f"`{name}`" if depth == 0 else f"`{name} @ d{depth}`"
                    yield f"| {test} | {weights} | {' | '.join(cells(found, kind))} | {len(found)} |"


def turns_of(record, weights, depth, kind):
    """The turns in which at least one side has a speed of this kind."""
    return [
        found for found in record["turns"]
        if (found["format"], found["depth"]) == (weights, depth) and any(speed(found, side, kind) for side in SIDES)
    ]


def speed(found, side, kind):
    return found.get(side, {}).get(kind)


def median_speed(turns, side, kind):
    speeds = [speed(found, side, kind) for found in turns if speed(found, side, kind)]
    return statistics.median(speeds) if speeds else None


def cells(turns, kind):
    for side in SIDES:
        median = median_speed(turns, side, kind)
        yield f"{median:,.1f}" if median else "not run"
        # One process measures prompt and decoding; the memory stands with the decoding.
        memory = [found[side]["peak_memory_bytes"] for found in turns if side in found]
        yield table.gigabytes(max(memory)) if memory and kind == "decoding" else "–"
    pairs = [[speed(found, side, kind) for side in SIDES] for found in turns]
    ratios = [ours / theirs for ours, theirs in pairs if ours and theirs]
    yield f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})" if ratios else "–"


def explanation(facts):
    ours, theirs = (f"{facts[key] / 1e6:,.0f} M" for key in ("parameters", "peer_parameters"))
    kind = facts.get("kind", "RetNet")
    yield f"Random weights: a {kind} of {ours} and a Transformer of {theirs} parameters, of the same width, layers"
    yield "and vocabulary. tokens/s: the median of the rounds. ratio: retnet / llama.cpp in the same round, the median"
    yield "and the range. Memory: the most that the process had resident, with the weights and the KV cache: for"
    yield "llama.cpp in f16, for our Transformer in bf16."


def extrapolation(record):
    """What llama.cpp would reach at the deepest, if its time went on growing as between its last two depths."""
    deepest = max(found["depth"] for found in record["turns"])
    places = []
    for depth in sorted({found["depth"] for found in record["turns"]}):
        turns = turns_of(record, FORMATS[-1], depth, "decoding")
        if median := median_speed(turns, "llama.cpp", "decoding"):
            places.append((depth, 1000 / median))
    if len(places) < 2 or places[-1][0] == deepest:
        return
    (first, start), (last, end) = places[-2:]
    slope = (end - start) / (last - first)
    yield f"llama.cpp was not run beyond {last:,} tokens before, as it reads them all first. There its token takes"
    beyond = 1000 / (end + slope * (deepest - last))
    yield f"{1024 * slope:.1f} ms more for each 1,024 of them: that would be {beyond:.1f} tokens/s at {deepest:,}."
