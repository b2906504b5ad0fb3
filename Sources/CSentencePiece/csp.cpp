// The functions of csp.h, implemented with SentencePiece's C++ interface.
#include "csp.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct csp_model {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

char *copy_text(const char *text) {
  const size_t count = std::strlen(text) + 1;
  char *copy = static_cast<char *>(std::malloc(count));
  if (copy != nullptr) std::memcpy(copy, text, count);
  return copy;
}

// Allocates memory that `csp_free` frees; one element more, so that an empty result is not NULL.
template <typename Element>
Element *allocate_elements(size_t count) {
  Element *elements = static_cast<Element *>(std::calloc(count + 1, sizeof(Element)));
  if (elements == nullptr) throw std::bad_alloc();
  return elements;
}

template <typename Element>
Element *copy_elements(const void *elements, size_t count) {
  Element *copy = allocate_elements<Element>(count);
  if (count > 0) std::memcpy(copy, elements, count * sizeof(Element));
  return copy;
}

// Runs a body that returns a Status, and converts errors and exceptions to an error text.
template <typename Body>
bool run(char **error, Body body) noexcept {
  try {
    const sentencepiece::util::Status status = body();
    if (status.ok()) return true;
    *error = copy_text(status.error_message());
  } catch (const std::exception &exception) {
    *error = copy_text(exception.what());
  } catch (...) {
    *error = copy_text("unknown failure inside SentencePiece");
  }
  return false;
}

// Ends the process if memory runs out: SentencePiece trains in its own threads, and no exception can leave them. The
// status is EX_CONFIG, as everywhere.
[[noreturn]] void end_without_memory() {
  static const char line[] = "error: out of memory: SentencePiece asked for more than the system gives\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
  _exit(78);
}

template <typename Body>
int32_t special_id(Body body) noexcept {
  try {
    return body();
  } catch (...) {
    return -1;
  }
}

std::string_view view(const uint8_t *bytes, size_t count) {
  return std::string_view(reinterpret_cast<const char *>(bytes), count);
}

// Splits names and values that each end in zero.
std::unordered_map<std::string, std::string> read_options(std::string_view text) {
  const auto next = [&text] {
    const std::string word(text.substr(0, text.find('\0')));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
  };
  std::unordered_map<std::string, std::string> options;
  while (!text.empty()) {
    const std::string name = next();
    options[name] = next();
  }
  return options;
}

class Sentences : public sentencepiece::SentenceIterator {
 public:
  Sentences(const uint8_t *text, const size_t *ends, size_t count) : text_(text), ends_(ends), count_(count) { Read(); }

  bool done() const override { return index_ == count_; }
  const std::string &value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }
  void Next() override {
    ++index_;
    Read();
  }

 private:
  void Read() {
    if (done()) return;
    const size_t start = index_ == 0 ? 0 : ends_[index_ - 1];
    value_.assign(view(text_ + start, ends_[index_] - start));
  }

  const uint8_t *text_;
  const size_t *ends_;
  size_t count_;
  size_t index_ = 0;
  std::string value_;
};

}  // namespace

csp_model *csp_model_load(const uint8_t *bytes, size_t count, char **error) {
  csp_model *model = nullptr;
  const bool is_loaded = run(error, [&] {
    model = new csp_model;
    return model->processor.LoadFromSerializedProto(view(bytes, count));
  });
  if (is_loaded) return model;
  csp_model_free(model);
  return nullptr;
}

void csp_model_free(csp_model *model) { delete model; }

int32_t csp_vocabulary_size(const csp_model *model) {
  return special_id([&] { return model->processor.GetPieceSize(); });
}

int32_t csp_unknown_id(const csp_model *model) {
  return special_id([&] { return model->processor.unk_id(); });
}

int32_t csp_bos_id(const csp_model *model) {
  return special_id([&] { return model->processor.bos_id(); });
}

int32_t csp_eos_id(const csp_model *model) {
  return special_id([&] { return model->processor.eos_id(); });
}

int32_t csp_pad_id(const csp_model *model) {
  return special_id([&] { return model->processor.pad_id(); });
}

