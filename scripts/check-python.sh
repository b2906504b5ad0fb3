#!/usr/bin/env bash
# Opens files of retnet with the Python libraries that others use, in an environment of its own.
#
# usage: check-python.sh FILE...        models (.safetensors), also quantised ones, and token files
# PYTHON_ENVIRONMENT  where the environment is kept (default: .build/python)
# RETNET  the program that widens quantised models, to compare with (default: the release build of this folder)
set -euo pipefail

if (($# == 0)); then
  echo "usage: check-python.sh FILE...        models (.safetensors), also quantised ones, and token files" >&2
  exit 64
fi

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=${PYTHON_ENVIRONMENT:-$project/.build/python}
retnet=${RETNET:-$project/.build/release/retnet}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for file in "$@"; do
  if [[ ! -f $file ]]; then
    echo "error: $file: expected a file to read, found none" >&2
    exit 66
  fi
done

if ! "$environment/bin/python" -c 'import numpy, safetensors, sentencepiece' 2>/dev/null; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet numpy safetensors sentencepiece
fi

for file in "$@"; do
  if [[ $(head -c 8 "$file" | tr -d '\0') == RNTOKENS ]]; then
    "$environment/bin/python" "$project/scripts/check-token-file.py" "$file"
  elif grep -aq '\.scales":' <(head -c 1000000 "$file"); then
    "$retnet" convert "$file" -o "$work/widened.safetensors" --dtype f32 -q
    "$environment/bin/python" "$project/scripts/read-quantized.py" "$file" "$work/widened.safetensors"
  else
    "$environment/bin/python" "$project/scripts/check-checkpoint.py" "$file"
  fi
done
