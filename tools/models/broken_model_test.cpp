#include "models/broken_model.hpp"
#include "models/loaded_model.hpp"
#include "models/test_files.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

class broken_model : public testing::TestWithParam<broken_kind> {};

// llama.cpp loads this one; its template is what cannot be used.
bool loads(broken_kind const& kind) { return kind.name == "bad-template"; }

bool aborts(broken_kind const& kind) { return kind.name == "duplicate-token"; }

TEST_P(broken_model, is_refused_by_llama_cpp) {
  test_files files;
  auto const path = files.path("model.gguf");
  ASSERT_TRUE(write_broken_model(GetParam().name, path));
  if (aborts(GetParam())) {
    EXPECT_DEATH((void)loaded_model::load(path), "GGML_ASSERT");
  } else {
    EXPECT_EQ(loaded_model::load(path).has_value(), loads(GetParam()));
  }
}

std::string name_of(testing::TestParamInfo<broken_kind> const& info) {
  std::string name(info.param.name);
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(kinds, broken_model, testing::ValuesIn(broken_kinds().begin(), broken_kinds().end()), name_of);

TEST(broken_model_kind, is_named_when_it_is_not_known) {
  auto const written = write_broken_model("rotten", "never-written.gguf");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("rotten"));
  EXPECT_THAT(written.error().hint, HasSubstr("truncated"));
}

} // namespace
} // namespace paddler
