// OpenBLAS from the Debian package libopenblas-dev: cblas_* products and openblas_* control.
#include <cblas.h>

// cblas.h lacks these: the buffers in which products pack their operands, one per thread that multiplies.
void *blas_memory_alloc(int position);
void blas_memory_free(void *buffer);
