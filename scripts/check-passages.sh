#!/usr/bin/env bash
# Tells whether generated passages are made of words of the training text, without going in circles or copying it.
# Usage: scripts/check-passages.sh TRAINING_TEXT PASSAGE...
#   KNOWN  (environment) the least percentage of all words that must occur in the training text; 97
#
# Exits with 1 if a passage has no word, if fewer words than KNOWN percent occur in the training text, if a passage holds
# the same six words in a row more than twice, or if more than half of a passage (at least twelve words) is one run of
# words copied from the text; a line on standard error says which. The longest run that is copied is printed beside.
# A word is a run of letters, digits, apostrophes and bytes beyond ASCII, without the punctuation, arrows and lines of
# boxes among these (U+2000 to U+2BFF, U+3000 to U+303F, U+FF00 to U+FF0F); a last word that the end of the passage may
# have cut is left out. In a text whose words between spaces are longer than 20 bytes on average, as in Chinese or Thai,
# each character beyond ASCII is a word, and twelve in a row take the place of six.
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
by_character=1
if "$(dirname "${BASH_SOURCE[0]}")/has-words.sh" "$training_text"; then by_character=0; fi
files=()
for ((i = 1; i <= $#; i++)); do files+=("passage=$i" "${!i}"); done
LC_ALL=C awk -v by_character="$by_character" -v least="${KNOWN:-97}" '
  function cut(line) {
    gsub(/\342[\200-\257][\200-\277]|\343\200[\200-\277]|\357\274[\200-\217]/, " ", line)
    gsub(/[^A-Za-z0-9\047\200-\377]+/, " ", line)
    if (by_character) gsub(/[\300-\377][\200-\277]*/, " & ", line)
    return line
  }
  function fail(reason) {
    print "check: " reason > "/dev/stderr"
    bad = 1
  }
  BEGIN {
    unit = by_character ? "characters" : "words"
    row = by_character ? 12 : 6
    row_of = (by_character ? "twelve " : "six ") unit
  }
  mode == "passages" {
    # No run of words goes from one passage into the next.
    if (FNR == 1) word[++total] = ""
    count = split(cut($0), words, " ")
    for (i = 1; i <= count; i++) { word[++total] = words[i]; of[total] = passage; size[passage] += 1 }
    # The program ends its output with a newline, so every last line may be cut.
    last_is_cut[passage] = !by_character && count > 0 && $0 ~ /[A-Za-z0-9\047\200-\377]$/
    last[passage] = total
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
      for (k = row - 1; k >= 0 && p - k > 0; k--) {
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
      printf "passage %d: %d %s, %.1f %% of them in the training text, same %s at most %d times, ", \
        k, size[k], unit, size[k] ? 100 * found[k] / size[k] : 0, row_of, repeated[k]
      printf "longest run copied: %d %s:%s\n", longest[k], unit, copied
      if (!size[k]) fail("passage " k " has no " unit)
      if (repeated[k] > 2) fail("passage " k " goes in circles: the same " row_of " " repeated[k] " times")
      if (longest[k] >= 12 && 2 * longest[k] > size[k])
        fail("passage " k " is copied: " longest[k] " of its " size[k] " " unit " stand in the training text like this")
    }
    share = all ? 100 * foundInAll / all : 0
    printf "all passages: %.1f %% of %d %s in the training text (at least %g %% expected)\n", share, all, unit, least
    if (unknown != "") print "not in the training text:" unknown
    if (all && share < least) fail("fewer than " least " % of the " unit " occur in the training text")
    exit bad
  }
' passages=$# mode=passages "${files[@]}" mode=text "$training_text"
