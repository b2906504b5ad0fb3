#!/usr/bin/env bash
# Runs the tests under sanitizers: address and undefined behaviour over all of them, threads over pool, batches and
# training.
#
# Usage: scripts/sanitize.sh [address|thread [options of swift test]]
#
# - Swift itself stops at overflow, and its compiler has no sanitizer of undefined behaviour on Linux: C and C++ do.
# - OpenBLAS, SentencePiece and libcrypto are not instrumented. What they are given and give back is.
# - Kernels are compiled for AVX2 alone, and allocations are not counted (docs/ARCHITECTURE.md, "Sanitizers").
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Prints the time of a run, and what a sanitizer found in it, if anything.
run_tests() {
  local kind=$1 start=$SECONDS
  shift
  local log=.build/sanitize-$kind.log status=0
  swift test -c release --disable-xctest --skip-build --scratch-path ".build/sanitize-$kind" --sanitize "$kind" \
    "$@" >"$log" 2>&1 || status=$?
  grep -E '(ERROR|WARNING): [A-Za-z]+Sanitizer|runtime error:|recorded an issue|error:|Test run with' "$log" |
    cut -c 1-300 | tail -n 40 >&2 || true
  printf '== %s sanitizer: status %d, %d s; all of it is in %s\n' "$kind" "$status" $((SECONDS - start)) "$log" >&2
  return "$status"
}

address() {
  swift build -c release --disable-xctest --build-tests --scratch-path .build/sanitize-address --sanitize address \
    -Xcc -fsanitize=undefined -Xcc -fno-sanitize=vptr || return
  # Limits of the address space (ulimit -v) leave the sanitizer no room: it reserves 20 TB.
  local skipped=(--skip MemoryLimitTests --skip aLongLineNeedsLittleMemory)
  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    run_tests address "${skipped[@]}" "$@"
}

thread() {
  swift build -c release --disable-xctest --build-tests --scratch-path .build/sanitize-thread --sanitize thread ||
    return
  TSAN_OPTIONS=suppressions=$PWD/scripts/thread-sanitizer.txt \
    run_tests thread --filter "${suites:-WorkerPoolTests|StepClockTests|ProductsTests|BatchesTests|TrainingTests}" "$@"
}

kind=${1:-all}
if (($# > 0)); then shift; fi
case $kind in
  address) address "$@" ;;
  thread) thread "$@" ;;
  all)
    status=0
    address "$@" || status=$?
    thread "$@" || status=$?
    exit "$status"
    ;;
  *)
    echo "expected address or thread, found '$kind'" >&2
    exit 64
    ;;
esac
