#!/usr/bin/env python3
"""Opens an exported folder with the package that it was written for, and saves that package's logits.

usage: write_logits.py FAMILY FOLDER OUT.safetensors [--length T]

Writes input_ids I64 [2, T], random with a fixed seed, and logits F32 [2, T, V]: what `retnet convert --expected` reads.
Exit status: 0, 1 if the folder does not open, 77 if the package is not on this machine.
"""

import argparse
import sys

import torch
from safetensors.torch import save_file

import load
from check_model import NOT_INSTALLED


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=sorted(load.LOADERS))
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--length", type=int, default=64, help="tokens of a sequence (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    try:
        model = load.load(options.family, options.folder)
        settings = load.read_json(load.Path(options.folder) / "config.json")
        size = settings.get("vocab_size") or settings["num_tokens"]
        # Not 0, which is the padding of some families.
        ids = torch.randint(1, size, (2, options.length))
        save_file({"input_ids": ids, "logits": load.logits(model, ids).contiguous()}, options.out)
    except load.NotInstalled as problem:
        print(f"{options.family}: not checked: {problem}")
        return NOT_INSTALLED
    except Exception as problem:
        print(f"{options.family}: {options.folder}: {type(problem).__name__}: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
