#include "core/engine/gguf.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <limits>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace paddler {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are read as they lie in memory");

constexpr std::string_view magic = "GGUF";
constexpr std::uint64_t smallest_entry_bytes = 14;  // key length, a letter, type, a byte
constexpr std::uint64_t smallest_tensor_bytes = 25; // name length, a letter, no dimensions, type, offset
constexpr std::uint64_t max_key_bytes = 65'535;
constexpr std::uint64_t max_tensor_name_bytes = 63; // GGML_MAX_NAME, less its zero
constexpr std::uint32_t max_dimensions = 4;         // GGML_MAX_DIMS
constexpr std::uint32_t default_alignment = 32;
constexpr std::size_t max_shown_text_bytes = 200;

enum class value_type : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

std::uint64_t size_of(value_type type) {
  constexpr std::array<std::uint64_t, 13> sizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}

struct tensor_type {
  std::uint32_t number;
  std::uint64_t block; // elements that are packed together
  std::uint64_t bytes; // of one block
};

// ggml_blck_size() and ggml_type_size() of each ggml_type. A newer engine may know more; tensors of other types are
// checked for where they begin only.
constexpr std::array tensor_types = std::to_array<tensor_type>({
    {0, 1, 4},      {1, 1, 2},     {2, 32, 18},    {3, 32, 20},    {6, 32, 22},    {7, 32, 24},    {8, 32, 34},
    {9, 32, 36},    {10, 256, 84}, {11, 256, 110}, {12, 256, 144}, {13, 256, 176}, {14, 256, 210}, {15, 256, 292},
    {16, 256, 66},  {17, 256, 74}, {18, 256, 98},  {19, 256, 50},  {20, 32, 18},   {21, 256, 110}, {22, 256, 82},
    {23, 256, 136}, {24, 1, 1},    {25, 1, 2},     {26, 1, 4},     {27, 1, 8},     {28, 1, 8},     {29, 256, 56},
    {30, 1, 2},     {34, 256, 54}, {35, 256, 66},  {39, 32, 17},   {40, 64, 36},   {41, 128, 18},  {42, 64, 18},
});

std::optional<std::uint64_t> product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

std::string number(std::uint64_t value) { return std::to_string(value); }

// What stops the parser; thrown within this file only, so that sixty reads need no sixty checks.
struct stopped {
  gguf_parse_result why;
};

[[noreturn]] void refuse(std::string message, std::string hint) {
  throw stopped{error{error_code::invalid_input, std::move(message), std::move(hint), {}}};
}

[[noreturn]] void refuse_damaged(std::string message) {
  refuse(std::move(message), "the file is damaged or was not written by a GGUF tool; download or convert it again");
}

// Reads the window from front to back and never beyond it.
class reader {
public:
  reader(std::span<std::byte const> window, std::uint64_t file_bytes) : window_(window), file_bytes_(file_bytes) {}

  [[nodiscard]] std::uint64_t position() const { return position_; }

  [[nodiscard]] std::uint64_t left_in_file() const { return file_bytes_ - position_; }

  std::string_view bytes(std::uint64_t count) {
    if (count > left_in_file())
      refuse("is cut short: its header goes on after the end of the file (" + number(file_bytes_) + " bytes)",
             "download it again");
    if (count > window_.size() - position_) throw stopped{gguf_needs_more{position_ + count}};
    auto const* begin = reinterpret_cast<char const*>(window_.data() + position_);
    position_ += count;
    return {begin, count};
  }

  template <class T>
    requires std::is_arithmetic_v<T>
  T scalar() {
    T out{};
    auto const raw = bytes(sizeof(T));
    std::copy_n(raw.begin(), raw.size(), reinterpret_cast<char*>(&out));
    return out;
  }

  std::string_view text(std::uint64_t limit, std::string_view what) {
    auto const length = scalar<std::uint64_t>();
    if (length > limit) refuse_damaged("declares a " + std::string(what) + " of " + number(length) + " bytes");
    return bytes(length);
  }

private:
  std::span<std::byte const> window_;
  std::uint64_t file_bytes_;
  std::uint64_t position_ = 0;
};

// --- metadata ---

value_type read_type(reader& in, std::string_view key) {
  auto const raw = in.scalar<std::uint32_t>();
  if (raw > static_cast<std::uint32_t>(value_type::f64))
    refuse_damaged("has a value of unknown type " + number(raw) + " in '" + std::string(key) + "'");
  return static_cast<value_type>(raw);
}

