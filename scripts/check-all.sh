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
  scripts/tiny-model.sh "$retnet" "$work" 4 || return 1
  for kind in q8_0 q4_0; do
    "$retnet" convert "$work/run/last.safetensors" -o "$work/$kind.safetensors" --quantize "$kind" -q || return 1
  done
  scripts/check-python.sh "$work/run/last.safetensors" "$work/q8_0.safetensors" "$work/q4_0.safetensors" \
    "$work/text.tokens"
}

for kind in plain carry tune state hybrid muon mud; do
  check "20 kills and resumes, $kind" scripts/verify-resume.sh 20 1 "$kind"
done
check "A report, killed three times" scripts/check-paper.sh
check "Python's libraries" open_with_python
check "TensorBoard" scripts/check-tensorboard.sh
check "Exports in Python" scripts/check-export.sh
check "Byte-level BPE in Python" scripts/check-byte-level.sh
check "Stock SentencePiece" scripts/check-sentencepiece.sh
check "lm-evaluation-harness" scripts/check-lm-eval.sh
check "The server" scripts/check-server.sh
check "The server's page" scripts/check-playground.sh
check "200,000 damaged files" scripts/fuzz.sh 200000
# Its share of the inputs is a fiftieth.
check "200,000 texts through tokenizers" scripts/fuzz.sh 10000000 LosslessnessTests

if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "All long checks passed." >&2
