#!/usr/bin/env bash
# The checks that take longer than tests may: each in turn, all of them even if one fails.
# Usage: scripts/check-all.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()

check() {
  local title=$1 start=$SECONDS
  shift
  printf '== %s\n' "$title" >&2
  if "$@"; then
    printf '== %s: passed, %d s\n' "$title" $((SECONDS - start)) >&2
  else
    printf '== %s: FAILED, %d s\n' "$title" $((SECONDS - start)) >&2
    failed+=("$title")
  fi
}

# A model and a token file that other programs' libraries read.
open_with_python() {
  local retnet=.build/release/retnet
  cat README.md docs/*.md >"$work/text"
  "$retnet" tokenize train --input "$work/text" --vocab-size 512 -o "$work/tokenizer.model" -q &&
    "$retnet" tokenize pack -m "$work/tokenizer.model" --input "$work/text" -o "$work/text.tokens" -q &&
    printf 'model: {width: 64, layers: 2, heads: 2}\ndata: {train: %s, tokenizer: %s}\ntraining: {steps: 4, warmup_steps: 1}\n' \
      "$work/text.tokens" "$work/tokenizer.model" >"$work/tiny.yaml" &&
    "$retnet" train --config "$work/tiny.yaml" -o "$work/run" -q &&
    scripts/check-python.sh "$work/run/last.safetensors" "$work/text.tokens"
}

for kind in plain carry tune state; do
  check "20 kills and resumes, $kind" scripts/verify-resume.sh 20 1 "$kind"
done
check "Python's libraries" open_with_python
check "TensorBoard" scripts/check-tensorboard.sh

if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "All long checks passed." >&2
