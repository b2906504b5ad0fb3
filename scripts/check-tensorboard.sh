#!/usr/bin/env bash
# Opens the event files of a run with TensorBoard, installed from PyPI into an environment of its own: its curves must be
# those of metrics.jsonl, without what was voided when the run went back to an earlier checkpoint.
#
# usage: check-tensorboard.sh [RUN]       a run folder; without one, a small run is made that stops, goes back, goes on
# RETNET                   the program (default: .build/release/retnet)
# TENSORBOARD_ENVIRONMENT  where the environment is kept (default: .build/tensorboard)
set -euo pipefail

version=2.21.0
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=${TENSORBOARD_ENVIRONMENT:-$project/.build/tensorboard}
retnet=${RETNET:-$project/.build/release/retnet}

fail() {
  printf 'error: %s\n' "$1" >&2
  if (($# > 1)); then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

python3 -c 'import ensurepip, venv' 2>/dev/null ||
  fail "python3 cannot make environments" "apt-get install python3-venv"
if [[ $("$environment/bin/pip" show tensorboard 2>/dev/null) != *"Version: $version"* ]]; then
  printf 'Installing TensorBoard %s in %s\n' "$version" "$environment" >&2
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check "tensorboard==$version" >&2
fi

if (($# > 0)); then
  [[ -f $1/metrics.jsonl ]] || fail "$1: expected a run folder with metrics.jsonl, found none"
  exec "$environment/bin/python" "$project/scripts/check-tensorboard.py" "$1"
fi

[[ -x $retnet ]] || fail "$retnet is not there" "make build"
retnet=$(realpath "$retnet")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat "$project"/README.md "$project"/docs/*.md >text
"$retnet" tokenize train --input text --vocab-size 512 -o tokenizer.model -q
"$retnet" tokenize pack -m tokenizer.model --input text --documents blank-line -o train.tokens \
  --validation-output validation.tokens --validation-fraction 0.05 -q
cat >config.yaml <<'YAML'
model: {width: 64, layers: 2, heads: 2, feed_forward_width: 96}
data: {train: train.tokens, validation: validation.tokens, tokenizer: tokenizer.model}
training:
  steps: 120
  batch_tokens: 512
  micro_batch_tokens: 256
  sequence_length: 128
  evaluate_every: 25
  log_every: 3
  checkpoint_every: 20
YAML
# Stopped after step 70, gone back to step 40, stopped after step 90, gone on from there.
"$retnet" train --config config.yaml -o run --max-steps 70 -q >/dev/null
"$retnet" train --config config.yaml --resume run/checkpoints/step-00000040.safetensors --max-steps 90 -q \
  >/dev/null 2>log || { cat log >&2 && exit 1; }
"$retnet" train --config config.yaml -o run --resume auto -q >/dev/null
"$environment/bin/python" "$project/scripts/check-tensorboard.py" run --processes 3
