"""The list of candidates: a line for each, with a name, settings and a reason."""

import difflib
import hashlib
import re
import shlex
from dataclasses import dataclass


# Keys of the program's configuration, and those that Candidate.own knows.
SETTING = re.compile(r"(model|training)\.[a-z0-9_.]+=.+|vocabulary=[0-9]+|(coverage|reads)=[0-9.]+")


class Mistake(Exception):
    """A line of the list, or a name on the command line, that cannot be meant."""


@dataclass(frozen=True)
class Candidate:
    name: str
    # As given to --set, with $steps not replaced yet.
    settings: tuple
    reason: str

    def resolved(self, steps):
        """The settings of the program for runs of a number of steps."""
        return [_with_steps(setting, steps) for setting in self.settings if "." in setting.split("=")[0]]

    def own(self, name, default):
        """What it sets for the tokenizer (vocabulary, coverage) or the run (reads: how often the text is read)."""
        found = [setting.split("=")[1] for setting in self.settings if setting.startswith(name + "=")]
        return type(default)(found[-1]) if found else default

    def digest(self, base, text_digest):
        """Tells what is measured: the base configuration, the settings and the text, but not steps and seed."""
        parts = [base, *self.settings, text_digest]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _with_steps(setting, steps):
    def product(match):
        return str(max(1, round(steps * float(match[1] or 1))))

    return re.sub(r"\$steps(?:\*([0-9.]+))?", product, setting)


def read(path):
    """The candidates of a file, by name, in their order."""
    found = {}
    with open(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            place = f"{path}:{number}"
            parts = [part.strip() for part in line.split("|")]
            if len(parts) != 3 or not parts[2]:
                raise Mistake(f"{place}: expected name | settings | why, found '{line.strip()}'")
            name, settings, reason = parts
            if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
                raise Mistake(f"{place}: expected a name of small letters, digits, dots and -, found '{name}'")
            if name in found:
                raise Mistake(f"{place}: expected each name once, found '{name}' again")
            try:
                settings = tuple(shlex.split(settings))
            except ValueError as error:
                raise Mistake(f"{place}: {error}, in '{settings}'") from None
            for setting in settings:
                if not SETTING.fullmatch(setting):
                    raise Mistake(f"{place}: expected settings such as training.beta2=0.99, found '{setting}'")
            found[name] = Candidate(name, settings, reason)
    if "baseline" not in found:
        raise Mistake(f"{path}: expected a candidate 'baseline', found none")
    return found


def chosen(known, names):
    """The candidates of these names, or all. The baseline comes first, as all others are compared with it."""
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise Mistake(f"{name}: no such candidate" + (f"; did you mean '{close[0]}'?" if close else ""))
    return [candidate for name, candidate in known.items() if not names or name in names]
