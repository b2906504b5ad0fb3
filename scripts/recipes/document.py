"""Makes docs/RECIPES.md from the rows."""

import os
import statistics

import measuring

INTRODUCTION = """# Recipes

What candidates for the quickstart's recipe did, those that lost too. Generated: `scripts/recipes.sh document`.

- A candidate sets [some keys](#what-the-candidates-set) on top of `scripts/recipes/baseline.yaml`, the quickstart before
  any recipe was measured. Text, tokenizer and number of tokens are the same; the tables say how many seeds.
- Candidates see the training part of the quickstart's text only. The last 5 % of its lines are their validation text.
  The text that the quickstart holds out is scored once, at the end.
- Bits per byte are those of the validation text after the last step; lower is better. The spread (sd) is the sample
  standard deviation over seeds. A difference within the spread says nothing.
- Training bits per byte are the mean of the last tenth of the steps, 100 at most.
- Minutes are the steps times the median time of a step, which `scripts/recipes.sh time` measured in turns.
- A row with × and a number has its learning rate times that number.
- What the quickstart came to with the chosen recipe, and which aim is missed and why: [BENCHMARKS.md](BENCHMARKS.md#aims).
"""

SIZES = """
## Texts of other sizes

What `make quickstart TEXT=…` chooses from: vocabulary, model, reads and regularisation for a text of some bytes. Each
line sets its keys on top of `scripts/recipes/baseline.yaml`; reads is how often the text is read. A text with a number
in its name is a part of a longer one: so many bytes, and the validation text after them. Compressors read the training
text first. [What the sizes set](#what-the-sizes-set) is below.
"""


def _mean(values):
    return statistics.fmean(values)


def _spread(values):
    return f"{statistics.stdev(values):.4f}" if len(values) > 1 else ""


def _group(rows):
    """The rows by candidate and factor of the learning rate."""
    groups = {}
    for row in rows:
        groups.setdefault((row["name"], row["rate_factor"]), []).append(row)
    return groups


def _current(rows, known):
    """The rows of candidates as they are in the list now. Those of one that left the list stay."""
    base = measuring.base_configuration()

    def is_current(row):
        candidate = known.get(row["name"])
        return candidate is None or candidate.digest(base, row["text"]) == row["digest"]

    return [row for row in rows if is_current(row)]


def _of_newest_text(rows):
    text = max(rows, key=lambda row: row["date"])["text"] if rows else None
    return [row for row in rows if row["text"] == text]


def _step_seconds(times):
    """The median time of a step, by candidate."""
    found = {}
    for row in times:
        found.setdefault(row["name"], []).append(row["seconds_per_step"])
    return {name: statistics.median(values) for name, values in found.items()}


def _steps_taken(row, known):
    """The optimizer steps of a run, which a candidate may have set itself."""
    candidate = known.get(row["name"])
    settings = candidate.resolved(row["steps"]) if candidate else []
    return int(measuring.given(settings, "training.steps", row["steps"]))


