// OpenBLAS from the Debian package libopenblas-dev: cblas_* products and openblas_* control.
#include <cblas.h>
