// The answer of /v1/models. OpenAI's and Anthropic's clients ask at the same path; one body serves both.
#pragma once
#include "base/time.hpp"

#include <span>
#include <string>
#include <string_view>

namespace paddler {

// `created` stands for all of them: since when these models are wanted.
std::string models_list_body(std::span<std::string const> names, wall_time created);

// One entry, as /v1/models/{name} answers it.
std::string model_body(std::string_view name, wall_time created);

} // namespace paddler
