#!/usr/bin/env bash
# Prints docs/FILES.md: every source file with the first sentence on what it is named after.
# Usage: scripts/files.sh >docs/FILES.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8

# The first sentence of the comment on the declaration that the file is named after; otherwise of the first comment.
sentence() {
  local name=${1##*/}
  name=${name%%.*}
  name=${name%%+*}
  awk -v name="$name" '
    BEGIN { pattern = "(struct|class|enum|extension|func|actor) " tolower(name) "[^a-z]" }
    function text(line) { sub(/^ *(\/\/\/?|\*|\/\*) ?/, "", line); sub(/ *\*\/$/, "", line); return line }
    function first(found) {
      gsub(/eq\. /, "eq.\001", found)
      if (match(found, /[.:;?!] |[.:;]$/)) found = substr(found, 1, RSTART)
      sub(/[:;]$/, ".", found)
      gsub(/\001/, " ", found)
      gsub(/\|/, "\\|", found)
      return found
    }
    /^ *(\/\/\/?|\/\*)/ && !/swift-tools-version/ { found = found (found == "" ? "" : " ") text($0); next }
    /^ *@/ { next }
    {
      if (found != "" && fallback == "") fallback = found
      if (found != "" && own == "" && tolower($0) ~ pattern) own = found
      found = ""
    }
    END { print first(own != "" ? own : fallback) }' "$1"
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
