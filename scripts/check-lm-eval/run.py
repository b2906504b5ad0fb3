"""Runs lm-evaluation-harness on the log-probabilities of a model, and compares its figures with those of `retnet eval`.

run.py RETNET MODEL TOKENIZER_JSON DATA WORK SHOTS BOS

BOS: the id that contexts start with, or "none". PREFIX (environment): the id that an empty context stands for.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["DISABLE_MULTIPROC"] = "1"

import datasets
from lm_eval import simple_evaluate
from lm_eval.api.model import TemplateLM
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks import TaskManager
from lm_eval.tasks._yaml_loader import load_yaml
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window, make_table
from tokenizers import Tokenizer

retnet, model, tokenizer_path, data, work, shots, bos = sys.argv[1:8]
data, work, shots = Path(data), Path(work), int(shots)
bos = None if bos == "none" else int(bos)
prefix = int(os.environ["PREFIX"])
NAMES = [
    "hellaswag", "piqa", "winogrande", "arc_easy", "arc_challenge", "boolq", "copa", "storycloze_2016", "wsc273",
    "lambada_openai",
]  # fmt: skip


class RetNet(TemplateLM):
    """Asks `retnet` for the log-likelihood of ids after ids."""

    def __init__(self):
        super().__init__()
        self.ids = Tokenizer.from_file(tokenizer_path)

    @property
    def eot_token_id(self):
        return prefix

    def tok_encode(self, string, add_special_tokens=None, **_):
        ids = self.ids.encode(string, add_special_tokens=False).ids
        return ids if bos is None or add_special_tokens is False else [bos] + ids

    def _loglikelihood_tokens(self, requests, **_):
        task = work / "pairs.yaml"
        task.write_text(
            "task: pairs\nrows: pairs.jsonl\ncontext: '{context}'\n"
            "choices: ['{continuation}', '{continuation}']\ngold: '0'\n"
        )
        with open(work / "pairs.jsonl", "w") as rows:
            for _, context, continuation in requests:
                rows.write(json.dumps({"context": context, "continuation": continuation}) + "\n")
        log = work / "pairs.log"
        subprocess.run(
            [retnet, "eval", "-m", model, "--tasks", task, "--log-samples", log, "-q"], check=True, stdout=subprocess.PIPE
        )
        answers = [json.loads(line)["filtered_resps"][0] for line in open(log)]
        assert len(answers) == len(requests)
        return [(float(value), greedy == "True") for value, greedy in answers]

    def loglikelihood_rolling(self, requests, **_):
        # A text follows the prefix token alone, and no context is too long for a RetNet: one window for each text.
        pairs = []
        for request in requests:
            ids = self.tok_encode(request.args[0], add_special_tokens=False)
            windows = get_rolling_token_windows(ids, self.prefix_token_id, max_seq_len=len(ids), context_len=1)
            [(context, continuation)] = map(make_disjoint_window, windows)
            pairs.append((None, context, continuation))
        return [likelihood for likelihood, _ in self._loglikelihood_tokens(pairs)]

    def generate_until(self, requests, **_):
        raise NotImplementedError


def local_files(manager, name):
    """The files of a task's parts, by the harness's names for them."""
    config = load_yaml(manager._entry(name).yaml_path, resolve_func=False)
    evaluated = config.get("test_split") or config["validation_split"]
    files = {}
    for part in ("train", "validation", "test"):
        split = config.get("training_split" if part == "train" else f"{part}_split")
        if split:
            path = data / (f"{name}.jsonl" if split == evaluated else f"{name}.{part}.jsonl")
            # A part that no figure depends on may be missing.
            files[split] = str(path if path.exists() else data / f"{name}.jsonl")
    return files


def close(a, b, limit):
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return abs(a - b) <= limit * max(1, abs(a)) or (math.isnan(a) and math.isnan(b))


def download(task, *_, **__):
    """Reads the rows from files instead of from the hub."""
    task.dataset = datasets.load_dataset("json", data_files=local_files(manager, task.config.task))


def own_tasks():
    """Writes two tasks for both programs; gives back the folder of the harness's files, and ours by name."""
    folder, ours = work / "own-tasks", {}
    folder.mkdir(exist_ok=True)
    source = "dataset_path: json\ntest_split: test\n"
    (folder / "ends.yaml").write_text(
        f"task: ends\n{source}training_split: train\nfewshot_split: train\noutput_type: loglikelihood\n"
        "doc_to_text: \"{{(title + ': ' + body).split(' ')[:-1]|join(' ')}}\"\n"
        "doc_to_target: \"{{' ' + body.split(' ')[-1]}}\"\n"
        "metric_list: [{metric: perplexity, aggregation: perplexity, higher_is_better: false},\n"
        "  {metric: acc, aggregation: mean, higher_is_better: true}]\nmetadata: {version: 1.0}\n"
    )
    ours["ends"] = work / "our-ends.yaml"
    ours["ends"].write_text(
        f"task: ends\nkind: last-word\nrows: {data}/ends.jsonl\nexamples: {data}/ends.train.jsonl\n"
        "text: '{title}: {body}'\n"
    )
    if shots == 0:
        # Words are counted between runs of white space.
        (folder / "texts.yaml").write_text(
            f"task: texts\n{source}output_type: loglikelihood_rolling\ndoc_to_text: ''\n"
            'doc_to_target: "{{title}}\\n\\n  {{body}}"\n'
            "metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]\n"
            "metadata: {version: 1.0}\n"
        )
        ours["texts"] = work / "our-texts.yaml"
        ours["texts"].write_text(
            f"task: texts\nkind: rolling\nrows: {data}/texts.jsonl\n" 'text: "{title}\\n\\n  {body}"\n'
        )
    return folder, ours


