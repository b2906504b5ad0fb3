#!/usr/bin/env python3
"""Compares the ids and texts of `retnet tokenize` with those of PyPI's `tokenizers`.

    compare_ids.py RETNET TOKENIZER_JSON TEXT... [--seed N] [--count N]

Each TEXT is encoded as a whole. Hostile texts are made from a seed, and encoded as one document each. Ends with status
1 after any difference. Texts that spell special tokens are text, so `encode_special_tokens` is on.
"""

import argparse
import array
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tokenizers import Tokenizer

RANGES = [
    (0x00, 0x20), (0x20, 0x7F), (0x80, 0x250), (0x300, 0x370), (0x370, 0x600), (0x900, 0xE00), (0x1100, 0x1200),
    (0x1E00, 0x2000), (0x2000, 0x2070), (0x2100, 0x2190), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4),
    (0xE000, 0xF900), (0xF900, 0xFB50), (0xFE00, 0xFE10), (0x10000, 0x12000), (0x1D100, 0x1D800), (0x1F300, 0x1FAFF),
    (0x2F800, 0x2FA20), (0xE0000, 0xE0080), (0x10FF00, 0x110000),
]
TREATS = [
    " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\0", " \n", "\n ", "\u00a0", "\u0085", "\u2028", "\u3000", "\u180e",
    "\ufeff", "\ufffd", "\u2581", "e\u0301", "\u00e9", "e\u0323\u0301", "\u1100\u1161\u11a8", "\u212b", "\u0958",
    "\U0001F469\u200d\U0001F469", "\U0001F1E9\U0001F1EA", "'s", "'S", "'\u017f", "'ll", "'LL", "'re", "'", "''ve", "1", "12",
    "1234567", "\u0663", "\u2167", "\u00bd", "the", " the", "Lord", "the Lord", "<|endoftext|>", "<|padding|>", "<s>", "</s>",
    "<|im_start|>", "<tool call>", "<tool", "<tool ca", "[sep]", "[sep", "a \u00e9 b", "a e\u0301 b", "\u00e9t\u00e9", "|im",
    "!", "?!", "...", "-->", "\u3002", "\u4e2d\u6587", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u0e01\u0e33",
    " " * 30, "a" * 99, "=" * 50, "ab" * 60, "\u4e2d" * 33, "\u088f", "\U00011DE0", "\u1df6\u0323", "\U00010D69\u0301",
]


def random_text(rng):
    def part():
        kind = rng.randrange(4)
        if kind == 0:
            return chr(rng.randrange(*rng.choice(RANGES)))
        if kind == 1:
            code = rng.randrange(0x110000)
            return chr(code) if not 0xD800 <= code < 0xE000 else "\ud7ff"
        return rng.choice(TREATS)

    return "".join(part() for _ in range(rng.randrange(1, 30)))


def every_character():
    """Texts that have each character behind a letter, a digit, a mark and a space."""
    # There are none in the planes between.
    codes = [code for code in range(0xE0200) if not (0xD800 <= code < 0xE000 or 0x33480 <= code < 0xE0000)]
    for start in range(0, len(codes), 4096):
        yield "".join(f"a{c}1{c}!{c} {c}b" for c in map(chr, codes[start:start + 4096]))


def pack(retnet, tokenizer, texts, folder):
    """The ids of each text, by `retnet tokenize pack`, without the id that ends documents."""
    lines, tokens = folder / "texts.jsonl", folder / "texts.tokens"
    with open(lines, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")
    command = [retnet, "tokenize", "pack", "-q", "-m", tokenizer, "--jsonl-field", "text", "-o", tokens, "--input", lines]
    subprocess.run(command, check=True)
    data = tokens.read_bytes()
    width, _, eos = struct.unpack_from("<IIi", data, 12)
    count, documents = struct.unpack_from("<QQ", data, len(data) - 64)
    ids = array.array("H" if width == 2 else "I", data[64:64 + width * count])
    place = (64 + width * count + 7) // 8 * 8
    ends = struct.unpack_from(f"<{documents}Q", data, place)
    starts = (0,) + ends[:-1]
    return [list(ids[start:end - (eos >= 0)]) for start, end in zip(starts, ends)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("retnet")
    parser.add_argument("tokenizer")
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    options = parser.parse_args()
    reference = Tokenizer.from_file(options.tokenizer)
    reference.encode_special_tokens = True
    settings = json.loads(Path(options.tokenizer).read_text())
    rng = random.Random(options.seed)
    pieces = list(reference.get_vocab())
    texts = [Path(path).read_bytes().decode(errors="ignore") for path in options.texts]
    hostile = TREATS + [a + b for a in TREATS for b in TREATS] + [random_text(rng) for _ in range(options.count)]
    hostile += ["".join(rng.choices(pieces, k=5)) for _ in range(options.count // 10)] + list(every_character())
    differences = 0

    def differ(kind, text, found, expected):
        nonlocal differences
        differences += 1
        if differences <= 5:
            place = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
            print(f"{kind}: {text[:200]!r}\n  at {place}: expected {expected[place:place + 8]}, found {found[place:place + 8]}")

    count = 0
    with tempfile.TemporaryDirectory() as folder:
        all_texts = texts + hostile
        for text, found in zip(all_texts, pack(options.retnet, options.tokenizer, all_texts, Path(folder)), strict=True):
            expected = reference.encode(text, add_special_tokens=False).ids
            count += len(expected)
            if found != expected:
                differ("ids", text, found, expected)
        for text in texts:
            lines = subprocess.run(
                [options.retnet, "tokenize", "encode", "-m", options.tokenizer], input=text.encode(), capture_output=True,
                check=True).stdout
            expected = reference.encode(text, add_special_tokens=False).ids
            found = list(map(int, lines.split()))
            if found != expected:
                differ("ids of a stream", text, found, expected)
            decoded = subprocess.run(
                [options.retnet, "tokenize", "decode", "-m", options.tokenizer], input=lines, capture_output=True,
                check=True).stdout.decode()
            if settings["pre_tokenizer"].get("add_prefix_space"):
                # Like SentencePiece's, the space that was added is taken off again.
                expected = reference.decode(expected, skip_special_tokens=False).removeprefix(" ")
            else:
                # The decoder of `tokenizers` damages added tokens with characters of the byte alphabet.
                expected = reference.normalizer.normalize_str(text) if reference.normalizer else text
            if decoded != expected:
                differ("decoded text", text, decoded, expected)
    print(f"{len(texts) + len(hostile)} texts, {count} ids, {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
