#!/usr/bin/env bash
# From a text to generated text: splits the text, trains a tokenizer and a model, evaluates, generates.
# Usage: scripts/quickstart.sh [TEXT [OUT]]
#   TEXT    a UTF-8 text file; without it, the King James Bible from Debian's package bible-kjv
#   OUT     the run folder; without it, runs/kjv-small or runs/<name of the text>
#   RETNET  (environment) the program to use; without it, the release build of this folder
set -euo pipefail

text=${1:-}
out=${2:-}
config=configs/kjv-small.yaml
vocabulary_size=4096
least_lines=20
least_bytes=20000

fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

say() { printf '%s\n' "$*" >&2; }

# Runs a stage under a title and says how long it took.
stage() {
  local title=$1 start=$SECONDS
  shift
  say "== $title"
  "$@"
  say "== $title: $((SECONDS - start)) s"
}

# Paths of the user are relative to where the user is; ours are relative to the project.
if [ -n "$text" ]; then text=$(realpath -- "$text"); fi
if [ -n "$out" ]; then out=$(realpath -m -- "$out"); fi
retnet=.build/release/retnet
if [ -n "${RETNET:-}" ]; then retnet=$(realpath -- "$(command -v "$RETNET" || echo "$RETNET")"); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x "$retnet" ] || fail "$retnet is not there" "make build"

# Refuses what cannot be trained on, in one line, before anything is written.
check_text() {
  local file=$1 bytes lines
  [ -f "$file" ] || fail "$file: expected a text file, found none"
  [ -r "$file" ] || fail "$file: expected a text file, found one that may not be read"
  [ -s "$file" ] || fail "$file: expected a text, found an empty file"
  if [ "$(tr -d -c '\000' <"$file" | wc -c)" -gt 0 ]; then fail "$file: expected a text, found a binary file"; fi
  iconv -f UTF-8 -t UTF-8 -- "$file" >/dev/null 2>&1 ||
    fail "$file: expected UTF-8, found other bytes" "iconv -f LATIN1 -t UTF-8 FILE > NEW, if it is Latin-1"
  bytes=$(wc -c <"$file")
  lines=$(awk 'END { print NR }' "$file")
  if [ "$bytes" -lt $least_bytes ] || [ "$lines" -lt $least_lines ]; then
    fail "$file: expected at least $least_bytes bytes in $least_lines lines, found $bytes bytes in $lines lines" \
      "the last 5 % of the lines are held out; a model needs a text to learn from"
  fi
}

write_bible() {
  command -v bible >/dev/null || fail "the program 'bible' is missing" "scripts/setup.sh bible-kjv"
  bible -f 'Gen1:1-Rev22:21' | sed -E 's/^[1-3]?[A-Za-z]+[0-9]+:[0-9]+ //' >"$data/kjv.txt"
}

split_text() {
  local lines held_out
  lines=$(awk 'END { print NR }' "$text")
  held_out=$((lines * 5 / 100))
  head -n -"$held_out" -- "$text" >"$data/train.txt"
  tail -n "$held_out" -- "$text" >"$data/validation.txt"
  say "$(wc -c <"$text") bytes, $lines lines; the last $held_out lines are held out: $data/validation.txt"
}

# A small text cannot fill the vocabulary; the program then names the size that it can.
train_tokenizer() {
  local log=$data/tokenizer.log feasible status=0
  run_tokenizer "$vocabulary_size" 2>&1 | tee "$log" >&2 || status=$?
  if [ "$status" -eq 0 ]; then return; fi
  feasible=$(sed -nE 's/.*(<=|>=|≤|≥|at most|at least) *([0-9][0-9,]*).*/\2/p' "$log" | head -n 1 | tr -d ,)
  if [ -z "$feasible" ]; then exit "$status"; fi
  say "The text takes a vocabulary of $feasible pieces instead of $vocabulary_size."
  run_tokenizer "$feasible"
}

run_tokenizer() {
  "$retnet" tokenize train --input "$data/train.txt" --vocab-size "$1" -o "$data/tokenizer.model"
}

pack() {
  local part
  for part in train validation; do
    "$retnet" tokenize pack -m "$data/tokenizer.model" --input "$data/$part.txt" -o "$data/$part.tokens"
  done
}

train() {
  "$retnet" train --config "$config" -o "$out" --set "data.train=$data/train.tokens" \
    --set "data.validation=$data/validation.tokens" --set "data.tokenizer=$data/tokenizer.model"
}

evaluate() {
  "$retnet" eval -m "$out/best.safetensors" "$data/validation.txt"
}

verify() {
  "$retnet" verify "$out/best.safetensors"
}

generate() {
  local prompts=('And God said' 'In those days' 'Blessed is the man') seeds=(1 1 1) i
  # A text of the user's gets no prompt, but the model's own beginning, three times.
  if [ "$name" != kjv ]; then
    prompts=('' '' '')
    seeds=(1 2 3)
  fi
  mkdir -p "$out/passages"
  for i in 0 1 2; do
    say "-- passage $((i + 1)): prompt '${prompts[i]}', temperature 0.8, seed ${seeds[i]}"
    {
      printf '%s' "${prompts[i]}"
      "$retnet" generate -m "$out/best.safetensors" -p "${prompts[i]}" -n 120 --temp 0.8 -s "${seeds[i]}"
    } | tee "$out/passages/$((i + 1)).txt"
    echo
  done
}

check_passages() {
  scripts/check-passages.sh "$data/train.txt" "$out"/passages/[123].txt ||
    say "note: the passages are not what this text should lead to; train longer, or on more text"
}

if [ -n "$text" ]; then
  check_text "$text"
  name=$(basename -- "$text")
  name=$(printf '%s' "${name%.*}" | tr -c 'A-Za-z0-9._-' '_')
  # A name of dots alone would leave the data folder; the Bible's would take its place.
  case $name in '' | .* | kjv) name=text-$name ;; esac
  case $text in "$PWD/data/$name/"*) fail "$text: expected a text outside of data/$name, which is written to" ;; esac
else
  name=kjv
fi
data=data/$name
if [ -z "$out" ]; then out=runs/$([ "$name" = kjv ] && echo kjv-small || echo "$name"); fi
mkdir -p "$data"
if [ -e "$out" ]; then
  old=$out.$(date +%Y%m%d-%H%M%S)
  mv -- "$out" "$old"
  say "note: the earlier run is kept as $old"
fi

SECONDS=0
if [ "$name" = kjv ]; then
  stage "Writing the text" write_bible
  text=$data/kjv.txt
  check_text "$text"
fi
stage "Splitting the text" split_text
stage "Training the tokenizer" train_tokenizer
stage "Packing the tokens" pack
stage "Training the model" train
stage "Evaluating the held-out text" evaluate
stage "Verifying the forms of retention" verify
stage "Generating" generate
stage "Checking the passages" check_passages
say "Done in $SECONDS s. The model is $out/best.safetensors; go on with:"
say "  $retnet generate -m $out/best.safetensors -p 'And' -n 200 --temp 0.8"
