// A C interface to SentencePiece, without C++ types and exceptions.
//
// Ownership: what a function returns through a pointer to a pointer, and every error text, belongs to the caller, who
// frees it with `csp_free`. A model is freed with `csp_model_free`. Nothing that the caller passes is kept.
// Errors: functions that can fail return NULL or false and set `*error` to a text ending in zero (NULL if there is no
// memory for one). Their other outputs stay unchanged. On success `*error` is unchanged.

#ifndef CSP_H
#define CSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct csp_model csp_model;

// Loads a serialized model, which must have been validated: SentencePiece trusts its content.
csp_model *csp_model_load(const uint8_t *bytes, size_t count, char **error);

// Accepts NULL.
void csp_model_free(csp_model *model);

int32_t csp_vocabulary_size(const csp_model *model);

// Ids of the special pieces; -1 if the model has none.
int32_t csp_unknown_id(const csp_model *model);
int32_t csp_bos_id(const csp_model *model);
int32_t csp_eos_id(const csp_model *model);
int32_t csp_pad_id(const csp_model *model);

// Encodes `count` bytes of UTF-8. Several threads may encode with one model at the same time.
bool csp_encode(const csp_model *model, const uint8_t *text, size_t count, int32_t **ids, size_t *id_count,
                char **error);

// Encodes in the `limit` best ways (fewer if there are no more), best first. The ids of way i end before
// `(*ends)[i]` in `*ids`, and its score is `(*scores)[i]`, a sum of log-probabilities. For a unigram model only.
bool csp_encode_best(const csp_model *model, const uint8_t *text, size_t count, int32_t limit, int32_t **ids,
                     size_t **ends, float **scores, size_t *way_count, char **error);

// Encodes in a way drawn at random: among the `limit` best ones, or among all if it is negative, by probabilities that
// are raised to the power `alpha`. A bpe model leaves out merges with probability `alpha`. For these two kinds only.
bool csp_encode_sample(const csp_model *model, const uint8_t *text, size_t count, int32_t limit, float alpha,
                       int32_t **ids, size_t *id_count, char **error);

// Seeds what `csp_encode_sample` draws from, for threads that have not drawn yet. 2^32 - 1 is reserved.
void csp_seed(uint32_t seed);

// Trains a model on the sentences in `text`, one after the other; sentence i ends before byte `ends[i]`.
// `options` holds names and values of SentencePiece's trainer in turn, each ending in zero, `option_byte_count` bytes
// in total. The option `minloglevel` applies to the whole process from then on.
bool csp_train(const uint8_t *options, size_t option_byte_count, const uint8_t *text, const size_t *ends,
               size_t sentence_count, uint8_t **model, size_t *model_count, char **error);

// Frees what the functions above have returned; accepts NULL.
void csp_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
