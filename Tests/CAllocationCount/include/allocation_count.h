// Counts what chosen threads allocate, in every library of the process: replaces malloc, its family, mmap and munmap.
#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

// Whether anything is counted: 0 under the address and the thread sanitizer, which replace the same functions.
int allocation_count_works(void);

// Whether allocations of the calling thread are counted from now on.
void allocation_count_this_thread(int is_counted);

// Allocations that counted threads have made so far, without OpenBLAS's own: its kernel for small products on
// AVX-512 (sgemm_small_kernel_nn) takes a buffer for each.
long allocation_count(void);

// Begins to measure the bytes in use of the calling thread: what it allocates and maps from now on and does not free.
void allocation_peak_begin(void);

// Ends the measurement. Returns the most bytes that were in use at once; 0 where nothing is counted.
long allocation_peak_end(void);

#endif
