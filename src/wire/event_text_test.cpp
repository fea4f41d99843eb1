#include "wire/event_text.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

TEST(EventText, AStreamEndsWithTheEventOfItsDialect) {
  struct row {
    char const* event;
    bool openai, responses, anthropic;
  };

  for (auto const& [event, openai, responses, anthropic] : {
           row{"data: [DONE]\n\n", true, false, false},
           row{"data: {\"error\":{\"code\":500}}\n\n", true, true, true},
           row{"event: error\ndata: {}\n\n", false, true, true},
           row{"event: message_stop\ndata: {}\n\n", false, false, true},
           row{"event: response.completed\ndata: {}\n\n", false, true, false},
           row{"event: response.incomplete\ndata: {}\n\n", false, true, false},
           row{"event: response.failed\ndata: {}\n\n", false, true, false},
           row{"event: response.output_text.delta\ndata: {\"delta\":\"data: [DONE]\"}\n\n", false, false, false},
           row{"data: {\"choices\":[{\"delta\":{\"content\":\"[DONE]\"}}]}\n\n", false, false, false},
           row{"", false, false, false},
       }) {
    EXPECT_EQ(ends_stream(event, api_dialect::openai), openai) << event;
    EXPECT_EQ(ends_stream(event, api_dialect::responses), responses) << event;
    EXPECT_EQ(ends_stream(event, api_dialect::anthropic), anthropic) << event;
  }
}

} // namespace
} // namespace paddler
