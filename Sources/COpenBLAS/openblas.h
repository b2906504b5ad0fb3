// OpenBLAS from the Debian package libopenblas-dev: cblas_* products and openblas_* control.
#include <cblas.h>

// Not in cblas.h: the buffers in which products pack their operands, one for each thread that multiplies.
void *blas_memory_alloc(int position);
void blas_memory_free(void *buffer);
