#!/usr/bin/env bash
# Builds .build/release/retnet. The server is built in where it is asked for, and stays: a build without it would compile
# everything once more.
# Usage: scripts/build.sh [--server]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

options=(-c release --product retnet)
if [ "${1:-}" = --server ] || .build/release/retnet --version 2>/dev/null | grep -q '^ *server  *SwiftNIO'; then
  options+=(--traits Server)
fi
swift build "${options[@]}"
