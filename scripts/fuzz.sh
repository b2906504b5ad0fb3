#!/usr/bin/env bash
# Reads files that are wrong at random: every reader of the program, with N inputs in all.
#
# Usage: scripts/fuzz.sh [N [SUITE [FIRST]]]
#   N      the inputs of all readers together (1,000,000); the test suite reads 20,000
#   SUITE  only the readers of the tests whose names match, as for "swift test --filter"
#   FIRST  the number of each reader's first input (1): other numbers are other inputs
#
# Prints inputs, accepted inputs, seconds and the largest memory of each reader. An input may take 5 seconds, and 4 MiB
# with its own bytes (24 MiB with a trainer); a child process is watched for time alone. What goes wrong is named as
# "READER, input NUMBER"; scripts/fuzz.sh 1 SUITE NUMBER repeats it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

RETNET_FUZZ=${1:-1000000}
RETNET_FUZZ_FIRST=${3:-1}
RETNET_FUZZ_FOLDER=$(mktemp -d)
export RETNET_FUZZ RETNET_FUZZ_FIRST RETNET_FUZZ_FOLDER
log=$RETNET_FUZZ_FOLDER/log
trap 'rm -rf "$RETNET_FUZZ_FOLDER"' EXIT

# The suites with a call of "fuzz".
suites=$(grep -rlE '^ +fuzz\(' Tests --include='*Tests.swift' | sed -E 's|.*/(.*)\.swift|\1|' | paste -sd '|')
start=$SECONDS
status=0
scripts/test.sh --filter "${2:-$suites}" >"$log" 2>&1 || status=$?

find "$RETNET_FUZZ_FOLDER" -name '*.result' -exec cat {} + | sort -t $'\t' -k 5 | awk -F '\t' '
  function row(inputs, accepted, seconds, memory, reader) {
    printf "%9s  %9s  %8s  %6s  %s\n", inputs, accepted, seconds, memory, reader
  }
  BEGIN { row("inputs", "accepted", "seconds", "KiB", "reader") }
  { row($1, $2, sprintf("%.1f", $3), int($4 / 1024), $5); inputs += $1; accepted += $2 }
  END { row(inputs + 0, accepted + 0, "", "", "all") }'
printf '%d s\n' $((SECONDS - start))

if ((status != 0)); then
  grep -E ', input [0-9]+|^failed:|error:' "$log" | cut -c 1-400 | head -n 40 >&2
  # A process that ended early has left the inputs that it was reading.
  for file in "$RETNET_FUZZ_FOLDER"/*.input; do
    [[ -e $file ]] && printf 'not finished: %s, input %s\n' "$(basename "$file" .input)" "$(cat "$file")" >&2
  done
  echo "failed: repeat an input with scripts/fuzz.sh 1 SUITE NUMBER" >&2
  exit 1
fi
