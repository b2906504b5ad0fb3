#!/usr/bin/env python3
"""Reads a token file with numpy alone, as docs/TOKENS.md describes it, and checks every statement made there.

usage: check-token-file.py FILE [expected number of documents]
"""

import hashlib
import os
import sys

import numpy as np

path = sys.argv[1]
size = os.path.getsize(path)

# The lines of docs/TOKENS.md.
version, width, vocabulary = np.fromfile(path, "<u4", 3, offset=8)
count, documents = np.fromfile(path, "<u8", 2, offset=size - 64).tolist()
ids = np.memmap(path, f"<u{width}", "r", 64, (count,))

flips, = np.fromfile(path, "<u8", 1, offset=os.path.getsize(path) - 16)
start = 64 + (count * width + 7) // 8 * 8 + 16 * documents
mask = np.searchsorted(np.fromfile(path, "<u8", flips, offset=start), np.arange(count), side="right") % 2 == 0

tables = np.fromfile(path, "<u8", 2 * documents, offset=64 + (count * int(width) + 7) // 8 * 8)
ends, lengths = tables[:documents], tables[documents:]
eos = int(np.fromfile(path, "<i4", 1, offset=20)[0])
with open(path, "rb") as file:
    head = file.read(64)
    file.seek(size - 64)
    tail = file.read(64)

assert head[:8] == b"RNTOKENS" and tail[56:] == b"RNTOKEND", "magic"
template = int.from_bytes(head[56:], "little")
with open(path, "rb") as file:
    file.seek(int(start))
    marks = file.read(int(flips) * 8 + template)
positions = np.frombuffer(marks[: int(flips) * 8], "<u8").astype(np.int64)
assert version == (2 if flips or template else version) and version in (1, 2) and width == (2 if vocabulary <= 65536 else 4), "version and id width"
assert version == 2 or flips == 0 and template == 0, "reserved bytes"
assert size == start + 8 * flips + (template + 7) // 8 * 8 + 64, "size"
assert (np.diff(positions) > 0).all() and (positions < count).all(), "scoring changes in order"
assert (ids < vocabulary).all(), "ids in the vocabulary"
assert (np.diff(ends.astype(np.int64), prepend=0) >= 0).all(), "documents in order"
assert documents == 0 or ends[-1] == count, "the last document ends with the ids"
assert eos < 0 or (ids[ends.astype(np.int64) - 1] == eos).all(), "documents end with EOS"
assert hashlib.sha256(ids.tobytes() + marks).digest() == tail[16:48], "digest of the ids"
assert len(sys.argv) < 3 or documents == int(sys.argv[2]), "number of documents"

print(f"{path}: {count} ids, {documents} documents, {lengths.sum()} bytes, {mask.sum()} scored, vocabulary {vocabulary}, EOS {eos}")
