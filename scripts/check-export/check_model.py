#!/usr/bin/env python3
"""Opens an exported folder with the package that it was written for, and compares the logits with expected ones.

usage: check_model.py FAMILY FOLDER EXPECTED.safetensors [--limit RATIO]

EXPECTED holds input_ids [B, T] (I64 or I32) and logits [B, T, V]. Prints the ratio rms(difference) / rms(expected).
Exit status: 0 within the limit, 1 above it or the folder does not open, 77 the package is not on this machine.
"""

import argparse
import sys

import torch
from safetensors.torch import load_file

import load

NOT_INSTALLED = 77


def rms_ratio(computed, expected):
    """rms(computed - expected) / rms(expected) over all elements; both are [B, T, V]."""
    if computed.shape != expected.shape:
        raise ValueError(f"logits are {list(computed.shape)}, expected {list(expected.shape)}")
    computed, expected = computed.double(), expected.double()
    return ((computed - expected).square().mean().sqrt() / expected.square().mean().sqrt()).item()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=sorted(load.LOADERS))
    parser.add_argument("folder")
    parser.add_argument("expected")
    parser.add_argument("--limit", type=float, default=3e-6, help="largest ratio that passes (default: %(default)s)")
    return parser.parse_args()


def main():
    options = arguments()
    torch.set_num_threads(1)
    expected = load_file(options.expected)
    try:
        model = load.load(options.family, options.folder)
        ratio = rms_ratio(load.logits(model, expected["input_ids"].long()), expected["logits"])
    except load.NotInstalled as problem:
        print(f"{options.family}: not checked: {problem}")
        return NOT_INSTALLED
    except Exception as problem:
        print(f"{options.family}: {options.folder}: {type(problem).__name__}: {problem}")
        return 1
    # Written so that a ratio that is no number fails.
    passed = ratio <= options.limit
    verdict = "within" if passed else "above"
    print(f"{options.family}: {options.folder}: rms ratio {ratio:.2e}, {verdict} {options.limit:.0e}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
