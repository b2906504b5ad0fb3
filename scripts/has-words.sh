#!/usr/bin/env bash
# Exits with 0 if a text has words between spaces, with 1 if they are longer than 20 bytes on average, as in Chinese.
# Usage: scripts/has-words.sh TEXT
set -euo pipefail

LC_ALL=C awk '
  { words += NF; for (i = 1; i <= NF; i++) bytes += length($i) }
  END { exit !(words && bytes <= 20 * words) }
' "$1"
