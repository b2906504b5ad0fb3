"""Runs the program for the candidates and keeps a row for each run."""

import bz2
import datetime
import glob
import hashlib
import json
import lzma
import math
import os
import re
import subprocess
import sys
from dataclasses import dataclass

# What candidates change.
BASE = "scripts/recipes/baseline.yaml"
# The steps for which the base configuration was written: its warm-up scales with the steps of a run.
BASE_STEPS = 1160
VOCABULARY_SIZE = 4096


class Failure(Exception):
    """Why something cannot be measured."""


def say(line):
    print(line, file=sys.stderr, flush=True)


@dataclass
class Places:
    project: str
    candidates: str
    sizes: str
    runs: str
    rows: str
    document: str
    text: str
    held_out: str

    @staticmethod
    def from_environment():
        project = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

        def place(name, default):
            given = os.environ.get(name)
            return os.path.abspath(given) if given else os.path.join(project, default)

        rows = place("ROWS", "docs/recipes")
        return Places(
            project,
            place("CANDIDATES", "scripts/recipes/candidates.txt"),
            place("SIZES", "scripts/recipes/sizes.txt"),
            place("RECIPES", "runs/recipes"),
            rows,
            os.path.join(os.path.dirname(rows), "RECIPES.md"),
            place("TEXT", "data/kjv/train.txt"),
            place("HELD_OUT", "data/kjv/validation.txt"),
        )


class Program:
    def __init__(self, places, threads):
        self.path = os.environ.get("RETNET") or os.path.join(places.project, ".build/release/retnet")
        self.threads = threads
        if not os.access(self.path, os.X_OK):
            raise Failure(f"{self.path} is not there: make build")
        version = self.output("--version")
        facts = dict(re.findall(r"^ +([a-z ]+?)  +(.*)$", version, re.MULTILINE))
        self.commit = facts.get("commit", "unknown")
        products = f"{facts.get('blas core', 'unknown')} products"
        self.machine = f"{facts.get('cpu', 'unknown')}, {products}, {threads} thread{'s' if threads != 1 else ''}"

    def output(self, *arguments, statuses=(0,)):
        """Standard output of the program; what it says to people is passed on."""
        run = subprocess.run([self.path, *arguments], stdout=subprocess.PIPE, text=True)
        if run.returncode not in statuses:
            raise subprocess.CalledProcessError(run.returncode, arguments)
        return run.stdout


@dataclass
class Text:
    """The parts of a text that candidates see, as tokens of a vocabulary."""

    train: str
    validation: str
    tokenizer: str
    tokens: int
    bytes: int
    # Tells the text, but not the vocabulary.
    digest: str

    @property
    def bytes_per_token(self):
        return self.bytes / self.tokens

    @property
    def settings(self):
        return [f"data.train={self.train}", f"data.validation={self.validation}", f"data.tokenizer={self.tokenizer}"]


