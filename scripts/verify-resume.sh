#!/usr/bin/env bash
# Kills a training run with kill -9 at random moments, goes on with --resume auto each time, and compares what it leaves
# with the files of a run that was never stopped: every tensor, all metadata, the picture, and every line of the log, but
# for times. Event files are left out: each process writes one, with times in it (check-tensorboard.sh compares them).
# After one kill in four the newest checkpoint is cut short, as a power failure may do.
#
# usage: verify-resume.sh [KILLS [SEED [KIND]]]        20 kills, seed 1, plain
# KIND    plain; carry: carry_state; tune: a part of the weights, from a model; state: an initial state, from a model;
#         hybrid: layers of retention, attention and linear attention;
#         muon, mud: that optimizer, with dropout, an average of the weights, and the switches of the architecture
# RETNET  the program (default: .build/release/retnet)
set -euo pipefail

kills=${1:-20}
RANDOM=${2:-1}
kind=${3:-plain}
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
retnet=${RETNET:-$project/.build/release/retnet}
work=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

cat "$project"/README.md "$project"/docs/*.md >text
"$retnet" tokenize train --input text --vocab-size 512 -o tokenizer.model -q
"$retnet" tokenize pack -m tokenizer.model --input text --documents blank-line -o train.tokens \
  --validation-output validation.tokens --validation-fraction 0.05 -q
cat >config.yaml <<'YAML'
model: {width: 64, layers: 2, heads: 2, feed_forward_width: 96}
data: {train: train.tokens, validation: validation.tokens, tokenizer: tokenizer.model}
training:
  steps: 1000
  batch_tokens: 512
  micro_batch_tokens: 256
  sequence_length: 128
  chunk_length: 64
  evaluate_every: 60
  log_every: 7
  checkpoint_every: 10
  milestone_every: 200
  sample_every: 90
  sample_prompt: A run
  sample_tokens: 12
YAML

flags=()
case $kind in
plain) ;;
carry) flags=(--set training.carry_state=true) ;;
tune) flags=(--init-from start.safetensors --set 'training.train_only=["layers.1.*", "*norm.weight"]') ;;
state) flags=(--init-from start.safetensors --set training.state_tuning=true --set training.learning_rate=0.05) ;;
hybrid)
  flags=(--set model.layers=3 --set "model.layer_types=retention,attention,linear_attention"
    --set model.attention.heads=4 --set model.attention.key_heads=2)
  ;;
muon | mud)
  flags=(--set "training.optimizer=$kind" --set training.dropout=0.1 --set training.ema_decay=0.9
    --set training.cautious_decay=true --set training.weight_decay_schedule=cosine
    --set model.embedding_residual=true --set model.zero_init_output=true --set model.logit_softcap=15)
  ;;
*)
  echo "error: $kind: expected plain, carry, tune, state, hybrid, muon or mud" >&2
  exit 64
  ;;
esac
if [[ $kind == tune || $kind == state ]]; then
  "$retnet" train --config config.yaml -o start -q --max-steps 60 >/dev/null
  mv start/last.safetensors start.safetensors
  rm -r start
fi

train() { exec "$retnet" train --config config.yaml "${flags[@]}" "$@"; }

start=${EPOCHREALTIME/[.,]/}
(train -o whole/run -q) >/dev/null
microseconds=$((${EPOCHREALTIME/[.,]/} - start))
echo "a run that is not stopped: $((microseconds / 1000)) ms"

compare() {
  python3 - whole/run killed/run <<'PYTHON'
import json, os, struct, sys

def files(folder):
    found = [os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names]
    return sorted(name for name in found if name != ".lock" and not name.startswith("events.out.tfevents."))

def content(path):
    data = open(path, "rb").read()
    if path.endswith(".jsonl"):
        lines = [json.loads(line) for line in data.splitlines()]
        return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
    if path.endswith(".safetensors"):
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        header["__metadata__"].pop("retnet.seconds", None)
        return header, data[8 + length :]
    return data

whole, killed = sys.argv[1:]
if files(whole) != files(killed):
    sys.exit(f"error: other files: {set(files(whole)) ^ set(files(killed))}")
for name in files(whole):
    if content(f"{whole}/{name}") != content(f"{killed}/{name}"):
        sys.exit(f"error: {name}: not the same as in the run that was not stopped")
print(f"{len(files(whole))} files are the same")
PYTHON
}

done_kills=0
while ((done_kills < kills)); do
  rm -rf killed
  while true; do
    (train -o killed/run --resume auto -q) >/dev/null 2>log &
    pid=$!
    if ((done_kills < kills)); then
      # A sixth of the whole run at most: a few kills fall into one run, and each run gets to its end.
      pause=$(((RANDOM * 32768 + RANDOM) % (microseconds / 6)))
      sleep "$((pause / 1000000)).$(printf '%06d' $((pause % 1000000)))"
      kill -9 "$pid" 2>/dev/null || true
    fi
    # The shell would report each kill.
    if { wait "$pid"; } 2>/dev/null; then status=0; else status=$?; fi
    pid=
    if ((status == 0)); then break; fi
    if ((status != 137)); then
      cat log >&2
      echo "error: status $status" >&2
      exit 1
    fi
    done_kills=$((done_kills + 1))
    states=$(find killed/run/checkpoints -name 'step-*.training-state.safetensors' 2>/dev/null | sort || true)
    newest=$(tail -n 1 <<<"$states")
    step=$(basename "${newest:-none}" .training-state.safetensors)
    cut=
    # One is left whole.
    if (($(wc -l <<<"$states") > 1 && RANDOM % 4 == 0)); then
      ((RANDOM % 2 == 0)) || newest=${newest/.training-state/}
      truncate -s "$((RANDOM % $(stat -c %s "$newest")))" "$newest"
      cut=", then cut short"
    fi
    echo "kill $done_kills: $(grep -c "" killed/run/metrics.jsonl 2>/dev/null || true) lines of metrics, newest checkpoint $step$cut"
  done
  compare
done
