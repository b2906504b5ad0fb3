"""Evaluates tasks with lm-evaluation-harness through the server; the figures must be those of `retnet eval --tasks`.

usage: check_lm_eval.py RETNET FOLDER       FOLDER has text, bos.safetensors and plain.safetensors

The harness sends ids, and then texts. As texts no rolling log-likelihoods are compared: the harness puts BOS before
them as an id, which has no text, so that it would leave out the first token of each.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import task_rows
from checks import Checks
from server import Server

TASKS = Path(__file__).parent / "tasks"
LIMIT = 1e-4
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "DISABLE_MULTIPROC": "1", "TQDM_DISABLE": "1"}

REMOTE, AS_TEXTS = "tokenizer_backend=remote", "tokenized_requests=False"
# Name, arguments of the model, texts in a request, tasks, which rows. Without a backend, the harness finds ours itself.
RUNS = [
    ("ids, 8 at a time", f"{REMOTE},num_concurrent=8", 1, ["choices", "ends", "texts"], "all"),
    ("ids, 5 in a request", "num_concurrent=1", 5, ["choices", "ends", "texts"], "all"),
    ("texts, 4 at a time", f"{REMOTE},{AS_TEXTS},num_concurrent=4", 1, ["choices", "ends"], "whole"),
    ("texts, 3 in a request", f"{REMOTE},{AS_TEXTS},num_concurrent=1", 3, ["choices", "ends"], "whole"),
]


def harness(url, data, output, arguments, batch, tasks):
    """The harness's results, and its samples by task."""
    model = f"base_url={url}/v1/completions,model=tiny,max_length=100000,{arguments}"
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = subprocess.run(
        [Path(sys.executable).with_name("lm_eval"), "run", "--model", "local-completions", "--model_args", model]
        + ["--include_path", TASKS / "lm-eval", "--tasks", ",".join(tasks), "--batch_size", str(batch)]
        + ["--output_path", output, "--log_samples"],
        cwd=data, env=environment | OFFLINE | {"HF_HOME": str(output / "cache")}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    results = json.loads(next(output.rglob("results_*.json")).read_text())["results"]
    samples = {task: task_rows.read(next(output.rglob(f"samples_{task}_*.jsonl"))) for task in tasks}
    return results, {task: sorted(rows, key=lambda row: row["doc_id"]) for task, rows in samples.items()}


def program(retnet, model, data, output, tasks):
    """The same of `retnet eval --tasks`."""
    files = ",".join(str(TASKS / "retnet" / f"{task}.yaml") for task in tasks)
    subprocess.run(
        [retnet, "eval", "-m", model, "--tasks", files, "--data", data, "--results", output / "ours.json"]
        + ["--log-samples", output / "ours.jsonl", "-q"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    samples = {task: [] for task in tasks}
    for row in task_rows.read(output / "ours.jsonl"):
        samples[row["task"]].append(row)
    return json.loads((output / "ours.json").read_text())["results"], samples


def compare(checks, what, theirs, ours):
    for task, figures in theirs[0].items():
        for name, value in figures.items():
            if isinstance(value, (int, float)) and "," in name:
                checks.close(f"{what}: {task} {name}", value, ours[0][task][name], LIMIT)
        rows = [(likelihoods(a), likelihoods(b)) for a, b in zip(theirs[1][task], ours[1][task], strict=True)]
        wrong = [(number, there, here) for number, (there, here) in enumerate(rows) if not is_same(there, here)]
        checks.equal(f"{what}: {task}, log-likelihoods of {len(rows)} rows", wrong, [])


def likelihoods(row):
    """Log-likelihood of each text of a row, and whether its tokens are the most likely ones; None for whole texts."""
    responses = [one if isinstance(one, list) else [one, None] for one in row["filtered_resps"]]
    return [(float(value), greedy if greedy is None else str(greedy)) for value, greedy in responses]


def is_same(there, here):
    pairs = zip(there, here, strict=True)
    return all(abs(a - b) <= LIMIT * max(1, abs(b)) and x == y for (a, x), (b, y) in pairs)


def check_model(checks, retnet, model, text, work):
    with Server(retnet, model) as server:
        (work / "all").mkdir()
        task_rows.make(work / "all", text)
        task_rows.keep_whole_borders(
            work / "whole", work / "all", lambda text: server.call("POST", "/tokenize", {"prompt": text})[1]["tokens"]
        )
        for task in ("choices", "ends"):
            count = len(task_rows.read(work / "whole" / f"{task}.jsonl"))
            checks.true(f"{model.stem}: rows of {task} to send as texts", count > task_rows.COUNT // 2, f"only {count}")
        for number, (run, arguments, batch, tasks, rows) in enumerate(RUNS):
            what = f"{model.stem}, {run}"
            with checks.part(what):
                output = work / f"run{number}"
                output.mkdir()
                theirs = harness(server.url, work / rows, output, arguments, batch, tasks)
                compare(checks, what, theirs, program(retnet, model, work / rows, output, tasks))


def main():
    retnet, folder = sys.argv[1], Path(sys.argv[2])
    checks = Checks("lm-eval")
    text = (folder / "text").read_text(encoding="utf-8")
    for name in ("bos", "plain"):
        with tempfile.TemporaryDirectory() as work, checks.part(name):
            check_model(checks, retnet, folder / f"{name}.safetensors", text, Path(work))
    checks.finish()


if __name__ == "__main__":
    main()
