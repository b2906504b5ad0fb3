#!/usr/bin/env bash
# Compares byte-level BPE with PyPI's `tokenizers`: ids and decoded texts must be equal.
#
# usage: scripts/check-byte-level.sh
#   RETNET                  (environment) the program to check; without it, the release build of this folder
#   BYTE_LEVEL_ENVIRONMENT  (environment) where the Python environment is kept (default: .build/byte-level)
#
# Small tokenizers of each kind are trained here. The texts are those of scripts/sample-texts.sh, and hostile texts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
environment=${BYTE_LEVEL_ENVIRONMENT:-.build/byte-level}
requirements=scripts/check-byte-level/requirements.txt
if ! cmp --quiet "$requirements" "$environment/made-from.txt"; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
  cp "$requirements" "$environment/made-from.txt"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/sample-texts.sh "$work"
texts=("$work/english.txt" "$work/code.txt")
if [[ -f $work/chinese.txt ]]; then texts+=("$work/chinese.txt"); fi

"$environment/bin/python" scripts/check-byte-level/make_tokenizers.py "$work/tokenizers" "${texts[@]}"
failed=0
for tokenizer in "$work"/tokenizers/*.json; do
  printf '%-14s ' "$(basename "$tokenizer" .json)"
  "$environment/bin/python" scripts/check-byte-level/compare_ids.py "$retnet" "$tokenizer" "${texts[@]}" || failed=1
done
if ((failed)); then
  echo "Some ids are not those of PyPI's tokenizers." >&2
  exit 1
fi
echo "All ids are those of PyPI's tokenizers." >&2
