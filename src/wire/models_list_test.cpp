#include "wire/models_list.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace paddler {
namespace {

wall_time const created{std::chrono::milliseconds{1'700'000'000'500}};

constexpr std::string_view chat_entry =
    R"({"id":"chat","object":"model","created":1700000000,"owned_by":"paddler","type":"model","display_name":"chat",)"
    R"("created_at":"2023-11-14T22:13:20Z"})";

TEST(ModelsList, ServesBothKindsOfClient) {
  std::vector<std::string> const names{"chat"};
  EXPECT_EQ(models_list_body(names, created), R"({"object":"list","data":[)" + std::string(chat_entry) +
                                                  R"(],"has_more":false,"first_id":"chat","last_id":"chat"})");
  EXPECT_EQ(models_list_body({}, created),
            R"({"object":"list","data":[],"has_more":false,"first_id":null,"last_id":null})");
}

TEST(ModelsList, OneEntryStandsAlone) { EXPECT_EQ(model_body("chat", created), chat_entry); }

} // namespace
} // namespace paddler
