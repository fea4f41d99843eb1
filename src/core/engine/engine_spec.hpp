// What one engine is to run, as values. Two equal specifications need the same child: nothing has to be restarted.
#pragma once
#include "model/desired.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace paddler {

// llama.cpp's LLAMA_MAX_SEQ.
inline constexpr int max_engine_slots = 256;
inline constexpr int max_engine_context = 16 * 1024 * 1024; // tokens per slot
inline constexpr std::size_t max_template_bytes = 1024 * 1024;

// How one vector is made of an input's token vectors.
enum class embedding_pooling { none, mean, cls, last, rank };

struct engine_spec {
  std::string model_path;                   // the GGUF file; the simulated engine never opens it
  std::string alias;                        // the name that answers carry in "model"
  int slots = 1;                            // requests served at the same time
  int context_per_slot = 2048;              // tokens of prompt and answer together, for each slot
  std::string chat_template;                // Jinja text; empty: the template inside the model file
  bool embedding = false;                   // serves /v1/embeddings and nothing else
  std::optional<embedding_pooling> pooling; // none given: what the model file says
  model_parameters parameters;              // used where a request names none
  int threads = 0;                          // 0: the engine's own choice, one for each physical core
  std::optional<int> gpu_layers;            // none given: as many as fit
  std::map<std::string, std::string> extra; // more engine parameters: engine_parameters.hpp lists them
  friend bool operator==(engine_spec const&, engine_spec const&) = default;
};

} // namespace paddler
