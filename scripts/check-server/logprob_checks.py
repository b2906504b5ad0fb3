"""Checks of log-probabilities in answers of the completions API."""

import json
import subprocess
import tempfile
from pathlib import Path

from alone import single


def check_chosen(checks, what, choice, text, top):
    """The log-probabilities of generated tokens are those of `retnet generate --logprobs`."""
    logprobs, entries = choice.logprobs, text["logprobs"]
    count = len(entries)
    checks.equal(
        f"{what}, token_logprobs",
        [single(number) for number in logprobs.token_logprobs[:count]],
        [single(entry["logprob"]) for entry in entries],
    )
    wrong = [
        (place, found)
        for place, (found, entry) in enumerate(zip(logprobs.top_logprobs, entries))
        if not is_top(found, entry, top)
    ]
    checks.equal(f"{what}, top_logprobs", wrong, [])


def is_top(found, entry, top):
    """Whether the most likely tokens are those of an entry. Two may share a text: a letter, and the byte that it is."""
    known = {single(one["logprob"]) for one in entry["top"] + [entry]}
    values = {single(number) for number in found.values()}
    return values <= known and max(values) == max(known) and len(found) <= top + 1


def check_echo(checks, complete, alone, what, text_file):
    """The log-probabilities of a prompt are those of `retnet eval`; text_offset and tokens fit the text."""
    text = Path(text_file).read_text(encoding="utf-8")[20_000:23_000] + " γ 🔥\n"
    rows = evaluated(alone, text)
    answer = complete(prompt=text, echo=True, logprobs=1, max_tokens=1, temperature=0).choices[0]
    found = answer.logprobs
    checks.equal(f"{what}: entries of prompt and answer", len(found.token_logprobs), len(rows) + 1)
    checks.equal(
        f"{what}: entries of tokens, top_logprobs, text_offset",
        [len(found.tokens), len(found.top_logprobs), len(found.text_offset)],
        [len(rows) + 1] * 3,
    )
    checks.equal(f"{what}: the first token has ln p", found.token_logprobs[0] is not None, alone.bos is not None)
    wrong = [
        (place, number, top, row)
        for place, (number, top, row) in enumerate(zip(found.token_logprobs, found.top_logprobs, rows))
        if not is_evaluated(number, top, row)
    ]
    checks.equal(f"{what}: ln p of the prompt", wrong, [])
    check_offsets(checks, what, answer)

    only = complete(prompt=text, echo=True, logprobs=0, max_tokens=0).choices[0]
    checks.equal(f"{what}: the echo of no tokens", only.text, text)
    checks.equal(f"{what}: its ln p", only.logprobs.token_logprobs, found.token_logprobs[:-1])
    ended = complete(prompt=text, echo=True, logprobs=1, max_tokens=1, logit_bias={"2": 100}).choices[0]
    checks.equal(f"{what}: the end of a document", (ended.text, ended.finish_reason), (text, "stop"))
    checks.equal(f"{what}: it has an entry", len(ended.logprobs.token_logprobs), len(rows) + 1)


def is_evaluated(number, top, row):
    """Whether ln p and the most likely token are those of a row of `retnet eval`."""
    if row["log_probability"] is None or number is None:
        return number is None and top is None and row["log_probability"] is None
    # lm-evaluation-harness compares the two numbers of the answer so.
    return abs(number - row["log_probability"]) < 1e-4 and (number == max(top.values())) == (row["rank"] == 1)


def check_offsets(checks, what, answer):
    found = answer.logprobs
    checks.equal(f"{what}: text_offset ascends", found.text_offset, sorted(found.text_offset))
    wrong = [
        (offset, token)
        for offset, token in zip(found.text_offset, found.tokens)
        if not token.startswith("<0x") and answer.text[offset : offset + len(token)] != token
    ]
    checks.equal(f"{what}: tokens at their text_offset", wrong, [])


def evaluated(alone, text):
    """What `retnet eval` says of each token of a text: log_probability, rank."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        path.write_text(text, encoding="utf-8")
        subprocess.run(
            [alone.retnet, "eval", "-m", alone.model, path, "--report", f"{folder}/report", "-q"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        rows = [json.loads(line) for line in open(f"{folder}/report/tokens.jsonl")]
    # The end of the document is evaluated too, and no part of the prompt.
    return [row for row in rows if row["bytes"]]
