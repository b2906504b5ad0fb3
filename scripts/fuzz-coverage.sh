#!/usr/bin/env bash
# Lets libFuzzer look for inputs that break the readers of hostile files, guided by the coverage of their code, under the
# address sanitizer. What it finds stays in .build/fuzz-coverage, for the next run to go on from.
#
# Usage: scripts/fuzz-coverage.sh [SECONDS [READER]]
#   SECONDS  for each reader (60)
#   READER   safetensors, pytorch or sentencepiece; all of them if it is left out
#
# An input may take 5 seconds and 512 MiB in all, of which one allocation may be 64 MiB, and have 128 KiB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-60}
scratch=.build/fuzz-coverage
# libFuzzer brings a main of its own; gold cannot link two of them.
swift build -c release --product Fuzzer --scratch-path "$scratch" --sanitize fuzzer --sanitize address \
  -Xswiftc -use-ld=lld -Xlinker -z -Xlinker muldefs
fuzzer=$scratch/release/Fuzzer

for reader in ${2:-safetensors pytorch sentencepiece}; do
  seeds=$scratch/seeds-$reader
  mkdir -p "$scratch/inputs-$reader" "$seeds"
  case $reader in
    safetensors) find Tests/Golden -name '*.safetensors' -exec cp --backup=numbered -t "$seeds" {} + ;;
    pytorch) find Tests/Golden -name '*.pt' -exec cp --backup=numbered -t "$seeds" {} + ;;
    sentencepiece)
      if [[ -x .build/release/retnet ]]; then
        for type in unigram bpe word; do
          .build/release/retnet tokenize train --input docs/CLI.md --vocab-size 400 --model-type "$type" \
            -o "$seeds/$type.model" -q
        done
      fi
      ;;
  esac
  printf '== %s, %s s\n' "$reader" "$seconds" >&2
  ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16 READER=$reader "$fuzzer" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 \
    -max_len=131072 -malloc_limit_mb=64 -print_final_stats=1 -artifact_prefix="$scratch/broken-$reader-" \
    "$scratch/inputs-$reader" "$seeds" 2>&1 | grep -vE '^#|NEW_FUNC' | tail -n 40
done
