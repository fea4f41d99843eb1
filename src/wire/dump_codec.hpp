// Dumps as JSON: what `paddler dump` writes and `paddler replay` reads.
#pragma once
#include "base/result.hpp"
#include "model/dump.hpp"
#include "wire/document_node.hpp"

#include <string_view>

namespace paddler {

// Of the document's form; another one is refused.
inline constexpr std::string_view dump_format = "paddler-dump/1";
inline constexpr document_limits dump_limits{std::size_t{256} << 20, 8'000'000};

// What of a dump can be decided again; the rest is passed over. Errors: invalid_input with the place that is wrong.
result<cluster_dump> parse_dump(std::string_view text);

} // namespace paddler
