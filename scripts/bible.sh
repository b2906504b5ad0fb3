#!/usr/bin/env bash
# Prints the King James Bible of Debian's package bible-kjv, a verse on each line without its number.
#
# usage: scripts/bible.sh
set -euo pipefail

if ! command -v bible >/dev/null; then
  printf "error: the program 'bible' is missing\nhint: scripts/setup.sh bible-kjv\n" >&2
  exit 1
fi
bible -f 'Gen1:1-Rev22:21' | sed -E 's/^[1-3]?[A-Za-z]+[0-9]+:[0-9]+ //'