bool csp_encode(const csp_model *model, const uint8_t *text, size_t count, int32_t **ids, size_t *id_count,
                char **error) {
  // A message that is filled again keeps the memory of its pieces, so there are fewer allocations. Few texts have more
  // pieces than are kept.
  constexpr size_t most_kept_pieces = 1 << 12;
  static thread_local std::unique_ptr<sentencepiece::ImmutableSentencePieceText> reused;
  return run(error, [&] {
    if (reused == nullptr) reused = std::make_unique<sentencepiece::ImmutableSentencePieceText>();
    const auto status = model->processor.Encode(view(text, count), reused->mutable_proto());
    if (status.ok()) {
      const size_t piece_count = reused->pieces_size();
      *ids = allocate_elements<int32_t>(piece_count);
      for (size_t index = 0; index < piece_count; ++index) {
        (*ids)[index] = static_cast<int32_t>(reused->pieces(static_cast<int>(index)).id());
      }
      *id_count = piece_count;
    }
    if (reused->pieces_size() > most_kept_pieces) reused.reset();
    return status;
  });
}

bool csp_encode_best(const csp_model *model, const uint8_t *text, size_t count, int32_t limit, int32_t **ids,
                     size_t **ends, float **scores, size_t *way_count, char **error) {
  return run(error, [&] {
    const auto ways = model->processor.NBestEncodeAsImmutableProto(view(text, count), limit);
    // The interface hides the status; every text that can be encoded has a way.
    if (ways.nbests_size() == 0) {
      return sentencepiece::util::Status(sentencepiece::util::StatusCode::kInternal, "no way to encode was found");
    }
    std::vector<int32_t> found;
    std::vector<size_t> found_ends;
    std::vector<float> found_scores;
    for (const auto &way : ways.nbests()) {
      for (const auto &piece : way.pieces()) found.push_back(static_cast<int32_t>(piece.id()));
      found_ends.push_back(found.size());
      found_scores.push_back(way.score());
    }
    // A later copy may throw.
    std::unique_ptr<int32_t, decltype(&std::free)> id_copy(copy_elements<int32_t>(found.data(), found.size()),
                                                           &std::free);
    std::unique_ptr<size_t, decltype(&std::free)> end_copy(
        copy_elements<size_t>(found_ends.data(), found_ends.size()), &std::free);
    *scores = copy_elements<float>(found_scores.data(), found_scores.size());
    *ids = id_copy.release();
    *ends = end_copy.release();
    *way_count = found_ends.size();
    return sentencepiece::util::Status();
  });
}

bool csp_encode_sample(const csp_model *model, const uint8_t *text, size_t count, int32_t limit, float alpha,
                       int32_t **ids, size_t *id_count, char **error) {
  return run(error, [&] {
    std::vector<int> found;
    const auto status = model->processor.SampleEncode(view(text, count), limit, alpha, &found);
    if (status.ok()) {
      *ids = copy_elements<int32_t>(found.data(), found.size());
      *id_count = found.size();
    }
    return status;
  });
}

void csp_seed(uint32_t seed) { sentencepiece::SetRandomGeneratorSeed(seed); }

bool csp_train(const uint8_t *options, size_t option_byte_count, const uint8_t *text, const size_t *ends,
               size_t sentence_count, uint8_t **model, size_t *model_count, char **error) {
  // With a small address space, there is no room for an arena per thread, and every allocation becomes a system call.
  rlimit addresses;
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY) mallopt(M_ARENA_MAX, 1);
  const std::new_handler before = std::set_new_handler(end_without_memory);
  const bool is_trained = run(error, [&] {
    const std::unordered_map<std::string, std::string> arguments = read_options(view(options, option_byte_count));
    Sentences sentences(text, ends, sentence_count);
    std::string serialized;
    const auto status = sentencepiece::SentencePieceTrainer::Train(arguments, &sentences, &serialized);
    if (status.ok()) {
      *model = copy_elements<uint8_t>(serialized.data(), serialized.size());
      *model_count = serialized.size();
    }
    return status;
  });
  std::set_new_handler(before);
  return is_trained;
}

void csp_free(void *memory) { std::free(memory); }
