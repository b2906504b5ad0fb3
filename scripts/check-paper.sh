#!/usr/bin/env bash
# Kills a report three times at random moments, lets the same command finish it, and compares its figures with those of a
# report that was not stopped. The sections are the ones that train; `--quick`.
#
# usage: scripts/check-paper.sh [SEED]
#   RETNET  (environment) the program to check; without it, the release build of this folder
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
RANDOM=${1:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat README.md docs/*.md docs/decisions/*.md >"$work/text.txt"
report=("$retnet" paper --quick --text "$work/text.txt" --only scaling --only context --only recall -q)

"${report[@]}" -o "$work/whole" >"$work/whole.txt"
for kill in 1 2 3; do
  "${report[@]}" -o "$work/killed" >/dev/null &
  sleep "$((5 + RANDOM % 40))"
  if kill -KILL $! 2>/dev/null; then echo "kill $kill after $(find "$work/killed" -name result.json | wc -l) experiments" >&2; fi
  wait $! 2>/dev/null || true
done
"${report[@]}" -o "$work/killed" >"$work/killed.txt"

# All numbers but times.
figures() {
  (cd "$1/experiments" && grep -HE '"(loss|recall|bits|parameters|state)[a-z0-9_]*"' -- */result.json)
}
figures "$work/whole" >"$work/whole.figures"
figures "$work/killed" >"$work/killed.figures"
diff "$work/whole.figures" "$work/killed.figures"
diff <(sed "s|$work/whole|REPORT|g" "$work/whole.txt") <(sed "s|$work/killed|REPORT|g" "$work/killed.txt")
echo "$(wc -l <"$work/whole.figures") figures are the same." >&2
