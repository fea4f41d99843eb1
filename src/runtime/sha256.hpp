// SHA-256.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;

namespace paddler {

using sha256_digest = std::array<unsigned char, 32>;

// OpenSSL's. Its functions fail only where memory or the library itself is broken; that is thrown as runtime_error.
class sha256 {
public:
  sha256();

  void add(std::span<unsigned char const> bytes);

  // With its length in front, so that no two lists of texts give the same bytes.
  void add_text(std::string const& text);
  void add_number(std::uint64_t number); // as eight bytes, the lowest first

  // Call it once.
  sha256_digest finish();

private:
  struct context_deleter {
    void operator()(evp_md_ctx_st* context) const;
  };

  std::unique_ptr<evp_md_ctx_st, context_deleter> context_;
};

// As 64 digits.
std::string to_hex(sha256_digest const& digest);

} // namespace paddler
