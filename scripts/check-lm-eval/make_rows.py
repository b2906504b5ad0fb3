"""Makes rows of every task, with the field names of the public data sets: make_rows.py FOLDER [ROWS]

The texts are made of words, so that a small model tells them apart a little, and have what templates treat specially:
double spaces, brackets, capitals, spaces at the ends, letters of other scripts, characters outside the basic plane.
"""

import json
import random
import sys
from pathlib import Path

folder = Path(sys.argv[1])
count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
folder.mkdir(parents=True, exist_ok=True)
rng = random.Random(7)

NAMES = ["Ada", "Ruth", "David", "Moses", "Ñandú", "Žofia", "Li Wei"]
NOUNS = ["the king", "A shepherd", "her brother", "the old city", "a lamp 🔥", "The water", "bread", "their house"]
VERBS = ["went to", "saw", "spake unto", "gave", "would not hear", "loved", "feared", "éclaira"]
PLACES = ["Jerusalem", "the field", "the mountain", "the sea of reeds", "Δελφοί", "the  gate"]


def sentence(end="."):
    return f"{rng.choice(NAMES)} {rng.choice(VERBS)} {rng.choice(NOUNS)} in {rng.choice(PLACES)}{end}"


def hellaswag(_):
    return {
        "activity_label": rng.choice(["Baking cookies", "[header] Fishing [title]", "Running  a marathon"]),
        "ctx_a": sentence() + rng.choice(["", " [step] Then wait.", " [title] Next", " [open"]),
        "ctx_b": rng.choice(["", "he SAID", "éa x", "the Woman"]),
        "endings": [rng.choice(["", " "]) + sentence() + rng.choice(["", " [substeps] End", "  "]) for _ in range(4)],
        "label": str(rng.randrange(4)),
    }


def piqa(_):
    return {"goal": sentence("?"), "sol1": sentence(), "sol2": sentence(), "label": rng.randrange(2)}


def winogrande(_):
    a, b = rng.sample(NAMES, 2)
    rest = rng.choice([" was late.", " ran  away ", " 's lamp is here.", ""])
    return {"sentence": f"{sentence()} Because of that _{rest}", "option1": a, "option2": b, "answer": rng.choice("12")}


def arc(_):
    labels = rng.choice([["A", "B", "C", "D"], ["1", "2", "3", "4"], ["A", "B", "C"]])
    return {
        "question": sentence("?"),
        "choices": {"text": [sentence("") for _ in labels], "label": labels},
        "answerKey": rng.choice(labels),
    }


def boolq(_):
    return {"passage": " ".join(sentence() for _ in range(3)), "question": sentence(""), "label": rng.randrange(2)}


def copa(_):
    return {
        "premise": rng.choice(["", " "]) + sentence() + rng.choice(["", " "]),
        "choice1": sentence(),
        "choice2": "Éli" + sentence(),
        "question": rng.choice(["cause", "effect"]),
        "label": rng.randrange(2),
    }


def storycloze(_):
    row = {f"input_sentence_{n}": sentence() for n in range(1, 5)}
    return row | {"sentence_quiz1": sentence(), "sentence_quiz2": sentence(), "answer_right_ending": rng.choice([1, 2])}


def wsc273(_):
    pronoun = rng.choice(["he", "She", "their", "it", "my"])
    before = rng.choice([sentence(), sentence() + " Then", sentence() + "  And", "", "X"])
    before = before + " " if before else ""
    text = before + pronoun + rng.choice([" was glad.", " went  away.", "."])
    location = len(before.replace("  ", " "))
    return {
        "text": text,
        "pronoun": pronoun,
        "pronoun_loc": location,
        "options": [rng.choice(["The king", "A man", "Ada", "the men"]), rng.choice(["Her son", "Ruth", "It The It"])],
        "label": rng.randrange(2),
    }


def lambada(_):
    # Ordinary last words: a perplexity of a billion would have no digits to compare.
    end = rng.choice([" the king", " in  the field", "\nand they went", " all the people"])
    return {"text": " ".join(sentence() for _ in range(2)) + end}


def own(_):
    # Rows of the two tasks that run.py defines.
    end = rng.choice([" the king", " the  people", "\nand they went"])
    return {"title": rng.choice(["A psalm", "Δελφοί 🔥"]), "body": " ".join(sentence() for _ in range(3)) + end}


TASKS = {
    "hellaswag": hellaswag,
    "piqa": piqa,
    "winogrande": winogrande,
    "arc_easy": arc,
    "arc_challenge": arc,
    "boolq": boolq,
    "copa": copa,
    "storycloze_2016": storycloze,
    "wsc273": wsc273,
    "lambada_openai": lambada,
    "ends": own,
    "texts": own,
}


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=rng.random() < 0.5) + "\n" for row in rows), encoding="utf-8")


for name, make in TASKS.items():
    rows = [make(index) for index in range(count)]
    if name == "boolq":
        # One context that is longer than anything, and two equal rows.
        rows[3]["passage"] = " ".join(sentence() for _ in range(300))
        rows[6] = dict(rows[5])
    write(folder / f"{name}.jsonl", rows)
    if name not in ("wsc273", "lambada_openai", "texts"):
        part = "validation" if name == "storycloze_2016" else "train"
        # Few rows, and the evaluated ones among them, so that some are drawn that must be left out.
        write(folder / f"{name}.{part}.jsonl", [make(index) for index in range(rng.choice([8, 30]))] + rows[4:8])
