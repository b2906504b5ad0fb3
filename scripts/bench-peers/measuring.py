"""Runs both sides of the comparison as child processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parent.parent


class Failure(Exception):
    """One side could not be measured."""


def environment(threads):
    """Ours without what holds OpenBLAS to another CPU's kernels."""
    held_back = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    kept = {name: value for name, value in os.environ.items() if name not in held_back}
    return kept | {"OMP_NUM_THREADS": str(threads)}


# glibc gives large blocks back to the system at once, and PyTorch asks for them anew in every step: without these
# settings eager training took a fifth more time for the same peak.
KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}


def program_path():
    """RETNET, or what is built here, or what is installed."""
    built = PROJECT / ".build/release/retnet"
    return os.environ.get("RETNET") or str(built if built.exists() else "retnet")


class Peer:
    """A model in PyTorch that is warm and waits to be measured."""

    def __init__(self, case, threads, steps):
        numbers = [case.length, case.batch, case.chunk, threads, steps]
        self.process = subprocess.Popen(
            [sys.executable, FOLDER / "train_peer.py", case.model, case.precision]
            + ["compiled" if case.compiled else "eager"] + [str(number) for number in numbers],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(threads) | KEEPS_MEMORY,
        )
        try:
            self.facts = self.read()
        except Failure:
            self.close()
            raise

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"ended with status {self.process.wait()}")
        return json.loads(line)

    def measure(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended; what it ended with is read next.
        found = self.read()
        if not found["loss_is_finite"]:
            raise Failure("its loss is not finite")
        return found

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ours:
    """`retnet bench train`, started anew for each round: it needs no warm-up worth keeping."""

    def __init__(self, threads, steps):
        self.program = program_path()
        self.threads = threads
        self.steps = steps
        self.machine = {}

    def measure(self, case):
        """The row of the case's precision, batch and length."""
        command = [self.program, "bench", "train", "--output-format", "json", "--precision", case.precision]
        command += ["-b", str(case.batch), "--sequence-length", str(case.length)]
        command += ["-t", str(self.threads), "-r", str(self.steps)]
        for setting in case.settings:
            command += ["--set", setting]
        try:
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment(self.threads))
        except OSError as error:
            raise Failure(f"{self.program}: {error.strerror}") from error
        if run.returncode != 0:
            raise Failure(f"{' '.join(command)} ended with status {run.returncode}")
        report = json.loads(run.stdout)
        self.machine = report["machine"]
        (row,) = report["rows"]
        return row