def _table(steps, rows, known, step_seconds):
    groups = _group(rows)
    base = [row["bits_per_byte"] for row in groups.get(("baseline", 1), []) if "failure" not in row]

    def order(item):
        complete = [row["bits_per_byte"] for row in item[1] if "failure" not in row]
        return _mean(complete) if complete else float("inf")

    lines = [
        f"\n## {steps:,} steps\n",
        "| candidate | bits per byte | sd | seeds | to the baseline | training | minutes |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (name, factor), found in sorted(groups.items(), key=order):
        complete = [row for row in found if "failure" not in row]
        failed = len(found) - len(complete)
        bits = [row["bits_per_byte"] for row in complete]
        label = name if factor == 1 else f"{name} × {factor:g}"
        mean = f"{_mean(bits):.4f}" if bits else "failed"
        seeds = f"{len(complete)}" + (f", {failed} failed" if failed else "")
        difference = f"{_mean(bits) - _mean(base):+.4f}" if bits and base and (name, factor) != ("baseline", 1) else ""
        training = f"{_mean([row['training_bits_per_byte'] for row in complete]):.4f}" if complete else ""
        seconds = step_seconds.get(name)
        minutes = f"{seconds * _steps_taken(found[0], known) / 60:.1f}" if seconds else ""
        lines.append(f"| {label} | {mean} | {_spread(bits)} | {seeds} | {difference} | {training} | {minutes} |")
    if len(base) > 1:
        lines.append(f"\nThe baseline's spread over {len(base)} seeds is {_spread(base)}.")
    return lines


def _held_out(rows):
    groups = {}
    for row in rows:
        groups.setdefault((row["name"], row["steps"]), []).append(row)
    lines = [
        "\n## The held-out text\n",
        "Scored once, with the models of the runs above. They did not see the validation part, so they are worse than those of\nthe quickstart.\n",
        "| candidate | steps | bits per byte | sd | seeds | date |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for (name, steps), found in sorted(groups.items(), key=lambda item: _mean([r["bits_per_byte"] for r in item[1]])):
        bits = [row["bits_per_byte"] for row in found]
        lines.append(
            f"| {name} | {steps:,} | {_mean(bits):.4f} | {_spread(bits)} | {len(bits)} | {found[0]['date']} |"
        )
    return lines


def _definitions(title, rows, known):
    """What the names of a list set, and why: of those that have a row."""
    lines = [f"\n## {title}\n", "| name | sets | why |", "|---|---|---|"]
    measured = {row["name"]: row["settings"] for row in rows}
    for name in [name for name in known if name in measured] + sorted(set(measured) - set(known)):
        settings = " ".join(f"`{setting}`" for setting in measured[name])
        reason = known[name].reason if name in known else "no longer in the list"
        settings, reason = (text.replace("|", "\\|") for text in (settings, reason))
        lines.append(f"| {name} | {settings} | {reason} |")
    unmeasured = [name for name in known if name not in measured]
    if unmeasured:
        lines.append(f"\nNot measured yet: {', '.join(unmeasured)}.")
    return lines


def _sizes(rows, compressors):
    """A table for each text of what sizes of models make of it."""
    lines = [SIZES.rstrip("\n")]
    for compressor in sorted(compressors, key=lambda row: row["bytes"]):
        name = compressor["text_name"]
        lines += [
            f"\n### {name}\n",
            f"{compressor['bytes']:,} bytes; the validation text has {compressor['validation_bytes']:,}. "
            f"xz -9e: {compressor['xz']:.3f}, bzip2: {compressor['bzip2']:.3f} bits per byte.\n",
            "| size | steps | bits per byte | to xz | sd | seeds | training |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        groups = {}
        for row in rows:
            if row["text_name"] == name and "failure" not in row:
                groups.setdefault(row["name"], []).append(row)
        for label, found in sorted(
            groups.items(), key=lambda item: _mean([row["bits_per_byte"] for row in item[1]])
        ):
            bits = [row["bits_per_byte"] for row in found]
            training = _mean([row["training_bits_per_byte"] for row in found])
            lines.append(
                f"| {label} | {found[0]['steps']:,} | {_mean(bits):.4f} "
                f"| {100 * (_mean(bits) / compressor['xz'] - 1):+.0f} % | {_spread(bits)} | {len(bits)} "
                f"| {training:.4f} |"
            )
    return lines


def write(places, known, sizes):
    """Writes the document, if there is a row."""
    rows = _of_newest_text(_current(measuring.read_rows(places, "runs"), known))
    of_sizes = _current(measuring.read_rows(places, "sizes"), sizes)
    if not rows and not of_sizes:
        measuring.say("no rows yet: no document")
        return
    digests = {row["digest"] for row in rows}
    step_seconds = _step_seconds(row for row in measuring.read_rows(places, "times") if row["digest"] in digests)
    lines = [INTRODUCTION.rstrip("\n")]
    for steps in sorted({row["steps"] for row in rows}, reverse=True):
        lines += _table(steps, [row for row in rows if row["steps"] == steps], known, step_seconds)
    held_out = [row for row in measuring.read_rows(places, "held-out") if row["digest"] in digests]
    if held_out:
        lines += _held_out(held_out)
    if of_sizes:
        lines += _sizes(of_sizes, measuring.read_rows(places, "compressors"))
    lines += _definitions("What the candidates set", rows, known)
    if of_sizes:
        lines += _definitions("What the sizes set", of_sizes, sizes)
        rows = rows + of_sizes
    machines = sorted({row["machine"] for row in rows})
    commits = sorted({row["commit"][:12] + row["commit"][40:] for row in rows})
    dates = sorted({row["date"] for row in rows})
    lines += ["\n## Where\n"]
    lines += [f"- {machine}" for machine in machines]
    lines += [f"- commits {', '.join(commits)}; {dates[0]} to {dates[-1]}"]
    text = "\n".join(lines) + "\n"
    measuring.replace_file(places.document, text.encode())
    measuring.say(f"{os.path.relpath(places.document, places.project)}: {len(rows)} runs")
