#!/usr/bin/env python3
"""Compares an exported Hugging Face tokenizer with `retnet tokenize`.

    check_ids.py DIR TOKENIZER_MODEL RETNET [--text FILE ...] [--seed N] [--long-lines]

AutoTokenizer reads DIR. The texts are hostile ones, made from a seed and from the pieces of the vocabulary, and the
lines and the whole of each FILE. Ids must be equal with and without BOS; decoded texts must be equal. Prints the counts,
and ends with status 1 after any difference.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as spm
from transformers import AutoTokenizer

SPACE_SYMBOL = "\u2581"
CHARACTER_RANGES = [
    (0x20, 0x7F), (0x80, 0x250), (0x300, 0x370), (0x370, 0x600), (0x900, 0xE00), (0x1100, 0x1200), (0x2000, 0x2070),
    (0x2500, 0x2600), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4), (0xE000, 0xF900), (0xFE00, 0xFE10),
    (0xFFF0, 0x10000), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (0xE0000, 0xE0080), (0x10FF00, 0x110000),
]
FIXED_TEXTS = [
    " ", "  ", "   a", "a   ", "  a  b  ", "\n", "\n\n\n", " \n ", "\r\n", "a\r\nb\r\n", "\t", "\t\ta\t", "\0", "a\0b\0\0", "a\n",
    "\na", " a\n b\n", "a \n b", "\u2581", "\u2581\u2581", "a\u2581b", " \u2581 ", "\u2581 a", "a \u2581b", "\u2581a \u2581 b\u2581\n\u2581c",
    "\u2581\n", " \u2581\n", "x\u2603\u2581\u2603y", "<0x41>", "<0x4", "<0x0A>", "<0xZZ>", "<0xff>", "<<0x41>>", "a <0x41> b", "<s>", "</s>",
    "<unk>", "<pad>", "<s></s><unk><pad>", "<<s>>", "(<s>)", "< s>", "<s> a", "a<s>b\n<s>", "[INST] x [/INST]", "\ufeffbom",
    "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F1E9\U0001F1EA", "e\u0301\u0302", "\u1112\u1161\u11ab", "\ufb01 \u00bd \u2126",
    "\u3000a\u00a0b\u2028c\u2029d\u0085e", "-" * 7, "=" * 40, "." * 100, "a" * 99, " " * 257, "ab" * 60, "\u4e2d" * 33, "0123456789" * 9,
    "\U0010FFFF\uFFFF\uFFFD", "\u00ad\u200b\u200e", "if (x < 0x10) { return </s> ? <s : s>; }", "1" * 17 + "," + "0" * 9,
]


class Difference(Exception):
    pass


def random_character(rng):
    first, last = rng.choice(CHARACTER_RANGES)
    return chr(rng.randrange(first, last))


def any_character(rng):
    while True:
        code = rng.randrange(0x110000)
        if not 0xD800 <= code < 0xE000:
            return chr(code)


def hostile_texts(rng, pieces, specials, counts):
    """Texts of many kinds, as pairs of kind and text."""
    texts = [("fixed", text) for text in FIXED_TEXTS]
    texts += [("special", form.format(name)) for name in specials for form in ("{0}", "a{0}b", " {0} ", "{0}{0}", "<{0}>", "{0}\n{0}")]
    texts += [("code point", chr(code)) for code in range(256)]
    texts += [("code point", any_character(rng)) for _ in range(counts["characters"])]
    texts += [("code point in context", "x" + any_character(rng) + " y") for _ in range(counts["characters"] // 5)]
    texts += [("piece", piece) for piece in pieces]
    words = pieces + specials
    for _ in range(counts["mixed"]):
        parts = []
        for _ in range(rng.randrange(1, 13)):
            choice = rng.random()
            if choice < 0.35:
                parts.append(rng.choice(words))
            elif choice < 0.5:
                word = rng.choice(words)
                parts.append(word[rng.randrange(len(word)):])
            elif choice < 0.65:
                parts.append(rng.choice(FIXED_TEXTS))
            elif choice < 0.75:
                parts.append(rng.choice(" \n\t-=.a\u2581<>") * rng.randrange(1, 9))
            elif choice < 0.9:
                parts.append("".join(random_character(rng) for _ in range(rng.randrange(1, 5))))
            else:
                parts.append(" ")
        texts.append(("mixed", "".join(parts)))
    # Few different characters: many ways to split, and equal scores.
    for _ in range(counts["mixed"] // 4):
        letters = rng.sample("abcdefghijklmnopqrstuvwxyz0123456789-=._*#/ <>\n", rng.randrange(1, 4))
        texts.append(("few letters", "".join(rng.choice(letters) for _ in range(rng.randrange(1, 60)))))
    return texts


def long_lines(rng, pieces, text):
    """Lines of 100 kB."""
    flat = " ".join(text.split())
    lines = [("long line", (flat * (1 + 100_000 // max(1, len(flat))))[:100_000])]
    lines.append(("long line", "".join(rng.choice(pieces) for _ in range(25_000)).replace("\n", " ")[:100_000]))
    lines.append(("long line", "word" * 25_000))
    return [line for line in lines if line[1]]


class Retnet:
    """Runs the program; many texts in one call."""

    def __init__(self, program, model):
        self.program = program
        self.model = model

    def run(self, *arguments, text=None):
        result = subprocess.run([self.program, "tokenize", *arguments], input=text, capture_output=True)
        if result.returncode != 0:
            raise Difference(f"retnet tokenize {arguments[0]}: {result.stderr.decode(errors='replace').strip()}")
        return result.stdout

    def encode(self, texts, eos):
        """The ids of each text, with `pack`, which puts EOS behind each. Texts must not be empty."""
        with tempfile.TemporaryDirectory() as folder:
            source, packed = os.path.join(folder, "texts.jsonl"), os.path.join(folder, "texts.tokens")
            with open(source, "w", encoding="utf-8", newline="\n") as file:
                for text in texts:
                    file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            self.run("pack", "-q", "-m", self.model, "--input", source, "--jsonl-field", "text", "-o", packed)
            documents = read_token_file(packed)
        # A text without ids, such as spaces that are removed, is still a document.
        return [ids[:-1] if eos is not None and ids and ids[-1] == eos else ids for ids in documents]

    def encode_with_bos(self, text):
        output = self.run("encode", "-q", "-m", self.model, "--bos", text=text.encode())
        return [int(word) for word in output.split()]

    def decode(self, ids):
        text = "\n".join(str(i) for i in ids)
        return self.run("decode", "-q", "-m", self.model, text=text.encode())


def read_token_file(path):
    """The documents of a token file; docs/TOKENS.md describes it."""
    _, width, _ = np.fromfile(path, "<u4", 3, offset=8)
    size = os.path.getsize(path)
    count, documents = (int(n) for n in np.fromfile(path, "<u8", 2, offset=size - 64))
    ids = np.fromfile(path, f"<u{width}", count, offset=64).tolist()
    start = (64 + count * int(width) + 7) // 8 * 8
    ends = np.fromfile(path, "<u8", documents, offset=start).tolist()
    return [ids[first:last] for first, last in zip([0] + ends, ends)]


class Report:
    """Counts texts and differences by kind, and shows the first differences."""

    def __init__(self, shown):
        self.counts = {}
        self.shown = shown

    def add(self, kind, is_equal, detail=""):
        total, wrong = self.counts.get(kind, (0, 0))
        self.counts[kind] = (total + 1, wrong + (not is_equal))
        if not is_equal and wrong < self.shown:
            print(f"  {kind}: {detail() if callable(detail) else detail}")

    def show(self):
        for kind, (total, wrong) in self.counts.items():
            print(f"{kind:34} {total:8} texts {wrong:8} differences")
        return sum(wrong for _, wrong in self.counts.values())


def first_difference(text, ours, theirs):
    at = next((k for k, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    return (f"{text[:60]!r} ({len(text)} characters), id {at}: "
            f"retnet …{ours[max(0, at - 2):at + 6]}, transformers …{theirs[max(0, at - 2):at + 6]}")


def compare(arguments, rng):
    proto = spm.ModelProto()
    with open(arguments.model, "rb") as file:
        proto.ParseFromString(file.read())
    processor = sentencepiece.SentencePieceProcessor(model_file=arguments.model)
    tokenizer = AutoTokenizer.from_pretrained(arguments.folder)
    retnet = Retnet(arguments.retnet, arguments.model)
    eos = processor.eos_id() if processor.eos_id() >= 0 else None
    bos = processor.bos_id() if processor.bos_id() >= 0 else None

    pieces = [piece.piece.replace(SPACE_SYMBOL, " ") for piece in proto.pieces if piece.type in (1, 4)]
    specials = [piece.piece for piece in proto.pieces if piece.type in (2, 3)] + ["<0x41>", "<0x0A>", "<0xE2>", "<0xFF>"]
    user_defined = [piece.piece.replace(SPACE_SYMBOL, " ") for piece in proto.pieces if piece.type == 4]
    counts = {"characters": arguments.characters, "mixed": arguments.mixed}
    texts = hostile_texts(rng, pieces, specials + user_defined, counts)
    whole = []
    for path in arguments.text:
        with open(path, encoding="utf-8", newline="") as file:
            content = file.read()
        whole.append(content)
        texts.append(("file", content))
        texts += [("line of a file", line + "\n") for line in content.split("\n")]
    if arguments.long_lines:
        texts += long_lines(rng, pieces, "".join(whole))

    report = Report(arguments.show)
    report.add("empty text", tokenizer.encode("", add_special_tokens=False) == [], "ids for an empty text")
    texts = [(kind, text) for kind, text in texts if text]
    ours = retnet.encode([text for _, text in texts], eos)
    if len(ours) != len(texts):
        raise Difference(f"retnet: {len(texts)} texts, {len(ours)} documents")
    theirs = tokenizer([text for _, text in texts], add_special_tokens=False)["input_ids"]
    with_special = tokenizer([text for _, text in texts])["input_ids"]
    start = [bos] if arguments.bos else []
    decoded = [tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False) for ids in ours]
    skipped = [tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) for ids in with_special]
    for (kind, text), a, b, c, d, e in zip(texts, ours, theirs, with_special, decoded, skipped):
        report.add(kind, a == b, lambda: first_difference(text, a, b))
        report.add("with special tokens", c == start + b, lambda: f"{text[:60]!r}: {c[:4]}")
        if arguments.lossless:
            report.add("decoded = text", d == text, lambda: f"{text[:60]!r} -> {d[:60]!r}")
            report.add("decoded without special = text", e == text, lambda: f"{text[:60]!r} -> {e[:60]!r}")
        expected = sentencepiece_by_rule(processor, proto, text)
        if arguments.reference and expected is not None:
            report.add("(sentencepiece package = retnet)", expected == a, lambda: first_difference(text, a, expected))
    check_decoding(report, retnet, tokenizer, texts, ours, decoded, eos)
    if arguments.bos:
        for _, text in rng.sample(texts, 20):
            expected = retnet.encode_with_bos(text)
            report.add("retnet encode --bos", tokenizer.encode(text) == expected, lambda: repr(text[:60]))
    return report


def sentencepiece_by_rule(processor, proto, text):
    """The ids of the Python package: each line with its newline, or the whole text where a prefix is added to it."""
    if SPACE_SYMBOL in text or len(text) > 60_000:
        return None
    if proto.normalizer_spec.add_dummy_prefix or proto.normalizer_spec.remove_extra_whitespaces:
        return processor.encode(text) if "\n" not in text else None
    lines = text.split("\n")
    return [i for line in [l + "\n" for l in lines[:-1]] + lines[-1:] if line for i in processor.encode(line)]


def check_decoding(report, retnet, tokenizer, texts, ours, decoded, eos):
    """retnet decodes all texts at once; EOS between them starts a text anew."""
    if eos is None:
        for (_, text), ids, d in list(zip(texts, ours, decoded))[:200]:
            report.add("decoded = retnet decode", retnet.decode(ids) == d.encode(), lambda: f"{text[:60]!r} -> {d[:60]!r}")
        return
    joined = retnet.decode([i for ids in ours for i in ids + [eos]])
    if joined == "".join(decoded).encode():
        for _ in decoded:
            report.add("decoded = retnet decode", True)
        return
    at = 0
    for (_, text), d in zip(texts, decoded):
        part = d.encode()
        is_equal = joined[at:at + len(part)] == part
        report.add("decoded = retnet decode", is_equal, lambda: f"{text[:60]!r} -> {d[:60]!r}, retnet {joined[at:at + 60]!r}")
        if not is_equal:
            return
        at += len(part)
    report.add("decoded = retnet decode", False, f"retnet has {len(joined) - at} bytes more")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="folder with tokenizer.json and tokenizer_config.json")
    parser.add_argument("model", help="the SentencePiece model")
    parser.add_argument("retnet", help="the program")
    parser.add_argument("--text", nargs="*", default=[], help="UTF-8 files to compare too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--characters", type=int, default=5000, help="number of random characters")
    parser.add_argument("--mixed", type=int, default=20_000, help="number of random texts")
    parser.add_argument("--long-lines", action="store_true", help="also lines of 100 kB")
    parser.add_argument("--bos", action="store_true", help="expect BOS at the start with special tokens")
    parser.add_argument("--lossless", action="store_true", help="expect that decoding restores every text")
    parser.add_argument("--reference", action="store_true", help="also compare retnet with the sentencepiece package")
    parser.add_argument("--show", type=int, default=3, help="differences shown of each kind")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    try:
        wrong = compare(arguments, random.Random(arguments.seed)).show()
    except Difference as problem:
        sys.exit(f"error: {problem}")
    print("equal" if wrong == 0 else f"{wrong} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
