#!/usr/bin/env bash
# Prints docs/FILES.md: every source file with the first sentence of its documentation.
# Usage: scripts/files.sh >docs/FILES.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8

# The first sentence of the first comment that documents something.
sentence() {
  awk '
    function text(line) { sub(/^ *(\/\/\/?|\*|\/\*) ?/, "", line); sub(/ *\*\/$/, "", line); return line }
    /^ *(\/\/\/?|\/\*)/ && !/swift-tools-version/ { found = found (found == "" ? "" : " ") text($0); next }
    found != "" { exit }
    END {
      gsub(/eq\. /, "eq.\001", found)
      if (match(found, /[.:;?!] |[.:;]$/)) found = substr(found, 1, RSTART)
      sub(/[:;]$/, ".", found)
      gsub(/\001/, " ", found)
      gsub(/\|/, "\\|", found)
      print found
    }' "$1"
}

echo "# Files"
echo
echo "Every source file with the first sentence of its documentation. Generated: \`scripts/files.sh >docs/FILES.md\`."
for target in Sources/*/; do
  printf '\n## %s\n' "${target%/}"
  folder=
  while read -r file; do
    inner=$(dirname "${file#"$target"}")
    if [ "$inner" != "$folder" ]; then
      if [ "$inner" != . ]; then printf '\n### %s%s\n' "$target" "$inner"; fi
      printf '\n| file | first sentence |\n|---|---|\n'
      folder=$inner
    fi
    printf '| [%s](../%s) | %s |\n' "${file##*/}" "$file" "$(sentence "$file")"
  done < <(find "$target" -name '*.swift' -o -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.modulemap' |
    # Files of a folder before the folders in it.
    awk -F / '{ name = $NF; path = $0; sub(/[^\/]*$/, "", path); print path "\t" name }' | sort -f | awk -F '\t' '{ print $1 $2 }')
done
