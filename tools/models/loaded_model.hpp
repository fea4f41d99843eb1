// A GGUF file loaded with llama.cpp, for asking it things in tests and evaluations: one thread, greedy.
#pragma once
#include "base/result.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct llama_context;
struct llama_model;
struct llama_vocab;

namespace paddler {

// The context belongs to the model: the object is moved as a whole, and used by one thread at a time.
class loaded_model {
public:
  static constexpr std::uint32_t context_tokens = 2048;

  // Fails as llama.cpp does on a file that is not a model. A few broken files abort the process (llama.cpp asserts).
  static result<loaded_model> load(std::filesystem::path const& path, bool for_embeddings = false);

  // What follows `prompt` (special tokens in it are recognised), the likeliest token each time, up to the end of the
  // turn or `max_tokens`. Each call starts afresh.
  result<std::string> complete(std::string const& prompt, int max_tokens);

  // The pooled embedding of `text`, of a model loaded for embeddings.
  result<std::vector<float>> embed(std::string const& text);

  llama_model const& model() const { return *model_; }

private:
  template <class T> using owned = std::unique_ptr<T, void (*)(T*)>;

  loaded_model(owned<llama_model> model, owned<llama_context> context);
  result<std::vector<std::int32_t>> tokenize(std::string const& text) const;
  result<void> decode(std::vector<std::int32_t>& tokens);

  owned<llama_model> model_;
  owned<llama_context> context_;
  llama_vocab const* vocabulary_;
};

} // namespace paddler
