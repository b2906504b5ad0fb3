#!/usr/bin/env bash
# Measures the candidates of scripts/recipes/candidates.txt on the quickstart's training text, and makes docs/RECIPES.md.
# Usage: scripts/recipes.sh run [--steps N] [--seeds N] [--rates 0.5,1,2] [--threads N] [NAME...]
#        scripts/recipes.sh time [--rounds N] [--threads N] [NAME...]
#        scripts/recipes.sh sizes --text NAME=FILE [--bytes N] [--seeds N] [--threads N] [NAME...]
#        scripts/recipes.sh score [--steps N] [--threads N] NAME...
#        scripts/recipes.sh document
#   run       train each candidate; what has a row in docs/recipes/ is not trained again, what was stopped is resumed
#   time      time the steps of the candidates in turns, for the minutes of the table
#   sizes     train the sizes of scripts/recipes/sizes.txt on a text, or on so many bytes of it
#   score     score the held-out text with the models of these candidates: once, when the choice is made
#   document  write docs/RECIPES.md from docs/recipes/
#   RETNET    (environment) the program to use; without it, the release build of this folder
#   RECIPES   (environment) where the runs and the parts of the text go; without it, runs/recipes
#   ROWS      (environment) where the rows and RECIPES.md go; without it, docs/recipes and docs
#   TEXT, HELD_OUT  (environment) the two parts of the text; without them, those that make quickstart has made
#
# Candidates see a training part and a validation part, the last 5 % of the lines, which are both cut from TEXT.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
exec python3 "$here/recipes/recipes.py" "$@"
