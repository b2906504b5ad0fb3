"""Measures training with retnet and with PyTorch in turns, and prints a Markdown table.

usage: run.sh [--only NAMES] [--long] [--rounds N] [--steps N] [--threads N] [--output FILE] [--json FILE]
"""

import argparse
import json
import sys

import cases
import table
from measuring import Failure, Ours, Peer


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description="Training with retnet and with PyTorch, in turns.")
    parser.add_argument("--only", default="all", help="'peers' (without retnet), or names of peers, with commas")
    parser.add_argument("--long", action="store_true", help="also sequences of 2,048, 8,192 and 16,384 tokens")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each program (default: 5)")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of a turn (default: 3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of either program (default: 2)")
    parser.add_argument("--output", help="also write the table to this file")
    parser.add_argument("--json", help="write all figures to this file")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.steps, arguments.threads) < 1:
        parser.error("--rounds, --steps and --threads: expected at least 1")
    return arguments


def say(line):
    print(line, file=sys.stderr, flush=True)


def note(failures, name, failure):
    failures[name] = str(failure)
    say(f"error: {name}: {failure}")


def compare(case, ours, arguments, failures):
    """Turns of one peer, each after one of ours; if ours cannot be measured, the peer still is."""
    say(f"{case.name}: warming up")
    peer = Peer(case, arguments.threads, arguments.steps)
    say(f"{case.name}: warm after {peer.facts['warm_up_seconds']:.0f} s")
    rounds = []
    try:
        for turn in range(arguments.rounds):
            turns = {}
            try:
                if ours:
                    turns["ours"] = ours.measure(case)
            except Failure as failure:
                note(failures, f"retnet beside {case.name}", failure)
                ours = None
            turns["peer"] = peer.measure()
            rounds.append(turns)
            say(f"{case.name}: round {turn + 1} of {arguments.rounds}: {table.round_line(turns)}")
    finally:
        peer.close()
    return {"facts": peer.facts, "rounds": rounds}


def main():
    arguments = parse_arguments()
    names = arguments.only.split(",")
    ours = None if "peers" in names else Ours(arguments.threads, arguments.steps)
    results, failures = {}, {}
    for case in cases.chosen(names, arguments.long):
        try:
            results[case.name] = compare(case, ours, arguments, failures)
        except Failure as failure:
            note(failures, case.name, failure)

    text = table.text(results, failures, ours.machine if ours else {}, arguments)
    print(text, end="")
    if arguments.output:
        with open(arguments.output, "w") as file:
            file.write(text)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"results": results, "failures": failures}, file, indent=2)
    sys.exit(1 if failures else 0)


main()
