"""Measures reading prompts and decoding with retnet and with llama.cpp in turns, and prints a Markdown table.

usage: decode.sh [--attention] [--formats NAMES] [--depths N,N] [--peer-depth-limit N] [--rounds N] [--deep-rounds N]
                 [-p N] [-n N] [--threads N] [--json FILE] [--output FILE] [--update-docs]
"""

import argparse
import json
import os
import sys

import decode_chart
import decode_table
from decode_sides import FORMATS, Llama, OurTransformer, Retnet
from measuring import PROJECT, Failure

# What --update-docs writes between these lines of docs/BENCHMARKS.md, and the picture that it shows.
MARKS = ("<!-- decode.sh begin -->", "<!-- decode.sh end -->")
DOCUMENT = PROJECT / "docs/BENCHMARKS.md"
PICTURE = PROJECT / "docs/images/decoding-depth.svg"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="decode.sh", description="Generation with retnet and llama.cpp, in turns.")
    parser.add_argument(
        "--attention", action="store_true", help="our Transformer in bf16, of the same sizes, instead of the RetNet"
    )
    parser.add_argument("--formats", help="formats of weights (default: all; bf16 with --attention)")
    parser.add_argument(
        "--depths", help="tokens before; all but 0 with the last format, decoding only "
        "(default: 0,4096,8192,65536; 0,4096 with --attention)",
    )
    parser.add_argument(
        "--peer-depth-limit", type=int, default=8192,
        help="llama.cpp is not measured deeper, as it reads all these tokens first (default: 8192)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each program; 0: only show --json (default: 5)")
    parser.add_argument("--deep-rounds", type=int, help="turns at depths above 0 (default: as --rounds)")
    parser.add_argument("-p", "--prompt-tokens", type=int, default=512, help="tokens of the prompt (default: 512)")
    parser.add_argument("-n", "--new-tokens", type=int, default=64, help="tokens to decode (default: 64)")
    parser.add_argument("--threads", type=int, default=2, help="threads of either program (default: 2)")
    parser.add_argument("--json", help="add all figures to this file, and show those that it has too")
    parser.add_argument("--output", help="also write the table to this file")
    parser.add_argument(
        "--update-docs", action="store_true", help=f"write table and picture to {DOCUMENT.name} and {PICTURE.name}"
    )
    arguments = parser.parse_args()
    arguments.formats = (arguments.formats or ("bf16" if arguments.attention else ",".join(FORMATS))).split(",")
    arguments.depths = arguments.depths or ("0,4096" if arguments.attention else "0,4096,8192,65536")
    if arguments.attention and (arguments.formats != ["bf16"] or arguments.update_docs):
        parser.error("--attention: measured in bf16 only, and not written into the document")
    if unknown := [name for name in arguments.formats if name not in FORMATS]:
        parser.error(f"--formats: expected some of {', '.join(FORMATS)}, found {', '.join(unknown)}")
    try:
        arguments.depths = sorted({int(word) for word in arguments.depths.split(",")})
    except ValueError:
        parser.error(f"--depths: expected integers, found '{arguments.depths}'")
    if arguments.deep_rounds is None:
        arguments.deep_rounds = arguments.rounds
    if min(arguments.rounds, arguments.deep_rounds, arguments.depths[0]) < 0:
        parser.error("--rounds, --deep-rounds and --depths: expected at least 0")
    if min(arguments.prompt_tokens, arguments.new_tokens, arguments.threads) < 1:
        parser.error("--prompt-tokens, --new-tokens and --threads: expected at least 1")
    return arguments


def say(line):
    print(line, file=sys.stderr, flush=True)


def turns(arguments):
    """(round, format, depth) in the order of measuring."""
    for turn in range(max(arguments.rounds, arguments.deep_rounds)):
        for depth in arguments.depths:
            if turn < (arguments.deep_rounds if depth else arguments.rounds):
                for name in arguments.formats[-1:] if depth else arguments.formats:
                    yield turn, name, depth


def keep(arguments, record):
    """After each turn, so that nothing is lost if the next one is stopped."""
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(record, file, indent=2)


def measure(arguments, record):
    """Ours and theirs after each other, each in a process of its own."""
    record["facts"].update(decode_table.machine_facts(arguments))
    sides = [OurTransformer(arguments) if arguments.attention else Retnet(arguments), Llama(arguments)]
    for turn, name, depth in turns(arguments):
        found = {"format": name, "depth": depth}
        for side in sides:
            if side.is_peer and depth > arguments.peer_depth_limit:
                continue
            try:
                found[side.name] = side.measure(name, depth)
                record["facts"].update(side.facts)
            except Failure as failure:
                record["failures"][f"{side.name}, {name}, depth {depth}"] = str(failure)
                say(f"error: {side.name}: {failure}")
        record["turns"].append(found)
        keep(arguments, record)
        say(f"round {turn + 1}, {name}, depth {depth:,}: {decode_table.turn_line(found)}")


def update(document, text):
    """Puts the text between the marks of a document."""
    before, _, rest = document.read_text().partition(MARKS[0])
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        raise SystemExit(f"error: {document}: expected lines '{MARKS[0]}' and '{MARKS[1]}', found none")
    document.write_text(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}")


def main():
    arguments = parse_arguments()
    record = {"facts": {}, "turns": [], "failures": {}}
    if arguments.json and os.path.exists(arguments.json):
        with open(arguments.json) as file:
            record = json.load(file)
    if max(arguments.rounds, arguments.deep_rounds) > 0:
        measure(arguments, record)
    if not record["turns"]:
        raise SystemExit("error: nothing was measured")
    text = decode_table.text(record)
    print(text, end="")
    if arguments.output:
        with open(arguments.output, "w") as file:
            file.write(text)
    if arguments.update_docs:
        picture = f"![Decoding speed over the tokens before]({PICTURE.name})\n"
        update(DOCUMENT, text + "\n" + picture)
        PICTURE.write_text(decode_chart.svg(record))
    sys.exit(1 if record["failures"] else 0)


main()
