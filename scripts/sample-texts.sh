#!/usr/bin/env bash
# Writes the texts on which tokenizers are compared: english.txt, a megabyte of the King James Bible (Debian's bible-kjv)
# or else of this project's documents; code.txt, 500 kB of its code; and chinese.txt, poems (Debian's fortunes-zh), if
# they are there.
#
# usage: scripts/sample-texts.sh FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$1
if command -v bible >/dev/null; then
  scripts/bible.sh >"$folder/bible.txt"
else
  cat README.md docs/*.md docs/decisions/*.md >"$folder/bible.txt"
fi
head -c 1000000 "$folder/bible.txt" >"$folder/english.txt"
cat Sources/*/*.swift Sources/*/*/*.swift Sources/*/*.c >"$folder/all.txt"
head -c 500000 "$folder/all.txt" >"$folder/code.txt"
chinese=(/usr/share/games/fortunes/{tang300,song100,chinese})
if [[ -f ${chinese[0]} ]]; then
  cat "${chinese[@]}" >"$folder/poems.txt"
  head -c 1000000 "$folder/poems.txt" >"$folder/chinese.txt"
fi
rm -f "$folder"/{bible,all,poems}.txt
