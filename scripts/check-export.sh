#!/usr/bin/env bash
# Opens exported models with the packages that they were written for, and imports what these packages save.
#
# usage: scripts/check-export.sh
#   RETNET  (environment) the program to check; without it, the release build of this folder
#
# Packages come from PyPI, in an environment of their own (scripts/check-export/setup.sh). syncdoth/RetNet and torchscale
# with LayerNorm are on no registry: name checkouts in SYNCDOTH_SOURCE and TORCHSCALE_A_SOURCE, or they are left out.
#   1. out: models of several shapes are exported, the package computes logits, and `retnet convert --expected` compares
#      them with its own
#   2. in: random models that the packages save are imported, and compared with the packages' logits
#   3. ids: AutoTokenizer and this program on hostile texts and a megabyte of real text
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
scripts/check-export/setup.sh
python=${EXPORT_ENVIRONMENT:-.build/export}/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Runs a check and notes a failure; 77 means that a package is not there.
try() {
  local title=$1 status=0
  shift
  "$@" >"$work/log" 2>&1 || status=$?
  case $status in
    0) printf 'ok       %s  %s\n' "$title" "$(tail -1 "$work/log")" ;;
    77) printf 'left out %s  %s\n' "$title" "$(tail -1 "$work/log")" ;;
    *)
      printf 'FAILED   %s\n' "$title"
      sed 's/^/         /' "$work/log"
      failed=1
      ;;
  esac
}

# Exports a model, lets the package compute logits, and compares. The family is named where it is not the program.
check_out() {
  local program=$1 model=$2 folder=$work/out-$3 family=${4:-$1}
  "$retnet" convert "$model" --to "$program" -o "$folder" -q || return 1
  "$python" scripts/check-export/write_logits.py "$family" "$folder" "$folder.safetensors" || return
  "$retnet" convert "$model" -o "$work/again.safetensors" --expected "$folder.safetensors" -q
}

check_in() {
  "$retnet" convert "$1" -o "$work/in.safetensors" --expected "$1/expected.safetensors" -q ${2:+$2}
}

# A model of one step with other keys.
make_model() {
  local name=$1 argument=()
  shift
  for setting in "$@"; do argument+=(--set "model.$setting"); done
  "$retnet" train --config "$work/tiny.yaml" -o "$work/run-$name" --set training.steps=1 --set training.warmup_steps=0 \
    "${argument[@]}" -q >/dev/null
}

scripts/tiny-model.sh "$retnet" "$work" 20 >/dev/null
for model in runs/kjv-small/best.safetensors "$work/run/last.safetensors"; do
  if [[ -f $model ]]; then try "out huggingface $(basename "$(dirname "$model")")" check_out huggingface "$model" "$(basename "$(dirname "$model")")"; fi
done

follow_torchscale=(rotation_frequencies=linspace rotation_layout=interleaved head_norm_weight=none)
make_model tied tied_head=true embedding_scale=2.5
make_model groups heads=4 key_heads=2 value_width=96 head_norm_weight=full
make_model pairs rotation_layout=interleaved head_norm_weight=none gate=false
make_model torchscale "${follow_torchscale[@]}" score_norm=abs_of_sum activation=gelu
make_model torchscale-tied "${follow_torchscale[@]}" score_norm=abs_of_sum tied_head=true embedding_scale=8 embedding_norm=true
make_model torchscale-changed rotation_frequencies=linspace heads=4 key_heads=2 head_norm_weight=full score_norm=abs_of_sum
make_model torchscale-layers "${follow_torchscale[@]}" score_norm=abs_of_sum norm=layer head_norm=layer feed_forward=mlp \
  activation=gelu retention_biases=true feed_forward_biases=true
make_model syncdoth "${follow_torchscale[@]}" score_norm=sum_of_abs decay=linspace tied_head=true
make_model yet-another "${follow_torchscale[@]}" norm=layer head_norm=layer feed_forward=mlp retention_biases=true \
  feed_forward_biases=true head_bias=true final_norm=false value_width=64 decay=linspace
make_model llama layer_types=attention head_norm_weight=none
make_model llama-tied layer_types=attention tied_head=true attention.heads=4 attention.key_heads=2 attention.head_width=12 \
  attention.biases=all attention.rotation_base=500000
make_model hybrid layer_types=retention,attention heads=4 attention.heads=4 attention.key_heads=2 attention.window=16
for name in llama llama-tied; do
  try "out $name" check_out huggingface "$work/run-$name/last.safetensors" "$name" llama
done
for name in tied groups pairs hybrid; do
  try "out huggingface $name" check_out huggingface "$work/run-$name/last.safetensors" "$name"
done
for name in torchscale torchscale-tied torchscale-changed torchscale-layers; do
  try "out torchscale $name" check_out torchscale "$work/run-$name/last.safetensors" "$name"
done
try "out syncdoth" check_out syncdoth "$work/run-syncdoth/last.safetensors" syncdoth
try "out yet-another-retnet" check_out yet-another-retnet "$work/run-yet-another/last.safetensors" yet-another

for family in huggingface llama torchscale torchscale-old syncdoth yet-another-retnet; do
  try "made $family" "$python" scripts/check-export/save_model.py "$family" "$work/in-$family"
  for folder in "$work/in-$family"/*/; do
    [[ -d $folder ]] || continue
    try "in $family $(basename "$folder")" check_in "${folder%/}"
  done
done

cat README.md docs/*.md docs/decisions/*.md Sources/*/*.swift Sources/*/*/*.swift >"$work/everything.txt"
head -c 1000000 "$work/everything.txt" >"$work/megabyte.txt"
for type in unigram bpe; do
  for option in "" --no-byte-fallback; do
    tokenizer=$work/$type${option:+-plain}.model
    # shellcheck disable=SC2086 # no option is no word
    "$retnet" tokenize train --input "$work/megabyte.txt" --vocab-size 2000 --model-type "$type" $option -o "$tokenizer" -q
    "$retnet" tokenize pack -m "$tokenizer" --input "$work/text" -o "$work/ids.tokens" -q
    "$retnet" train --config "$work/tiny.yaml" -o "$work/run-ids-$type$option" --set training.steps=1 \
      --set training.warmup_steps=0 --set data.train="$work/ids.tokens" --set data.tokenizer="$tokenizer" -q >/dev/null
    "$retnet" convert "$work/run-ids-$type$option" --to huggingface -o "$work/ids-$type$option" -q
    try "ids $type $option" "$python" scripts/check-export/check_ids.py "$work/ids-$type$option" "$tokenizer" "$retnet" \
      --text "$work/megabyte.txt" --bos
  done
done

if ((failed)); then
  echo "Some exports do not open as they should." >&2
  exit 1
fi
echo "All exports open." >&2
