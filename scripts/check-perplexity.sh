#!/usr/bin/env bash
# Fails when a model's perplexity on a text is above a limit: copy this into a CI job.
# Usage: scripts/check-perplexity.sh MODEL FILE LIMIT [further options of retnet eval]
#
# Prints the perplexity. Exits with 0 if it is at most LIMIT, 1 if it is above, and with the exit code of retnet eval if
# that could not tell. The program is $RETNET, else the release build of this folder, else retnet from the PATH.
set -euo pipefail

if [ $# -lt 3 ]; then
  echo "usage: scripts/check-perplexity.sh MODEL FILE LIMIT [options of retnet eval]" >&2
  exit 64
fi
model=$1
file=$2
limit=$3
shift 3

built=$(dirname "${BASH_SOURCE[0]}")/../.build/release/retnet
if [ -z "${RETNET:-}" ]; then
  if [ -x "$built" ]; then RETNET=$built; else RETNET=retnet; fi
fi

status=0
report=$("$RETNET" eval -m "$model" "$file" --json --fail-above "$limit" "$@") || status=$?
perplexity=$(sed -nE 's/.*"perplexity" *: *([^,} ]+).*/\1/p' <<<"$report" | head -n 1)
if [ -n "$perplexity" ]; then echo "perplexity $perplexity (limit $limit)"; fi
exit "$status"
