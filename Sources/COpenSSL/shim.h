// The digests of libcrypto (OpenSSL's EVP interface).
#include <openssl/evp.h>