// A value as far as anybody here asks for it.
struct value {
  value_type type = value_type::u8;
  std::optional<std::uint64_t> integer; // of an array: the largest
  std::string_view text;
};

template <std::integral T> std::optional<std::uint64_t> read_integer(reader& in) {
  auto const raw = in.scalar<T>();
  if (std::cmp_less(raw, 0)) return std::nullopt;
  return static_cast<std::uint64_t>(raw);
}

std::optional<std::uint64_t> read_number(reader& in, value_type type) {
  switch (type) {
  case value_type::u8:
  case value_type::boolean: return read_integer<std::uint8_t>(in);
  case value_type::i8: return read_integer<std::int8_t>(in);
  case value_type::u16: return read_integer<std::uint16_t>(in);
  case value_type::i16: return read_integer<std::int16_t>(in);
  case value_type::u32: return read_integer<std::uint32_t>(in);
  case value_type::i32: return read_integer<std::int32_t>(in);
  case value_type::u64: return read_integer<std::uint64_t>(in);
  case value_type::i64: return read_integer<std::int64_t>(in);
  default: in.bytes(size_of(type)); return std::nullopt;
  }
}

constexpr std::uint64_t max_inspected_array = 4096; // more than any model has layers

value read_array(reader& in, std::string_view key) {
  value out{value_type::array, {}, {}};
  auto const type = read_type(in, key);
  auto const count = in.scalar<std::uint64_t>();
  if (type == value_type::array) refuse_damaged("nests arrays in '" + std::string(key) + "'");
  std::uint64_t const smallest = type == value_type::string ? sizeof(std::uint64_t) : size_of(type);
  if (auto const total = product(count, smallest); !total || *total > in.left_in_file())
    refuse_damaged("declares " + number(count) + " elements in '" + std::string(key) +
                   "', more than the file can hold");
  if (type == value_type::string) {
    for (std::uint64_t i = 0; i < count; ++i) in.text(max_gguf_header_bytes, "text in '" + std::string(key) + "'");
  } else if (count > max_inspected_array) {
    in.bytes(count * smallest);
  } else {
    for (std::uint64_t i = 0; i < count; ++i) out.integer = std::max(out.integer, read_number(in, type));
  }
  return out;
}

value read_value(reader& in, std::string_view key) {
  auto const type = read_type(in, key);
  if (type == value_type::array) return read_array(in, key);
  if (type == value_type::string)
    return {type, {}, in.text(max_gguf_header_bytes, "text in '" + std::string(key) + "'")};
  return {type, read_number(in, type), {}};
}

struct metadata {
  gguf_info info;
  std::uint32_t alignment = default_alignment;
  std::optional<std::uint64_t> pooling;
};

void take_alignment(metadata& out, value const& v) {
  if (v.type != value_type::u32 || !v.integer || *v.integer == 0 || (*v.integer & (*v.integer - 1)) != 0 ||
      *v.integer > max_gguf_alignment)
    refuse_damaged("declares an alignment that is no power of two up to " + number(max_gguf_alignment));
  out.alignment = static_cast<std::uint32_t>(*v.integer);
}

std::string shown(std::string_view text) { return std::string(text.substr(0, max_shown_text_bytes)); }

struct known_number {
  std::string_view suffix; // after the architecture's name
  std::uint64_t gguf_info::* member;
};

constexpr std::array known_numbers = std::to_array<known_number>({
    {".context_length", &gguf_info::context_length},
    {".embedding_length", &gguf_info::embedding_length},
    {".block_count", &gguf_info::block_count},
    {".attention.head_count", &gguf_info::head_count},
    {".attention.head_count_kv", &gguf_info::head_count_kv},
    {".attention.key_length", &gguf_info::key_length},
    {".attention.value_length", &gguf_info::value_length},
});

// The architecture is the first key in practice; other keys begin with its name, whatever it is.
void take(metadata& out, std::string_view key, value const& v) {
  if (key == "general.architecture") out.info.architecture = shown(v.text);
  if (key == "general.type") out.info.type = shown(v.text);
  if (key == "general.name") out.info.name = shown(v.text);
  if (key == "general.alignment") take_alignment(out, v);
  if (key == "split.count") out.info.split_count = v.integer.value_or(0);
  if (key == "tokenizer.chat_template") out.info.has_chat_template = !v.text.empty();
  if (key.ends_with(".pooling_type")) out.pooling = v.integer;
  if (key.ends_with(".attention.causal")) out.info.causal = v.integer.value_or(1) != 0;
  auto const name = key.substr(std::min(key.find('.'), key.size()));
  auto const known = std::ranges::find(known_numbers, name, &known_number::suffix);
  if (known != known_numbers.end() && v.integer) out.info.*known->member = *v.integer;
}

