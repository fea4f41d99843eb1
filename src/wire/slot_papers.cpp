#include "wire/slot_papers.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace paddler {
namespace {

constexpr std::size_t identity_digits = 16;
constexpr int identity_base = 16;

struct api_word {
  std::string_view word;
  bool resumable_apis::* says;
};

constexpr std::array api_words{api_word{"chat", &resumable_apis::chat},
                               api_word{"completions", &resumable_apis::completions}};

std::string_view trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

} // namespace

std::string print_resumable(resumable_apis apis) {
  std::string out;
  for (auto const& [word, says] : api_words) {
    if (!(apis.*says)) continue;
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

resumable_apis read_resumable_apis(std::string_view words) {
  resumable_apis out;
  while (!words.empty()) {
    auto const end = words.find(',');
    for (auto const& [word, says] : api_words)
      if (trimmed(words.substr(0, end)) == word) out.*says = true;
    words.remove_prefix(end == words.npos ? words.size() : end + 1);
  }
  return out;
}

std::string print_identity(std::uint64_t identity) {
  std::string out(identity_digits, '0');
  std::array<char, identity_digits> digits{};
  auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), identity, identity_base).ptr;
  auto const count = static_cast<std::size_t>(end - digits.data());
  out.replace(identity_digits - count, count, digits.data(), count);
  return out;
}

std::uint64_t read_identity(std::string_view digits) {
  if (digits.size() != identity_digits) return 0;
  std::uint64_t out = 0;
  auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), out, identity_base);
  return failure == std::errc() && end == digits.data() + digits.size() ? out : 0;
}

} // namespace paddler
