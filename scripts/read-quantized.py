#!/usr/bin/env python3
"""Reads a model file of any format with numpy alone, as docs/CHECKPOINT.md (M21 and M22) shows.

usage: read-quantized.py MODEL [WIDENED]

Prints the weights. WIDENED is what 'retnet convert MODEL -o WIDENED --dtype f32' writes: its numbers must be the same.
"""

import json
import sys

import numpy


def read_weights(path):
    data = numpy.memmap(path, numpy.uint8, "r")
    start = 8 + int(data[:8].view("<u8")[0])
    header = json.loads(data[8:start].tobytes())
    types = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1", "U8": "u1"}

    def stored(name):
        begin, end = header[name]["data_offsets"]
        return data[start + begin : start + end].view(types[header[name]["dtype"]]).reshape(header[name]["shape"])

    def weight(name):
        numbers = stored(name)
        if header[name]["dtype"] == "BF16":
            return (numbers.astype("u4") << 16).view("f4")
        if name + ".scales" not in header:
            return numbers.astype("f4")
        scales = stored(name + ".scales").astype("f4")[..., None]
        blocks = numbers.reshape(*scales.shape[:2], -1)
        if header[name]["dtype"] == "U8":
            blocks = numpy.concatenate([blocks & 15, blocks >> 4], -1).astype("i1") - 8
        return (scales * blocks).reshape(len(numbers), -1)

    other = ("__metadata__", "tokenizer.model")
    return {name: weight(name) for name in header if name not in other and not name.endswith(".scales")}


if __name__ == "__main__":
    weights = read_weights(sys.argv[1])
    for name, numbers in sorted(weights.items()):
        print(f"{name:36} {list(numbers.shape)}")
    if len(sys.argv) > 2:
        widened = read_weights(sys.argv[2])
        assert weights.keys() == widened.keys(), "the same weights"
        for name, numbers in weights.items():
            assert numbers.shape == widened[name].shape, f"{name}: shape"
            assert numpy.array_equal(numbers.view("u4"), widened[name].view("u4")), f"{name}: the same numbers"
        print(f"{sys.argv[1]}: {len(weights)} weights, bit-identical to those of {sys.argv[2]}")
