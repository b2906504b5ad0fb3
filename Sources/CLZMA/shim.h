// Reading xz with liblzma, and a macro that Swift cannot import.
#include <lzma.h>

static inline lzma_ret rn_xz_decoder(lzma_stream *stream, uint64_t memory_limit) {
  return lzma_stream_decoder(stream, memory_limit, LZMA_CONCATENATED);
}
