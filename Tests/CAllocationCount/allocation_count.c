// glibc finds these definitions before its own, for every library of the process; its own stay reachable as __libc_….
// A sanitizer replaces the same functions, and before its runtime is ready: then nothing is replaced and nothing counted.
#define _GNU_SOURCE
#include "allocation_count.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED
#endif
#endif

static _Thread_local int is_thread_counted;
static atomic_long allocations;

static _Thread_local int is_thread_measured;
static _Thread_local long bytes_in_use;
static _Thread_local long most_bytes_in_use;

void allocation_count_this_thread(int is_counted) { is_thread_counted = is_counted; }

long allocation_count(void) { return atomic_load_explicit(&allocations, memory_order_relaxed); }

void allocation_peak_begin(void) {
  bytes_in_use = most_bytes_in_use = 0;
  is_thread_measured = 1;
}

long allocation_peak_end(void) {
  is_thread_measured = 0;
  return most_bytes_in_use;
}

#ifdef IS_SANITIZED

int allocation_count_works(void) { return 0; }

#else

int allocation_count_works(void) { return 1; }

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static void note(const void *caller) {
  if (!is_thread_counted) return;
  Dl_info place;
  if (dladdr(caller, &place) && place.dli_fname && strstr(place.dli_fname, "libopenblas")) return;
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

static void use(long bytes) {
  bytes_in_use += bytes;
  if (bytes_in_use > most_bytes_in_use) most_bytes_in_use = bytes_in_use;
}

static void *used(void *block) {
  if (is_thread_measured && block) use((long)malloc_usable_size(block));
  return block;
}

void *malloc(size_t size) {
  note(__builtin_return_address(0));
  return used(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
  note(__builtin_return_address(0));
  return used(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size) {
  note(__builtin_return_address(0));
  if (!is_thread_measured) return __libc_realloc(block, size);
  long before = block ? (long)malloc_usable_size(block) : 0;
  void *larger = __libc_realloc(block, size);
  if (larger || size == 0) use((larger ? (long)malloc_usable_size(larger) : 0) - before);
  return larger;
}

void *memalign(size_t alignment, size_t size) {
  note(__builtin_return_address(0));
  return used(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
  note(__builtin_return_address(0));
  return used(__libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size) {
  note(__builtin_return_address(0));
  *block = used(__libc_memalign(alignment, size));
  return *block || size == 0 ? 0 : ENOMEM;
}

void free(void *block) {
  if (is_thread_measured && block) use(-(long)malloc_usable_size(block));
  __libc_free(block);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
  note(__builtin_return_address(0));
  void *pages = (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
  if (is_thread_measured && pages != MAP_FAILED) use((long)size);
  return pages;
}

int munmap(void *address, size_t size) {
  if (is_thread_measured) use(-(long)size);
  return (int)syscall(SYS_munmap, address, size);
}

#endif
