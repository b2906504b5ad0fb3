#!/usr/bin/env python3
"""Compares the documents of a token file with what spm_encode printed for the same lines.

usage: compare_ids.py LINES IDS TOKENS

Differences that are known are counted by their cause; any other is printed and fails.
"""

import array
import sys

lines = open(sys.argv[1], "rb").read().split(b"\n")[:-1]
expected = [[int(word) for word in line.split()] for line in open(sys.argv[2], "rb").read().split(b"\n")[:-1]]
data = open(sys.argv[3], "rb").read()
width = int.from_bytes(data[12:16], "little")
has_eos = int.from_bytes(data[20:24], "little", signed=True) >= 0
count, documents = (int.from_bytes(data[start:start + 8], "little") for start in (len(data) - 64, len(data) - 56))
ids = array.array("H" if width == 2 else "I", data[64:64 + count * width])
table = 64 + (count * width + 7) // 8 * 8
ends = array.array("Q", data[table:table + 8 * documents])
assert len(lines) == len(expected) == documents, (len(lines), len(expected), documents)

causes = {}
start = 0
for line, theirs, end in zip(lines, expected, ends):
    ours = list(ids[start:end - has_eos])
    start = end
    if ours == theirs:
        continue
    if b"\xe2\x96\x81" in line:
        cause = "U+2581 in the text is bytes here, a space there"
    elif b"\0" in line:
        cause = "a zero byte"
    else:
        cause = None
    causes[cause] = causes.get(cause, 0) + 1
    if cause is None and causes[cause] <= 3:
        print(f"\n  {line[:80]!r}: expected {theirs[:12]}, found {ours[:12]}", file=sys.stderr)
known = ", ".join(f"{number} by {cause}" for cause, number in causes.items() if cause)
print(f"{documents} lines, {causes.get(None, 0)} differences{'; ' + known if known else ''}", flush=True)
sys.exit(None in causes)
