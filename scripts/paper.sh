#!/usr/bin/env bash
# Repeats the paper's experiments (docs/PAPER.md).
# Usage: scripts/paper.sh [TEXT [OUT [OPTION…]]]
#   TEXT    a UTF-8 text file; empty or left out: the King James Bible from Debian's package bible-kjv
#   OUT     the folder of the report; empty or left out: runs/paper, or runs/paper-quick with --quick
#   OPTION  options of 'retnet paper', such as --quick
#   RETNET  (environment) the program to use; without it, the release build of this folder
set -euo pipefail

text=${1:-}
out=${2:-}
shift $(($# < 2 ? $# : 2))
# Paths of the user are relative to where the user is; ours are relative to the project.
if [ -n "$text" ]; then text=$(realpath -m -- "$text"); fi
if [ -n "$out" ]; then out=$(realpath -m -- "$out"); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "$text" ]; then
  text=data/kjv/kjv.txt
  mkdir -p data/kjv
  # Under another name until it is whole.
  if ! [ -s "$text" ]; then scripts/bible.sh >"$text.part" && mv "$text.part" "$text"; fi
fi
if [ -z "$out" ]; then
  out=runs/paper
  for option in "$@"; do if [ "$option" = --quick ]; then out=runs/paper-quick; fi; done
fi
exec "${RETNET:-.build/release/retnet}" paper --text "$text" -o "$out" "$@"
