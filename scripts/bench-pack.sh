#!/usr/bin/env bash
# Measures "retnet tokenize pack" against spm_encode (Debian's sentencepiece), which has one thread: both encode the same
# text with the same model, in turn. Then packs a large corpus, and prints the most anonymous memory.
#
# usage: scripts/bench-pack.sh [CORPUS_BYTES [RUNS]]
#   CORPUS_BYTES  the size of the corpus (2,000,000,000); 0: none
#   RUNS          of each program (5)
#   RETNET        (environment) the program; without it, the release build of this folder
#
# The text is 20 MB of the King James Bible (Debian's bible-kjv), over and over; the model has 4,096 pieces.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
corpus=${1:-2000000000}
runs=${2:-5}
work=$(mktemp -d -p "${TMPDIR:-/var/tmp}")
trap 'rm -rf "$work"' EXIT

scripts/bible.sh >"$work/bible.txt"
for _ in 1 2 3 4 5; do cat "$work/bible.txt"; done >"$work/text.txt"

seconds() {
  local start=$EPOCHREALTIME
  "$@" >/dev/null 2>&1
  echo "$start $EPOCHREALTIME" | awk '{ printf "%.2f\n", $2 - $1 }'
}

median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

for type in unigram bpe; do
  "$retnet" tokenize train --input "$work/bible.txt" --vocab-size 4096 --model-type $type -o "$work/$type.model" -q
  : >"$work/theirs" && : >"$work/ours" && : >"$work/alone"
  for _ in $(seq "$runs"); do
    seconds spm_encode --model="$work/$type.model" --output_format=id --input="$work/text.txt" \
      --output="$work/ids" >>"$work/theirs"
    seconds "$retnet" tokenize pack -m "$work/$type.model" --input "$work/text.txt" -o "$work/tokens" -t 2 >>"$work/ours"
    seconds "$retnet" tokenize pack -m "$work/$type.model" --input "$work/text.txt" -o "$work/tokens" -t 1 >>"$work/alone"
  done
  echo "$type $(wc -c <"$work/text.txt") $(median <"$work/theirs") $(median <"$work/alone") $(median <"$work/ours")" |
    awk '{ printf "%s: %.1f MB, spm_encode %.2f s, pack %.2f s with 1 thread and %.2f s with 2 (%.2f times as fast)\n",
      $1, $2 / 1e6, $3, $4, $5, $3 / $5 }'
done

if ((corpus > 0)); then
  # Documents of a line, each with a number of its own.
  awk -v bytes="$corpus" '{ text[NR] = $0 }
    END { while (done < bytes) { line = ++n " " text[n % NR + 1]; print line; done += length(line) + 1 } }' \
    "$work/bible.txt" >"$work/corpus.txt"
  for flags in "" "--dedup exact --shuffle"; do
    start=$EPOCHREALTIME
    # shellcheck disable=SC2086 # The flags are words.
    "$retnet" tokenize pack -m "$work/unigram.model" --input "$work/corpus.txt" --documents line -o "$work/tokens" \
      -t 2 -q $flags &
    most=0
    while kill -0 $! 2>/dev/null; do
      now=$(awk '/^RssAnon/ { print $2 }' "/proc/$!/status" 2>/dev/null || true)
      if ((${now:-0} > most)); then most=$now; fi
      sleep 0.2
    done
    wait $!
    echo "$start $EPOCHREALTIME $(wc -c <"$work/corpus.txt") $most" | awk -v flags="$flags" '
      { printf "%.2f GB in documents of a line%s: %.0f s, %.1f MB/s, at most %.0f MB of anonymous memory\n",
        $3 / 1e9, flags ? " (" flags ")" : "", $2 - $1, $3 / ($2 - $1) / 1e6, $4 / 1e3 }'
  done
fi