folder, own = own_tasks()
manager = TaskManager(include_path=folder)
ConfigurableTask.download = download
theirs = simple_evaluate(model=RetNet(), tasks=NAMES + list(own), num_fewshot=shots, task_manager=manager)
ours_path, log_path = work / "ours.json", work / "ours.jsonl"
subprocess.run(
    [retnet, "eval", "-m", model, "--tasks", ",".join(NAMES + [str(path) for path in own.values()]), "--data", data, "--num-fewshot", str(shots)]
    + ["--no-bos" if bos is None else "--bos", "--results", ours_path, "--log-samples", log_path, "-q"],
    check=True, stdout=subprocess.PIPE,
)  # fmt: skip
ours = json.loads(ours_path.read_text())
samples = {}
for line in open(log_path):
    sample = json.loads(line)
    samples.setdefault(sample["task"], []).append(sample)

differences, worst = [], 0.0
for name in NAMES + list(own):
    for key, value in theirs["results"][name].items():
        if key in ("alias", "name", "sample_len", "sample_count"):
            continue
        if not close(value, ours["results"][name].get(key), 1e-6):
            differences.append(f"{name} {key}: {value} there, {ours['results'][name].get(key)} here")
    for field in ("versions", "n-shot", "n-samples", "higher_is_better"):
        a, b = theirs[field][name], ours[field][name]
        if field == "higher_is_better":
            b = {key: b[key] for key in a}
        if a != b:
            differences.append(f"{name} {field}: {a} there, {b} here")
    there = sorted(theirs["samples"][name], key=lambda sample: sample["doc_id"])
    for a, b in zip(there, samples[name], strict=True):
        texts = [list(x) for x in a["arguments"]]
        here = [[v for _, v in sorted(x.items())] for _, x in sorted(b["arguments"].items())]
        if texts != here:
            differences.append(f"{name} row {a['doc_id']}: {texts!r} there, {here!r} here")
        for x, y in zip(a["filtered_resps"], b["filtered_resps"], strict=True):
            # A whole text has a number only.
            (x, *greedy), (y, *greedy_here) = ([z] if isinstance(z, (float, str)) else z for z in (x, y))
            worst = max(worst, abs(float(x) - float(y)))
            if [str(z) for z in greedy] != greedy_here:
                differences.append(f"{name} row {a['doc_id']}: greedy {greedy} there, {greedy_here} here")
        for field in ("prompt_hash", "target_hash", "target"):
            if str(a[field]) != b[field]:
                differences.append(f"{name} row {a['doc_id']}: {field} {a[field]!r} there, {b[field]!r} here")
if worst > 1e-4:
    differences.append(f"log-likelihoods differ by up to {worst}")
print(make_table(theirs))
print("\n".join(differences[:20]) or "no difference")
rows = sum(len(rows) for rows in samples.values())
print(f"{shots}-shot, BOS {bos}: {rows} rows, {len(differences)} differences, log-likelihoods within {worst:.1e}")
sys.exit(1 if differences else 0)
