#!/usr/bin/env bash
# Generates a passage with the model that lies in models/, so that there is something to see before anything is trained.
# Usage: scripts/try.sh [MODEL]
#   MODEL   a model file; without it, models/kjv-small.q8_0.safetensors (its card is models/README.md)
#   RETNET  (environment) the program to use; without it, the release build of this folder
set -euo pipefail

model=${1:-}
if [ -n "$model" ]; then model=$(realpath -m -- "$model"); fi
retnet=.build/release/retnet
if [ -n "${RETNET:-}" ]; then retnet=$(realpath -- "$(command -v "$RETNET" || echo "$RETNET")"); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "$model" ]; then model=models/kjv-small.q8_0.safetensors; fi

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit "$3"
}

[ -x "$retnet" ] || fail "$retnet is not there" "make build" 66
[ -f "$model" ] || fail "$model: expected a model, found none" \
  "make quickstart trains one in minutes; scripts/publish-model.sh puts it there" 66

prompt='And it came to pass,'
options=(-n 120 --temp 0.8 --repeat-penalty 1.1 --seed 1)
printf -- "-- %s, prompt '%s'\n" "$model" "$prompt" >&2
printf '%s' "$prompt"
"$retnet" generate -m "$model" -p "$prompt" "${options[@]}"
echo
cat >&2 <<END

Go on with
  $retnet generate -m $model -p 'In the beginning' -n 120 --temp 0.8 --repeat-penalty 1.1
  $retnet generate -m $model --interactive
  make quickstart                # train such a model, in minutes
  make quickstart TEXT=my.txt    # train one on a text of yours
END
