#!/usr/bin/env bash
# Puts the best model of a run into models/, quantised to eight bits, and writes its card, models/README.md.
# Usage: scripts/publish-model.sh RUN [NAME]
#   RUN      a run folder that is complete
#   NAME     of the model; without it, that of the folder
#   TEXT     (environment) what the model was trained on; without it, the King James Bible
#   LICENSE  (environment) the license of that text; without it, the one of the King James Bible
#   COMMAND  (environment) the command that made the run; without it, make quickstart
#   PROMPT   (environment) what the passage of the card begins with; without it, And it came to pass,
#   MODELS   (environment) where the two files go; without it, models
#   RETNET   (environment) the program to use; without it, the release build of this folder
set -euo pipefail

fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 65
}

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: scripts/publish-model.sh RUN [NAME]" >&2
  exit 64
fi
run=$(realpath -m -- "$1")
name=${2:-$(basename -- "$run")}
retnet=.build/release/retnet
if [ -n "${RETNET:-}" ]; then retnet=$(realpath -- "$(command -v "$RETNET" || echo "$RETNET")"); fi
if [ -n "${MODELS:-}" ]; then folder=$(realpath -m -- "$MODELS"); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${folder:-models}
[ -x "$retnet" ] || fail "$retnet is not there" "make build"
case $name in '' | .* | *[!A-Za-z0-9._-]*) fail "$name: expected a name of letters, digits and ._-" ;; esac
[ -f "$run/best.safetensors" ] || fail "$run: expected a run folder with best.safetensors, found none" "make quickstart"

# The value of a key in a JSON object that retnet prints, a line for each.
json() { sed -nE "s/^ *\"$1\" *: *\"?([^\",]*)\"?,?\$/\\1/p" | head -n 1; }

# Integers with commas between their thousands.
grouped() { sed -E ':next; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; t next'; }

# The value of a key in the run's configuration.
key() { sed -nE "s/^  $1: (.*)\$/\\1/p" "$run/config.yaml" | head -n 1; }

facts=$("$retnet" info "$run" --json)
[ "$(json complete <<<"$facts")" = true ] || fail "$run: expected a run that is complete, found one that is not"
validation=$(key validation)
[ -f "$validation" ] || fail "$run: expected its validation text, to measure the model; found no $validation"
# The default words are for the text of the quickstart alone.
case $(key train) in
*/data/kjv/train.tokens) ;;
*) if [ -z "${TEXT:-}" ] || [ -z "${LICENSE:-}" ]; then
  fail "$run: expected TEXT and LICENSE in the environment, as its text is not the King James Bible"
fi ;;
esac
text=${TEXT:-"the King James Version of the Bible (Debian's package bible-kjv); the last 5 % of its lines were held out"}
license=${LICENSE:-"the King James Version is in the public domain (in the United Kingdom, printing it needs a license of the Crown)"}

model=$folder/$name.q8_0.safetensors
mkdir -p "$folder"
"$retnet" convert "$run/best.safetensors" -o "$model" --quantize q8_0
score() { "$retnet" eval -m "$1" "$validation" --json | json bits_per_byte | awk '{ printf "%.4f", $1 }'; }
of_weights=$(score "$run/best.safetensors")
of_model=$(score "$model")
bytes=$(stat -c %s "$model")
about=$("$retnet" info "$model" --json)
prompt=${PROMPT:-And it came to pass,}
passage=$("$retnet" generate -m "$model" -p "$prompt" -n 80 --temp 0.8 --repeat-penalty 1.1 --seed 1 -q)

card() {
  cat <<END
# $name

A Retentive Network of $(json parameters <<<"$about" | grouped) parameters, to try \`retnet\` with before anything is trained:
\`make try\`, or

\`\`\`
retnet generate -m $(basename -- "$folder")/$(basename -- "$model") -p "In the beginning" -n 120 --temp 0.8 --repeat-penalty 1.1
\`\`\`

| | |
|---|---|
| text | $text |
| license of the text | $license |
| made by | \`${COMMAND:-make quickstart}\`, then \`scripts/publish-model.sh\` |
| model | width $(key width), $(key layers) layers, $(key heads) heads, vocabulary $(key vocabulary_size | grouped) |
| training | $(json steps <<<"$facts" | grouped) steps of $(key batch_tokens | grouped) tokens, seed $(key seed); best at step $(json best_step <<<"$facts" | grouped) |
| trained with | $(json tool_version <<<"$about") |
| bits per byte of the held-out text | $of_model; before rounding to eight bits $of_weights |
| size | $(grouped <<<"$bytes") bytes; matrices q8_0, the tokenizer inside |
| digest | \`$(json digest <<<"$about")\` |

It was trained on that text alone. It has learned how the text sounds, knows nothing else, and states no facts.

A passage of it (temperature 0.8, repeat penalty 1.1, seed 1), after "$prompt":

$(printf '%s%s' "$prompt" "$passage" | tr -s ' \n' ' ' | fold -s -w 116 | sed -E 's/ +$//; s/^/> /')
END
}
card >"$folder/.README.md.new"
mv -- "$folder/.README.md.new" "$folder/README.md"
echo "$model: $bytes bytes, $of_model bits per byte; its card is $folder/README.md" >&2
