#!/usr/bin/env bash
# Tells whether generated passages are made of words of the training text, without going in circles.
# Usage: scripts/check-passages.sh TRAINING_TEXT PASSAGE...
#
# Exits with 1 if fewer than 97 % of the words of all passages occur in the training text, or if a passage holds the same
# six words in a row more than twice. The longest run of words that is copied from the text is printed beside.
# A word is a run of letters, digits, apostrophes and bytes beyond ASCII; a last word that the end of the passage may
# have cut is left out.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: scripts/check-passages.sh TRAINING_TEXT PASSAGE..." >&2
  exit 64
fi
for file in "$@"; do
  if [ ! -r "$file" ]; then
    echo "error: $file: expected a file to read, found none" >&2
    exit 66
  fi
done

# The passages are read first and kept; then the text streams by once. run[p] is the length of the run of words that ends
# at word p of the passages and at the current word of the text; stamp[p] tells at which word of the text it was so.
training_text=$1
shift
LC_ALL=C awk '
  function cut(line) {
    gsub(/[^A-Za-z0-9\047\200-\377]+/, " ", line)
    return line
  }
  mode == "passages" {
    if (FNR == 1) { passages += 1; total += 1; word[total] = "" }
    count = split(cut($0), words, " ")
    for (i = 1; i <= count; i++) { word[++total] = words[i]; of[total] = passages; size[passages] += 1 }
    # The program ends its output with a newline, so every last line may be cut.
    last_is_cut[passages] = count > 0 && $0 ~ /[A-Za-z0-9\047\200-\377]$/
    last[passages] = total
    next
  }
  !prepared { prepare() }
  {
    count = split(cut($0), words, " ")
    for (i = 1; i <= count; i++) {
      now += 1
      if (!(words[i] in head)) continue
      for (p = head[words[i]]; p; p = following[p]) {
        run[p] = (stamp[p - 1] == now - 1 ? run[p - 1] : 0) + 1
        stamp[p] = now
        if (run[p] > longest[of[p]]) { longest[of[p]] = run[p]; ending[of[p]] = p }
      }
      known[words[i]] = 1
    }
  }
  # Chains the places of each word, the last one first: run[p - 1] must still be that of the previous word when p is met.
  function prepare(  p, k, gram) {
    prepared = 1
    for (k = 1; k <= passages; k++) {
      if (last_is_cut[k] && size[k] > 1) { size[k] -= 1; word[last[k]] = "" }
    }
    for (p = 1; p <= total; p++) {
      if (word[p] == "") continue
      following[p] = head[word[p]]
      head[word[p]] = p
      gram = ""
      for (k = 5; k >= 0 && p - k > 0; k--) {
        if (word[p - k] == "") break
        gram = gram " " word[p - k]
      }
      if (k < 0 && ++grams[of[p], gram] > repeated[of[p]]) repeated[of[p]] = grams[of[p], gram]
    }
  }
  END {
    if (!prepared) prepare()
    for (p = 1; p <= total; p++) {
      if (word[p] == "") continue
      all += 1
      if (word[p] in known) { found[of[p]] += 1; foundInAll += 1 } else unknown = unknown " " word[p]
    }
    for (k = 1; k <= passages; k++) {
      copied = ""
      for (p = ending[k] - longest[k] + 1; longest[k] && p <= ending[k]; p++) copied = copied " " word[p]
      printf "passage %d: %d words, %.1f %% of them in the training text, same six words at most %d times, ", \
        k, size[k], size[k] ? 100 * found[k] / size[k] : 0, repeated[k]
      printf "longest run copied: %d words:%s\n", longest[k], copied
      if (repeated[k] > 2) bad = 1
    }
    share = all ? 100 * foundInAll / all : 0
    printf "all passages: %.1f %% of %d words in the training text (at least 97 %% expected)\n", share, all
    if (unknown != "") print "not in the training text:" unknown
    if (share < 97) bad = 1
    exit bad
  }
' mode=passages "$@" mode=text "$training_text"