def cut(path, size=None):
    """The training and the validation part of a text.

    The validation part is the last 5 % of the lines. With a size, the training part has that many bytes before it, and
    the validation part is at least 50 kB, so that small texts can be compared: both are whole lines.
    """
    if not os.path.isfile(path):
        raise Failure(f"{path}: expected a text, found none (make quickstart writes that of the candidates)")
    with open(path, "rb") as file:
        lines = file.readlines()
    count = max(1, len(lines) * 5 // 100)
    if size:
        count = _count_of_last(lines, max(50_000, size // 20))
    if count >= len(lines):
        raise Failure(f"{path}: expected at least two lines, found {len(lines)}")
    train = lines[:-count]
    if size:
        train = train[-_count_of_last(train, size):]
    return b"".join(train), b"".join(lines[-count:])


def _count_of_last(lines, size):
    """How many lines at the end have a number of bytes, or more."""
    bytes = 0
    for count, line in enumerate(reversed(lines), 1):
        bytes += len(line)
        if bytes >= size:
            return count
    raise Failure(f"expected a text of more than {size} bytes, found {bytes}")


def _digest(parts):
    return hashlib.sha256(parts[0] + b"\0" + parts[1]).hexdigest()[:16]


def prepare_text(places, program, parts, vocabulary=VOCABULARY_SIZE, coverage=1.0):
    """Makes the tokenizer and the token files of the two parts of a text, which are kept."""
    folder = os.path.join(places.runs, "data")
    os.makedirs(folder, exist_ok=True)
    digest = _digest(parts)
    stem = os.path.join(folder, digest)
    tokenized = stem if (vocabulary, coverage) == (VOCABULARY_SIZE, 1) else f"{stem}.{vocabulary}-{coverage:g}"
    tokenizer = tokenized + ".model"
    for name, content in zip(("train", "validation"), parts):
        replace_file(f"{stem}.{name}.txt", content)
    # The program replaces files as a whole: one that is there is complete.
    if not os.path.exists(tokenizer):
        _train_tokenizer(program, f"{stem}.train.txt", vocabulary, coverage, tokenizer)
    for name in ("train", "validation"):
        tokens = f"{tokenized}.{name}.tokens"
        if not os.path.exists(tokens):
            program.output("tokenize", "pack", "-m", tokenizer, "--input", f"{stem}.{name}.txt", "-o", tokens)
    tokens = json.loads(program.output("info", f"{tokenized}.train.tokens", "--json"))["tokens"]
    return Text(
        f"{tokenized}.train.tokens", f"{tokenized}.validation.tokens", tokenizer, tokens, len(parts[0]), digest
    )


def _train_tokenizer(program, text, vocabulary, coverage, tokenizer):
    """Trains a tokenizer of so many pieces, or of the nearest number that the text allows."""

    def run(size):
        arguments = ["tokenize", "train", "--input", text, "--vocab-size", str(size), "-o", tokenizer]
        arguments += ["--character-coverage", str(coverage)]
        return subprocess.run([program.path, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    tried = run(vocabulary)
    nearest = re.search(r"(?:<=|>=|≤|≥|at most|at least) *([0-9][0-9,]*)", tried.stderr)
    if tried.returncode != 0 and nearest:
        say(f"{text}: {nearest[1]} pieces instead of {vocabulary}")
        tried = run(int(nearest[1].replace(",", "")))
    if tried.returncode != 0:
        raise Failure(tried.stderr.strip())


def compressed(parts):
    """Bits for a byte of the validation part, of xz -9e and bzip2 -9 that have read the training part before it."""

    def bits(compress):
        return 8 * (len(compress(parts[0] + parts[1])) - len(compress(parts[0]))) / len(parts[1])

    return {"xz": bits(lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)), "bzip2": bits(bz2.compress)}


def write_compressed(places, name, parts):
    """Writes the row of what compressors make of a text, unless it is there."""
    digest = _digest(parts)
    if any(row["text"] == digest for row in read_rows(places, "compressors", name)):
        return
    row = {"text_name": name, "text": digest, "bytes": len(parts[0]), "validation_bytes": len(parts[1])}
    _write_rows(places, "compressors", name, [row | compressed(parts)])


def replace_file(path, content):
    """Writes a file as a whole, or not at all."""
    temporary = f"{path}.{os.getpid()}.new"
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def base_configuration():
    """The base configuration without comments and blank lines: what a digest may depend on."""
    with open(BASE) as file:
        lines = (re.sub(r"\s+#.*$|^#.*$", "", line.rstrip("\n")).rstrip() for line in file)
        return "\n".join(line for line in lines if line)


def _base_value(key):
    return re.search(rf"^  {key}: *(\S+)", base_configuration(), re.MULTILINE)[1]


def given(settings, key, default):
    """The last value that the settings give to a key."""
    found = [setting.split("=", 1)[1] for setting in settings if setting.startswith(key + "=")]
    return found[-1] if found else default


def read_rows(places, kind, name=None):
    """The rows of a kind (runs, times, held-out), of a candidate or of all."""
    rows = []
    for path in sorted(glob.glob(os.path.join(places.rows, kind, f"{name or '*'}.jsonl"))):
        with open(path) as file:
            rows += [json.loads(line) for line in file]
    return rows


def _write_rows(places, kind, name, rows):
    os.makedirs(os.path.join(places.rows, kind), exist_ok=True)
    text = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
    replace_file(os.path.join(places.rows, kind, f"{name}.jsonl"), text.encode())


def _settings(candidate, steps):
    """What a run of a candidate sets, except for the learning rate and the seed."""
    warmup = round(int(_base_value("warmup_steps")) * steps / BASE_STEPS)
    # Scored at its end alone, a run has no best step to pick. Every loss is logged, for the mean of the last ones.
    common = [f"training.steps={steps}", f"training.warmup_steps={warmup}", "training.log_every=1"]
    return common + ["training.evaluate_every=0"] + candidate.resolved(steps)


def _rates(candidate, steps, factors):
    rate = float(given(candidate.resolved(steps), "training.learning_rate", _base_value("learning_rate")))
    return {factor: float(f"{rate * factor:.6g}") for factor in factors}


def _folder(places, candidate, steps, digest):
    return os.path.join(places.runs, f"{candidate.name}-{steps}-{digest[:8]}")


def train(places, program, text, candidate, steps, seeds, factors):
    """Trains a candidate with each factor of its learning rate and each seed, and writes the rows that are missing."""
    _add_rows(places, "runs", candidate.name, {}, program, text, candidate, steps, seeds, factors)


def train_size(places, program, name, parts, candidate, seeds):
    """Trains a candidate of the list of sizes on a text, reading it as often as the candidate says."""
    vocabulary, coverage = candidate.own("vocabulary", VOCABULARY_SIZE), candidate.own("coverage", 1.0)
    text = prepare_text(places, program, parts, vocabulary, coverage)
    batch = int(given(candidate.settings, "training.batch_tokens", _base_value("batch_tokens")))
    steps = max(20, round(candidate.own("reads", 4.0) * text.tokens / batch))
    facts = {"text_name": name, "bytes": text.bytes, "tokens": text.tokens}
    _add_rows(places, "sizes", name, facts, program, text, candidate, steps, seeds, [1.0])


def _add_rows(places, kind, name, facts, program, text, candidate, steps, seeds, factors):
    """Adds the rows of a candidate's runs to a file; what has a row is not trained again. Facts are part of each row."""
    digest = candidate.digest(base_configuration(), text.digest)
    rows = read_rows(places, kind, name)

    def key(row):
        return row["digest"], row["steps"], row["rate_factor"], row["seed"]

    known = {key(row) for row in rows}
    wanted = [(factor, seed) for factor in factors for seed in range(1, seeds + 1)]
    missing = [(factor, seed) for factor, seed in wanted if (digest, steps, factor, seed) not in known]
    if not missing:
        say(f"{candidate.name}: {len(wanted)} rows of {steps} steps are there")
        return
    found = _sweep(places, program, text, candidate, steps, seeds, sorted({factor for factor, _ in missing}))
    rows += [facts | row for row in found if key(row) not in known]
    _write_rows(places, kind, name, sorted(rows, key=lambda row: (row["steps"], key(row))))


def _sweep(places, program, text, candidate, steps, seeds, factors):
    """Trains a candidate with each factor of its learning rate and each seed: a row for each run."""
    digest = candidate.digest(base_configuration(), text.digest)
    rates = _rates(candidate, steps, factors)
    say(f"{candidate.name}: {candidate.reason}")
    # A run that diverges is a row of the sweep, which then ends with 76.
    report = program.output(
        *["train", "--config", BASE, "-o", _folder(places, candidate, steps, digest), "--json"],
        *[f"--set={setting}" for setting in text.settings + _settings(candidate, steps) + ["training.seed=1"]],
        f"--sweep=training.learning_rate={','.join(map(repr, rates.values()))}",
        *["--seeds", str(seeds), "-t", str(program.threads)],
        statuses=(0, 76),
    )
    factor_of = {rate: factor for factor, rate in rates.items()}
    rows = []
    for run in json.loads(report)["runs"]:
        row = {
            "name": candidate.name, "settings": list(candidate.settings), "digest": digest, "text": text.digest,
            "steps": steps, "rate_factor": factor_of[run["values"]["training.learning_rate"]], "seed": run["seed"],
            "learning_rate": run["values"]["training.learning_rate"], "machine": program.machine,
            "commit": program.commit, "date": datetime.date.today().isoformat(),
        }  # fmt: skip
        if run["state"] == "complete":
            row["bits_per_byte"] = run["bits_per_byte"]
            row["training_bits_per_byte"] = run["training_loss"] / math.log(2) / text.bytes_per_token
            row["seconds"] = run["seconds"]
        else:
            row["failure"] = re.sub(r"^\S*/", "", run["failure"])
        rows.append(row)
    return rows


def time_steps(places, program, text, chosen, rounds):
    """Times steps of the candidates in turns, so that a machine that slows down slows all of them down."""
    base = base_configuration()
    for turn in range(rounds):
        for candidate in chosen:
            settings = [
                setting for setting in candidate.resolved(BASE_STEPS) if not setting.startswith("training.steps=")
            ]
            batch = int(given(settings, "training.batch_tokens", _base_value("batch_tokens")))
            length = int(given(settings, "training.sequence_length", _base_value("sequence_length")))
            model = [f"model.vocabulary_size={VOCABULARY_SIZE}"]
            report = program.output(
                *["bench", "train", "--config", BASE, "-b", str(batch // length), "-r", "3"],
                *["-t", str(program.threads), "--output-format", "json"],
                *[f"--set={setting}" for setting in model + settings],
            )
            speed = json.loads(report)["rows"][0]["tokens_per_second"]
            row = {
                "name": candidate.name, "digest": candidate.digest(base, text.digest),
                "seconds_per_step": batch / speed, "machine": program.machine, "commit": program.commit,
                "date": datetime.date.today().isoformat(),
            }  # fmt: skip
            _write_rows(places, "times", candidate.name, read_rows(places, "times", candidate.name) + [row])
            say(f"round {turn + 1} of {rounds}: {candidate.name}: {1000 * batch / speed:.0f} ms a step")


def score(places, program, text, candidate, steps):
    """Scores the held-out text with the models of a candidate's complete runs at its own learning rate."""
    digest = candidate.digest(base_configuration(), text.digest)
    scored = read_rows(places, "held-out", candidate.name)
    if any(row["digest"] == digest and row["steps"] == steps for row in scored):
        raise Failure(f"{candidate.name}: its runs of {steps} steps are scored already; the text is scored once")
    runs = [
        row
        for row in read_rows(places, "runs", candidate.name)
        if row["digest"] == digest and row["steps"] == steps and row["rate_factor"] == 1 and "failure" not in row
    ]
    if not runs:
        raise Failure(f"{candidate.name}: expected complete runs of {steps} steps, found none: recipes.sh run")
    rows = []
    for run in runs:
        folder = _folder(places, candidate, steps, digest)
        model = f"{folder}/sweep/learning_rate={run['learning_rate']!r},seed={run['seed']}/last.safetensors"
        if not os.path.exists(model):
            raise Failure(f"{model}: expected the model of a run, found none: remove its row and train it again")
        report = program.output("eval", "-m", model, places.held_out, "--json", "-t", str(program.threads))
        rows.append({
            "name": candidate.name, "digest": digest, "steps": steps, "seed": run["seed"],
            "bits_per_byte": json.loads(report)["bits_per_byte"], "machine": program.machine,
            "commit": program.commit, "date": datetime.date.today().isoformat(),
        })  # fmt: skip
    _write_rows(places, "held-out", candidate.name, scored + rows)
