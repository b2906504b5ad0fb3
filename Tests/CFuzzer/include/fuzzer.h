// The loop of libFuzzer (https://llvm.org/docs/LibFuzzer.html), if the program was built with it (--sanitize fuzzer).
#ifndef FUZZER_H
#define FUZZER_H

#include <stddef.h>
#include <stdint.h>

// Whether there is such a loop.
int fuzzer_is_there(void);

// Gives a reader inputs until the arguments, which are libFuzzer's, say that it is enough. `read` returns 0. Returns
// the exit status. A crash, a sanitizer's finding or an input that takes too long ends the process.
int fuzzer_run(int argc, char **argv, int (*read)(const uint8_t *bytes, size_t count));

#endif
