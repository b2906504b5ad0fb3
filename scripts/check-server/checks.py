"""Counts the checks of a stage, and names those that failed."""

import contextlib
import sys
import time
import traceback

SHOWN = 20
"""How many failures are printed as they come; all are counted."""


class Checks:
    def __init__(self, name):
        self.name = name
        self.count = 0
        self.failed = []

    def true(self, what, holds, detail=""):
        """Counts a check; returns whether it holds."""
        self.count += 1
        if not holds:
            self.failed.append(what)
            if len(self.failed) <= SHOWN:
                print(f"FAILED   {what}{': ' if detail else ''}{detail}", flush=True)
        return bool(holds)

    def equal(self, what, found, expected):
        return self.true(what, found == expected, f"expected {short(expected)}, found {short(found)}")

    def close(self, what, found, expected, limit):
        """Compares numbers: LIMIT is relative for those above 1."""
        holds = found is not None and abs(found - expected) <= limit * max(1, abs(expected))
        return self.true(what, holds, f"expected {expected}, found {found}")

    @contextlib.contextmanager
    def part(self, what):
        """What goes wrong inside is a failed check, and the stage goes on."""
        try:
            yield
        except Exception as problem:
            self.true(what, False, f"{type(problem).__name__}: {short(problem)}")
            traceback.print_exc(limit=-3, chain=False, file=sys.stderr)

    def finish(self):
        """Prints the outcome and ends the program."""
        if not self.failed:
            print(f"{self.name}: {self.count} checks passed")
            sys.exit(0)
        print(f"{self.name}: {len(self.failed)} of {self.count} checks failed: {', '.join(self.failed[:SHOWN])}")
        sys.exit(1)


def short(value, length=300):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def wait_until(condition, seconds):
    """Asks every tenth of a second; returns whether the condition came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
