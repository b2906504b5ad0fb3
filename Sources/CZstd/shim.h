// Reading zstd with libzstd.
#include <zstd.h>
