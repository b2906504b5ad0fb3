// The digests of libcrypto (OpenSSL's EVP interface).
//
// And SHA-256 without EVP, which allocates for each digest: OpenSSL 3 calls these functions deprecated, and keeps them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>
