#!/usr/bin/env bash
# Measures evaluation beside a training step of the same model and precision, and tasks with four choices beside each
# choice by itself.
#
# usage: scripts/bench-eval.sh [RUNS]
#   RUNS    of each program, in turn (5)
#   RETNET  (environment) the program; without it, the release build of this folder
#
# The model is that of configs/kjv-small.yaml after two steps; the text is its validation text. A choice by itself has a
# second choice of one token beside it, because a question needs two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
runs=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$retnet" train --config configs/kjv-small.yaml -o "$work/run" --max-steps 2 -q >/dev/null
model=$work/run/last.safetensors

number() { sed -n "s/.*\"$1\" *: *\([0-9.e+-]*\).*/\1/p" | head -n 1; }
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

# Contexts of 200 ids and choices of 20.
awk 'BEGIN {
  srand(1)
  for (row = 0; row < 60; ++row) {
    context = ""
    for (i = 0; i < 200; ++i) context = context (i ? "," : "") int(rand() * 4000)
    list = ""
    for (choice = 0; choice < 4; ++choice) {
      ids = ""
      for (i = 0; i < 20; ++i) ids = ids (i ? "," : "") int(rand() * 4000)
      list = list (choice ? "," : "") "[" ids "]"
      print "{\"c\":[" context "],\"o\":[[" ids "],[5]],\"g\":0}" >ARGV[2]
    }
    print "{\"c\":[" context "],\"o\":[" list "],\"g\":0}" >ARGV[1]
  }
}' "$work/together.jsonl" "$work/alone.jsonl"
for name in together alone; do
  printf 'task: %s\nrows: %s.jsonl\ncontext: "{c}"\nchoices: "{o}"\ngold: "{g}"\n' $name $name >"$work/$name.yaml"
done

for precision in f32 bf16; do
  : >"$work/train" && : >"$work/eval"
  for _ in $(seq "$runs"); do
    "$retnet" bench train --config configs/kjv-small.yaml --set training.precision=$precision -r 1 \
      --output-format json 2>/dev/null | number tokens_per_second >>"$work/train"
    "$retnet" eval -m "$model" data/kjv/validation.txt --precision $precision --json -q | number tokens_per_second >>"$work/eval"
  done
  echo "$precision $(median <"$work/train") $(median <"$work/eval")" |
    awk '{ printf "%s: a training step %.0f tokens/s, evaluation %.0f tokens/s (%.2f times)\n", $1, $2, $3, $3 / $2 }'
done

: >"$work/t" && : >"$work/a"
for _ in $(seq "$runs"); do
  for name in together alone; do
    "$retnet" eval -m "$model" --tasks "$work/$name.yaml" --json -q | sed -n 's/.*total_evaluation_time_seconds" : "\([0-9.]*\)".*/\1/p' \
      >>"$work/${name:0:1}"
  done
done
echo "$(median <"$work/t") $(median <"$work/a")" |
  awk '{ printf "60 questions with four choices: %.2f s together, %.2f s each choice alone (%.2f times)\n", $1, $2, $2 / $1 }'
