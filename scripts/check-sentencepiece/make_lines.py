#!/usr/bin/env python3
"""Prints the lines that check-sentencepiece.sh compares: those of some texts, and hostile ones.

usage: make_lines.py TEXT...

Texts that are not there are left out. No line is empty, ends in a carriage return, or is longer than 64 KiB, from where
on this program encodes a line in parts.
"""

import os
import random
import sys

treats = [
    " ", "  ", "\t", "\u2581", "\u2581\u2581", "\u2585", "e\u0301\u0327", "👩‍👩‍👧", "🇩🇪", "\ufeff", "\ufffd", "<s>", "</s>", "<unk>",
    "<0x0A>", "<pad>", "\u3000", "\u00a0", "ﷺ", "the", "ing ", " ⁇ ", "\u202eabc\u202c", "שלום", "مرحبا", "\u200d", "\r", "\v", "1234567890",
    "٣٤", "Ⅻ", "ﬁ", "Å", "İ", "ß", "<a>", "LORD", "<c>", "God", "日本語", "한국어", "ก็", "\u1160", "\u0000",
]
random.seed(7)
lines = []
for path in sys.argv[1:]:
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="ignore", newline="") as file:
            lines += file.read().split("\n")
lines += treats
lines += ["".join(random.choices(treats, k=random.randrange(1, 30))) for _ in range(3000)]
lines += [
    "".join(chr(c) for c in random.choices([*range(1, 10), *range(11, 0xD800), *range(0xE000, 0x110000)], k=20))
    for _ in range(3000)
]
lines += ["a" * 60000, "the " * 15000, "é" * 30000, "👩‍👩‍👧" * 2000]
for line in lines:
    line = line.rstrip("\r")
    if line and len(line.encode()) < 1 << 16:
        sys.stdout.buffer.write(line.encode() + b"\n")
