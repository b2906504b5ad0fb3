#!/usr/bin/env bash
# Compares ids with stock SentencePiece (Debian's sentencepiece: spm_train, spm_encode) for a matrix of training settings:
# models of spm_train are read here, and models of "retnet tokenize train" there.
#
# usage: scripts/check-sentencepiece.sh
#   RETNET  (environment) the program to check; without it, the release build of this folder
#
# The texts are those of scripts/sample-texts.sh, and hostile lines. Each line is a document, as spm_encode reads them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
if ! command -v spm_encode >/dev/null; then
  echo "expected spm_train and spm_encode, found none: apt-get install sentencepiece" >&2
  exit 66
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/sample-texts.sh "$work"
python3 scripts/check-sentencepiece/make_lines.py "$work"/{english,code,chinese}.txt >"$work/lines.txt"
head -c 400000 "$work/english.txt" >"$work/training.txt"
head -c 200000 "$work/code.txt" >>"$work/training.txt"

train() {
  local name=$1
  shift
  spm_train --input="$work/training.txt" --model_prefix="$work/$name" --vocab_size=2000 --hard_vocab_limit=false \
    --minloglevel=2 "$@" >"$work/$name.log" 2>&1 || { cat "$work/$name.log" >&2; exit 1; }
  rm -f "$work/$name.vocab"
}

for type in unigram bpe; do
  train "$type" --model_type=$type
  train "$type-bytes" --model_type=$type --byte_fallback
  train "$type-identity" --model_type=$type --normalization_rule_name=identity
  train "$type-no-prefix" --model_type=$type --add_dummy_prefix=false
  train "$type-all-spaces" --model_type=$type --remove_extra_whitespaces=false
  train "$type-suffix" --model_type=$type --treat_whitespace_as_suffix
  train "$type-digits" --model_type=$type --split_digits --byte_fallback
  train "$type-symbols" --model_type=$type --user_defined_symbols='<a>,LORD,  ' --control_symbols='<c>,God'
  train "$type-llama" --model_type=$type --byte_fallback --split_digits --allow_whitespace_only_pieces \
    --normalization_rule_name=identity --remove_extra_whitespaces=false
  train "$type-t5" --model_type=$type --pad_id=0 --eos_id=1 --unk_id=2 --bos_id=-1 --normalization_rule_name=nmt_nfkc
  train "$type-lower" --model_type=$type --normalization_rule_name=nmt_nfkc_cf
done
train char --model_type=char
train word --model_type=word
# The number of characters in the text is the only possible size: the error names it.
"$retnet" tokenize train --input "$work/training.txt" --vocab-size 2 --model-type char -o "$work/none" \
  2>"$work/error.txt" || true
characters=$(sed -n 's/.*use --vocab-size \([0-9]*\),.*/\1/p' "$work/error.txt")
for type in unigram:2000 bpe:2000 "char:$characters" word:2000; do
  "$retnet" tokenize train --input "$work/training.txt" --vocab-size "${type#*:}" --model-type "${type%:*}" \
    -o "$work/retnet-${type%:*}.model" -q
done

failed=0
for model in "$work"/*.model; do
  printf '%-18s ' "$(basename "$model" .model)"
  lines=$work/lines.txt
  if [[ $model == *word.model ]]; then
    # spm_encode ends at a word that spells a control piece.
    lines=$work/plain.txt
    LC_ALL=C grep -av '[<>]' "$work/lines.txt" >"$lines"
  fi
  spm_encode --model="$model" --output_format=id <"$lines" >"$work/expected.txt"
  "$retnet" tokenize pack -m "$model" --input "$lines" --documents line --invalid bytes -o "$work/lines.tokens" -q
  python3 scripts/check-sentencepiece/compare_ids.py "$lines" "$work/expected.txt" "$work/lines.tokens" ||
    failed=1
done
if ((failed)); then
  echo "Some ids are not those of spm_encode." >&2
  exit 1
fi
echo "All ids are those of spm_encode, but for the listed causes." >&2