std::optional<embedding_pooling> to_pooling(std::optional<std::uint64_t> raw) {
  using enum embedding_pooling;
  constexpr std::array kinds = {none, mean, cls, last, rank};
  if (!raw || *raw >= kinds.size()) return std::nullopt;
  return kinds[*raw];
}

void fill_in(metadata& m) {
  auto& info = m.info;
  if (info.type.empty()) info.type = "model";
  if (info.head_count_kv == 0) info.head_count_kv = info.head_count;
  std::uint64_t const head = info.head_count == 0 ? 0 : info.embedding_length / info.head_count;
  if (info.key_length == 0) info.key_length = head;
  if (info.value_length == 0) info.value_length = head;
  info.pooling = to_pooling(m.pooling);
}

metadata read_metadata(reader& in, std::uint64_t count) {
  metadata out;
  std::set<std::string_view> seen;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto const key = in.text(max_key_bytes, "key");
    if (key.empty()) refuse_damaged("has a key without a name");
    if (!seen.insert(key).second) refuse_damaged("names '" + shown(key) + "' twice");
    take(out, key, read_value(in, key));
  }
  fill_in(out);
  return out;
}

// --- tensors ---

struct tensor {
  std::string_view name;
  std::uint64_t elements = 1;
  std::uint64_t row = 1; // elements of the first dimension
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
};

tensor read_tensor(reader& in) {
  tensor out;
  out.name = in.text(max_tensor_name_bytes, "tensor name");
  std::string const who = "tensor '" + std::string(out.name) + "'";
  auto const dimensions = in.scalar<std::uint32_t>();
  if (dimensions > max_dimensions) refuse_damaged("gives " + who + " " + number(dimensions) + " dimensions");
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    auto const extent = in.scalar<std::uint64_t>();
    auto const elements = product(out.elements, extent);
    if (!elements || *elements > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      refuse_damaged("gives " + who + " more elements than can be counted");
    out.elements = *elements;
    if (i == 0) out.row = extent;
  }
  out.type = in.scalar<std::uint32_t>();
  out.offset = in.scalar<std::uint64_t>();
  return out;
}

// Nothing for types that are not known here.
std::optional<std::uint64_t> bytes_of(tensor const& t) {
  auto const known = std::ranges::find(tensor_types, t.type, &tensor_type::number);
  if (known == tensor_types.end()) return std::nullopt;
  if (t.row % known->block != 0)
    refuse_damaged("packs tensor '" + std::string(t.name) + "' in blocks that its rows do not fill");
  auto const bytes = product(t.elements / known->block, known->bytes);
  if (!bytes) refuse_damaged("gives tensor '" + std::string(t.name) + "' more bytes than can be counted");
  return bytes;
}

std::vector<tensor> read_tensors(reader& in, std::uint64_t count, std::uint32_t alignment) {
  std::vector<tensor> out;
  std::set<std::string_view> seen;
  for (std::uint64_t i = 0; i < count; ++i) {
    out.push_back(read_tensor(in));
    if (!seen.insert(out.back().name).second)
      refuse_damaged("names tensor '" + std::string(out.back().name) + "' twice");
    if (out.back().offset % alignment != 0)
      refuse_damaged("places tensor '" + std::string(out.back().name) + "' off its alignment");
  }
  return out;
}

// Where the tensors lie, against where the file ends.
void check_placement(metadata& m, std::vector<tensor> const& tensors, std::uint64_t header_end,
                     std::uint64_t file_bytes) {
  std::uint64_t const data = (header_end + m.alignment - 1) / m.alignment * m.alignment;
  std::uint64_t const room = file_bytes < data ? 0 : file_bytes - data;
  for (auto const& t : tensors) {
    auto const known = bytes_of(t);
    auto const bytes = known.value_or(0);
    if (t.offset > room || bytes > room - t.offset)
      refuse("is cut short: tensor '" + std::string(t.name) + "' ends after the end of the file (" +
                 number(file_bytes) + " bytes)",
             "download it again");
    m.info.tensor_bytes += bytes;
    if (known) m.info.parameter_count += t.elements; // bounded by the file; so the sum is
  }
}

