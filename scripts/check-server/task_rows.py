"""Rows of the tasks that lm-evaluation-harness and `retnet eval` are compared with."""

import json
import random
import subprocess
import sys
from pathlib import Path

MAKE_ROWS = Path(__file__).parents[1] / "check-lm-eval" / "make_rows.py"
COUNT = 20
PAGES = 4


def make(folder, text):
    """Writes choices.jsonl, ends.jsonl and texts.jsonl, of make_rows.py's rows and of pages of a text."""
    subprocess.run([sys.executable, MAKE_ROWS, folder / "made", str(COUNT)], check=True)
    write(folder / "choices.jsonl", [choice(row) for row in read(folder / "made" / "arc_easy.jsonl")])
    write(folder / "ends.jsonl", read(folder / "made" / "ends.jsonl"))
    write(folder / "texts.jsonl", read(folder / "made" / "texts.jsonl") + pages(text))


def choice(row):
    choices = row["choices"]
    gold = choices["label"].index(row["answerKey"])
    return {"question": row["question"], "options": choices["text"], "gold": gold}


def pages(text):
    """A few long texts: cut out of a text from a seed."""
    rng = random.Random(11)
    starts = sorted(rng.sample(range(len(text) - 10_000), PAGES))
    return [{"title": f"Page {start}", "body": text[start : start + rng.randint(2_000, 10_000)]} for start in starts]


def keep_whole_borders(folder, source, encode):
    """Writes the rows of SOURCE whose texts alone say where the context ends: no token crosses that border.

    The harness needs it where it sends texts: it counts the tokens of the context, and sends context and continuation
    as one text.
    """

    def is_whole(context, continuation):
        kept = context.rstrip()
        start = encode(kept)
        return encode(context + continuation)[: len(start)] == start

    def choices(row):
        return all(is_whole(f"Question: {row['question']}\nAnswer:", f" {option}") for option in row["options"])

    def ends(row):
        words = f"{row['title']}: {row['body']}".split(" ")
        return is_whole(" ".join(words[:-1]), f" {words[-1]}")

    folder.mkdir()
    for name, holds in (("choices", choices), ("ends", ends)):
        write(folder / f"{name}.jsonl", [row for row in read(source / f"{name}.jsonl") if holds(row)])


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
