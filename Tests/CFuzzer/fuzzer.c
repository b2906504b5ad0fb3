#include "fuzzer.h"

// Weak: ordinary builds have no such function.
extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*read)(const uint8_t *, size_t)) __attribute__((weak));

// libFuzzer's own main refers to it. That main is linked, but not used.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  (void)bytes, (void)count;
  return 0;
}

int fuzzer_is_there(void) { return LLVMFuzzerRunDriver != NULL; }

int fuzzer_run(int argc, char **argv, int (*read)(const uint8_t *bytes, size_t count)) {
  return LLVMFuzzerRunDriver(&argc, &argv, read);
}