// --- the file ---

void check_version(std::uint32_t version) {
  if (version == 2 || version == 3) return;
  if ((version & 0xFFFFU) == 0) refuse("is a big-endian GGUF file", "convert it for little-endian machines");
  if (version == 1) refuse("is a GGUF file of version 1, which engines no longer read", "convert it again");
  refuse("is a GGUF file of version " + number(version) + ", and versions 2 and 3 are known",
         "use a newer paddler, or convert it again");
}

void check_count(reader const& in, std::uint64_t count, std::uint64_t smallest, std::string_view what) {
  if (count > in.left_in_file() / smallest)
    refuse_damaged("declares " + number(count) + " " + std::string(what) + ", more than the file can hold");
}

void check_kind(gguf_info const& info) {
  if (info.architecture.empty()) refuse_damaged("does not name an architecture");
  if (info.architecture == "clip" || info.type == "mmproj")
    refuse("is a multimodal projector, which is used beside a model", "name the model's own file");
  if (info.type == "adapter") refuse("is a LoRA adapter, which is used beside a model", "name the model's own file");
  if (info.type == "imatrix") refuse("is an importance matrix, not a model", "name the model's own file");
  if (info.tensor_count == 0) refuse("holds no tensors, only metadata", "name the model's own file");
}

gguf_info read_file(reader& in, std::uint64_t file_bytes) {
  if (file_bytes == 0) refuse("is empty", "download or copy it again");
  auto const start = in.bytes(std::min<std::uint64_t>(magic.size(), file_bytes));
  if (start != magic) refuse("is not a GGUF file: it does not begin with GGUF", "name a model in GGUF format");
  auto const version = in.scalar<std::uint32_t>();
  check_version(version);
  auto const tensor_count = in.scalar<std::uint64_t>();
  auto const entry_count = in.scalar<std::uint64_t>();
  check_count(in, tensor_count, smallest_tensor_bytes, "tensors");
  check_count(in, entry_count, smallest_entry_bytes, "metadata entries");
  auto m = read_metadata(in, entry_count);
  m.info.version = version;
  m.info.tensor_count = tensor_count;
  check_kind(m.info);
  auto const tensors = read_tensors(in, tensor_count, m.alignment);
  check_placement(m, tensors, in.position(), file_bytes);
  return m.info;
}

} // namespace

gguf_parse_result parse_gguf(std::span<std::byte const> window, std::uint64_t file_bytes) {
  try {
    reader in(window, file_bytes);
    return read_file(in, file_bytes);
  } catch (stopped& stop) {
    return std::move(stop.why);
  }
}

bool is_embedding_model(gguf_info const& info) {
  constexpr std::array<std::string_view, 11> encoders = {
      "bert",        "nomic-bert", "nomic-bert-moe",  "neo-bert",  "jina-bert-v2", "jina-bert-v3",
      "modern-bert", "eurobert",   "gemma-embedding", "t5encoder", "llama-embed"};
  if (std::ranges::find(encoders, info.architecture) != encoders.end() || !info.causal) return true;
  return info.pooling.has_value() && *info.pooling != embedding_pooling::none;
}

engine_spec fit_to_model(engine_spec spec, gguf_info const& info) {
  spec.embedding = spec.embedding || is_embedding_model(info);
  bool const pools = info.pooling.has_value() && *info.pooling != embedding_pooling::none;
  if (spec.embedding && !spec.pooling && !pools)
    spec.pooling = is_embedding_model(info) ? embedding_pooling::mean : embedding_pooling::last;
  if (info.context_length > 0 && std::cmp_greater(spec.context_per_slot, info.context_length))
    spec.context_per_slot = static_cast<int>(info.context_length);
  return spec;
}

std::uint64_t kv_cache_bytes(gguf_info const& info, std::uint64_t context_tokens) {
  constexpr std::uint64_t element_bytes = 2;
  std::uint64_t total = element_bytes;
  for (auto factor : {info.key_length + info.value_length, info.head_count_kv, info.block_count, context_tokens}) {
    auto const next = product(total, factor);
    if (!next) return std::numeric_limits<std::uint64_t>::max();
    total = *next;
  }
  return total;
}

} // namespace paddler
