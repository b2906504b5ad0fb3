// Reading gzip with zlib: inflate, and what Swift cannot import of it.
#include <zlib.h>

// inflateInit2 is a macro. 15 is the largest window, 16 asks for gzip's header and trailer (zlib.h).
static inline int rn_inflate_init(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
