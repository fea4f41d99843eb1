#include "runtime/sha256.hpp"

#include <openssl/evp.h>

#include <stdexcept>
#include <string_view>

namespace paddler {
namespace {

void check(int success) {
  if (success != 1) throw std::runtime_error("OpenSSL could not compute a SHA-256");
}

} // namespace

void sha256::context_deleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

sha256::sha256() : context_(EVP_MD_CTX_new()) {
  check(context_ ? EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) : 0);
}

void sha256::add(std::span<unsigned char const> bytes) {
  check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

void sha256::add_text(std::string const& text) {
  add_number(text.size());
  check(EVP_DigestUpdate(context_.get(), text.data(), text.size()));
}

void sha256::add_number(std::uint64_t number) {
  std::array<unsigned char, 8> bytes{};
  for (auto& byte : bytes) {
    byte = static_cast<unsigned char>(number);
    number >>= 8U;
  }
  add(bytes);
}

sha256_digest sha256::finish() {
  sha256_digest out{};
  check(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr));
  return out;
}

std::string to_hex(sha256_digest const& digest) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (auto const byte : digest) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

} // namespace paddler
