// Counts what chosen threads allocate, in every library of the process: replaces malloc, its family and mmap.
#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

// Whether allocations of the calling thread are counted from now on.
void allocation_count_this_thread(int is_counted);

// Allocations that counted threads have made so far, without OpenBLAS's own: its kernel for small products on
// AVX-512 (sgemm_small_kernel_nn) takes a buffer for each.
long allocation_count(void);

#endif
