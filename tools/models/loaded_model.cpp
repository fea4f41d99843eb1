#include "models/loaded_model.hpp"

#include <llama.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace paddler {
namespace {

void log_errors(ggml_log_level level, char const* text, void*) {
  if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
}

std::string text_of(llama_vocab const* vocabulary, llama_token token) {
  std::array<char, 256> buffer{};
  auto const length =
      llama_token_to_piece(vocabulary, token, buffer.data(), static_cast<int>(buffer.size()), 0, /*special=*/false);
  return {buffer.data(), static_cast<std::size_t>(std::max(length, 0))};
}

llama_token likeliest(float const* scores, int count) {
  return static_cast<llama_token>(std::max_element(scores, scores + count) - scores);
}

} // namespace

loaded_model::loaded_model(owned<llama_model> model, owned<llama_context> context)
    : model_(std::move(model)), context_(std::move(context)), vocabulary_(llama_model_get_vocab(model_.get())) {}

result<loaded_model> loaded_model::load(std::filesystem::path const& path, bool for_embeddings) {
  llama_log_set(log_errors, nullptr);
  owned<llama_model> model(llama_model_load_from_file(path.c_str(), llama_model_default_params()), llama_model_free);
  if (!model) return fail(error_code::invalid_input, "llama.cpp cannot load " + path.string());
  auto settings = llama_context_default_params();
  settings.n_ctx = settings.n_batch = settings.n_ubatch = context_tokens;
  settings.n_threads = settings.n_threads_batch = 1;
  settings.embeddings = for_embeddings;
  owned<llama_context> context(llama_init_from_model(model.get(), settings), llama_free);
  if (!context) return fail(error_code::invalid_input, "llama.cpp makes no context for " + path.string());
  return loaded_model(std::move(model), std::move(context));
}

result<std::vector<std::int32_t>> loaded_model::tokenize(std::string const& text) const {
  std::vector<llama_token> tokens(text.size() + 1);
  auto const count = llama_tokenize(vocabulary_, text.data(), static_cast<int>(text.size()), tokens.data(),
                                    static_cast<int>(tokens.size()), /*add_special=*/true, /*parse_special=*/true);
  if (count < 0 || count > static_cast<int>(context_tokens)) {
    return fail(error_code::too_large, "the prompt does not fit into " + std::to_string(context_tokens) + " tokens");
  }
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

result<void> loaded_model::decode(std::vector<std::int32_t>& tokens) {
  auto const batch = llama_batch_get_one(tokens.data(), static_cast<int>(tokens.size()));
  if (llama_decode(context_.get(), batch) != 0) return fail(error_code::internal, "llama.cpp could not decode");
  return {};
}

result<std::string> loaded_model::complete(std::string const& prompt, int max_tokens) {
  llama_memory_clear(llama_get_memory(context_.get()), /*data=*/true);
  auto tokens = tokenize(prompt);
  if (!tokens) return std::unexpected(tokens.error());
  std::string answer;
  for (int count = 0; count < max_tokens; ++count) {
    if (auto const decoded = decode(*tokens); !decoded) return std::unexpected(decoded.error());
    auto const next = likeliest(llama_get_logits_ith(context_.get(), -1), llama_vocab_n_tokens(vocabulary_));
    if (llama_vocab_is_eog(vocabulary_, next)) break;
    answer += text_of(vocabulary_, next);
    *tokens = {next};
  }
  return answer;
}

result<std::vector<float>> loaded_model::embed(std::string const& text) {
  llama_memory_clear(llama_get_memory(context_.get()), /*data=*/true);
  auto tokens = tokenize(text);
  if (!tokens) return std::unexpected(tokens.error());
  if (auto const decoded = decode(*tokens); !decoded) return std::unexpected(decoded.error());
  auto const* const values = llama_get_embeddings_seq(context_.get(), 0);
  if (values == nullptr) return fail(error_code::invalid_input, "the model does not pool embeddings");
  return std::vector<float>(values, values + llama_model_n_embd(model_.get()));
}

} // namespace paddler
