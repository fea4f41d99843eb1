// Request bodies from anywhere: the same verdict and the same blocks of the prompt however they are cut, and nothing
// passes that is not JSON.
#include "target.hpp"
#include "wire/json_codec.hpp"
#include "wire/request_probe.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr hash_key blocks_key{1, 2};

// Pieces of 1, 2, ... `longest` bytes, over and over.
result<probed_request> probe_in_pieces(std::string_view body, std::size_t longest) {
  request_probe probe(blocks_key);
  for (std::size_t length = 1; !body.empty(); length = length % longest + 1) {
    if (auto fed = probe.feed(body.substr(0, length)); !fed) return std::unexpected(fed.error());
    body.remove_prefix(std::min(length, body.size()));
  }
  return probe.finish();
}

void check(std::string_view body) {
  auto const whole = probe_request(body, blocks_key);
  for (std::size_t const longest : {1U, 7U}) {
    auto const cut = probe_in_pieces(body, longest);
    must(cut.has_value() == whole.has_value());
    must(!cut || *cut == *whole);
  }
  if (whole) {
    must(whole->blocks.size() == std::min<std::uint64_t>(whole->prompt_bytes / prompt_block_bytes, max_prompt_blocks));
    auto const document = parse_json(body, own_document_limits);
    must(document.has_value() && document->kind == node_kind::object);
  }
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  paddler::check(paddler::as_text(data, size));
  return 0;
}
