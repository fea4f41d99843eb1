#include "models/broken_model.hpp"

#include "base/text.hpp"
#include "models/architecture.hpp"
#include "models/chat_template.hpp"
#include "models/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace paddler {
namespace {

constexpr std::array<broken_kind, 15> kinds{{
    {"empty", "no bytes at all"},
    {"not-gguf", "a text file"},
    {"magic", "the first four bytes are not GGUF"},
    {"version", "a GGUF version that does not exist"},
    {"truncated-header", "ends within the metadata"},
    {"truncated", "ends within the tensors"},
    {"no-tensors", "metadata and vocabulary, and no tensor"},
    {"missing-tensor", "one tensor is not there"},
    {"wrong-shape", "a tensor is narrower than the metadata says"},
    {"huge-tensor-count", "declares 2^60 tensors"},
    {"huge-metadata-count", "declares 2^60 metadata entries"},
    {"huge-string", "the first key declares 2^60 characters"},
    {"unknown-architecture", "an architecture that nobody has heard of"},
    {"duplicate-token", "two tokens with one text, at which llama.cpp aborts its process"},
    {"bad-template", "a good model whose chat template is not valid Jinja"},
}};

// Offsets in a GGUF file: magic, version, number of tensors, number of metadata entries, length of the first key.
constexpr std::size_t magic_at = 0;
constexpr std::size_t version_at = 4;
constexpr std::size_t tensor_count_at = 8;
constexpr std::size_t metadata_count_at = 16;
constexpr std::size_t first_key_length_at = 24;

model_shape small_shape() {
  model_shape shape;
  shape.dim = shape.feed_forward = 32;
  shape.layers = 1;
  shape.heads = shape.kv_heads = 1;
  shape.context = 512;
  return shape;
}

bool leaves_out(std::string_view kind, tensor_spec const& spec) {
  return kind == "no-tensors" || (kind == "missing-tensor" && spec.name == "output_norm.weight");
}

// A model that is whole but for what its metadata or its tensors say.
result<void> write_small_model(std::string_view kind, std::filesystem::path const& path) {
  auto words = byte_vocabulary();
  add_ascii(words);
  if (kind == "duplicate-token") words.tokens.back().text = words.tokens[words.size() - 2].text;
  auto shape = small_shape();
  shape.vocabulary = words.size();
  model_file file;
  describe_model(file, shape, weight_type::f32, "broken", kind == "bad-template" ? "{% for %}" : chat_template());
  if (kind == "unknown-architecture") file.set("general.architecture", "phlogiston");
  file.set_vocabulary(words);
  for (auto spec : tensors_of(shape)) {
    if (leaves_out(kind, spec)) continue;
    if (kind == "wrong-shape" && spec.name == "output_norm.weight") spec.columns /= 2;
    file.add_tensor(spec, weight_type::f32, std::vector<float>(static_cast<std::size_t>(spec.size()), 0.5F));
  }
  return file.write(path);
}

using bytes = std::vector<char>;

template <class T> void put(bytes& file, std::size_t at, T value) {
  std::memcpy(file.data() + at, &value, sizeof value);
}

void damage(std::string_view kind, bytes& file) {
  constexpr std::uint64_t huge = 1ULL << 60;
  if (kind == "magic") put(file, magic_at, std::array{'F', 'U', 'G', 'G'});
  if (kind == "version") put(file, version_at, std::uint32_t{99});
  if (kind == "truncated-header") file.resize(file.size() / 64);
  if (kind == "truncated") file.resize(file.size() / 2);
  if (kind == "huge-tensor-count") put(file, tensor_count_at, huge);
  if (kind == "huge-metadata-count") put(file, metadata_count_at, huge);
  if (kind == "huge-string") put(file, first_key_length_at, huge);
  if (kind == "empty") file.clear();
  if (kind == "not-gguf") {
    constexpr std::string_view text = "This is not a model.\n";
    file.assign(text.begin(), text.end());
  }
}

} // namespace

std::span<broken_kind const> broken_kinds() { return kinds; }

result<void> write_broken_model(std::string_view kind, std::filesystem::path const& path) {
  if (std::ranges::find(kinds, kind, &broken_kind::name) == kinds.end()) {
    std::vector<std::string_view> names;
    for (auto const& known : kinds) names.push_back(known.name);
    return fail(error_code::invalid_input, "there is no kind of broken model named '" + std::string(kind) + "'",
                "Kinds are " + one_of(names) + ".");
  }
  if (auto const written = write_small_model(kind, path); !written) return written;
  std::ifstream in(path, std::ios::binary);
  bytes file{std::istreambuf_iterator<char>(in), {}};
  damage(kind, file);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  if (!out.flush()) return fail(error_code::storage, "cannot write " + path.string());
  return {};
}

} // namespace paddler
