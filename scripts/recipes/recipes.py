"""Measures candidates for the quickstart's recipe; recipes.sh has the usage."""

import argparse
import os
import re
import subprocess
import sys

import candidates
import document
import measuring
from measuring import Failure


def parse_arguments():
    parser = argparse.ArgumentParser(prog="recipes.sh", description="Measures candidates for the quickstart's recipe.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, help, needs_names=False):
        found = commands.add_parser(name, help=help)
        found.add_argument("names", nargs="+" if needs_names else "*", metavar="NAME", help="candidates (default: all)")
        found.add_argument("--threads", type=int, default=2, help="threads (default: 2)")
        return found

    run = command("run", "train candidates")
    run.add_argument("--seeds", type=int, default=1, help="runs of each, with seeds from 1 on (default: 1)")
    run.add_argument("--rates", default="1", help="factors of the learning rate, with commas (default: 1)")
    sizes = command("sizes", "train sizes of models on a text")
    sizes.add_argument("--text", required=True, metavar="NAME=FILE", help="a text, and what to call it")
    sizes.add_argument("--bytes", type=int, help="bytes of it to train on (default: all but its last 5 %% of lines)")
    sizes.add_argument("--seeds", type=int, default=1, help="runs of each, with seeds from 1 on (default: 1)")
    score = command("score", "score the held-out text, once", needs_names=True)
    for parser_of_runs in (run, score):
        parser_of_runs.add_argument("--steps", type=int, default=1160, help="steps of a run (default: 1160)")
    time = command("time", "time steps in turns")
    time.add_argument("--rounds", type=int, default=5, help="turns of each candidate (default: 5)")
    commands.add_parser("document", help="write RECIPES.md")
    arguments = parser.parse_args()
    for name in ("steps", "seeds", "rounds", "threads", "bytes"):
        if (getattr(arguments, name, None) or 1) < 1:
            parser.error(f"--{name}: expected at least 1")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*=.+", getattr(arguments, "text", "name=file")):
        parser.error(f"--text: expected a name of small letters, digits and -, = and a file, found '{arguments.text}'")
    try:
        arguments.rates = [float(word) for word in getattr(arguments, "rates", "1").split(",")]
    except ValueError:
        parser.error(f"--rates: expected numbers separated by commas, found '{arguments.rates}'")
    if min(arguments.rates) <= 0:
        parser.error("--rates: expected numbers above 0")
    return arguments


def measure_sizes(places, arguments, chosen, name, file):
    program = measuring.Program(places, arguments.threads)
    parts = measuring.cut(file, arguments.bytes)
    if arguments.bytes:
        name += f"-{arguments.bytes}"
    measuring.write_compressed(places, name, parts)
    for candidate in chosen:
        measuring.train_size(places, program, name, parts, candidate, arguments.seeds)


def measure_candidates(places, arguments, chosen):
    program = measuring.Program(places, arguments.threads)
    text = measuring.prepare_text(places, program, measuring.cut(places.text))
    if arguments.command == "time":
        measuring.time_steps(places, program, text, chosen, arguments.rounds)
        return
    for candidate in chosen:
        if arguments.command == "run":
            measuring.train(places, program, text, candidate, arguments.steps, arguments.seeds, arguments.rates)
        else:
            measuring.score(places, program, text, candidate, arguments.steps)


def main():
    arguments = parse_arguments()
    # Paths of the user are relative to where the user is; ours are relative to the project.
    places = measuring.Places.from_environment()
    if arguments.command == "sizes":
        name, file = arguments.text.split("=", 1)
        file = os.path.abspath(file)
    os.chdir(places.project)
    known, sizes = candidates.read(places.candidates), candidates.read(places.sizes)
    if arguments.command == "sizes":
        measure_sizes(places, arguments, candidates.chosen(sizes, arguments.names), name, file)
    elif arguments.command != "document":
        measure_candidates(places, arguments, candidates.chosen(known, arguments.names))
    document.write(places, known, sizes)


if __name__ == "__main__":
    try:
        main()
    except (Failure, candidates.Mistake) as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        # The program has said what went wrong; a stopped one ends with 75.
        sys.exit(error.returncode if error.returncode > 0 else 128 - error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
