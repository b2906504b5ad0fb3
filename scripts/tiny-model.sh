#!/bin/sh
# Trains a tiny model on the project's documents, for checks of a program.
#   scripts/tiny-model.sh PROGRAM FOLDER STEPS
# FOLDER gets text, tokenizer.model, text.tokens, tiny.yaml and run/, with the model in run/last.safetensors.
# RETNET_TRAIN (environment): a command that runs the training, 'env NAME=VALUE' for instance; empty: none.
set -eu
program=$1
folder=$2
cat README.md docs/*.md >"$folder/text"
"$program" tokenize train --input "$folder/text" --vocab-size 512 -o "$folder/tokenizer.model" -q
"$program" tokenize pack -m "$folder/tokenizer.model" --input "$folder/text" -o "$folder/text.tokens" -q
cat >"$folder/tiny.yaml" <<END
model: {width: 64, layers: 2, heads: 2}
data: {train: "$folder/text.tokens", tokenizer: "$folder/tokenizer.model"}
training: {steps: $3, warmup_steps: 1, batch_tokens: 512, sequence_length: 256, chunk_length: 64}
END
# shellcheck disable=SC2086 # a command of several words
${RETNET_TRAIN:-} "$program" train --config "$folder/tiny.yaml" -o "$folder/run" -q
