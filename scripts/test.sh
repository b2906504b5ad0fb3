#!/usr/bin/env bash
# Builds and runs the tests, all or those that the arguments choose (--filter). When some fail, they are named once more
# at the end: of a long log, that is what most systems show.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

report=.build/tests.xml
rm -f "$report"
status=0
# The server is built in and tested. Without testable imports, which no test has, the program is built as "make build" builds it, and not once more.
swift test -c release --traits Server --disable-xctest --disable-testable-imports --xunit-output "$report" "$@" || status=$?
if ((status != 0)) && [[ -f $report ]]; then
  awk -F '"' '
    /<testcase/ { name = $2 "." $4 }
    /<failure/ {
      gsub("&quot;", "\"", $2); gsub("&lt;", "<", $2); gsub("&gt;", ">", $2); gsub("&apos;", "\047", $2)
      gsub("&amp;", "\\&", $2)
      print "failed: " name ": " $2
    }' "$report" | cut -c 1-400
fi
exit "$status"
