#include "cli/address.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

TEST(parse_listen_address, takes_ip_addresses_and_localhost) {
  EXPECT_EQ(to_string(parse_listen_address("127.0.0.1:8061").value()), "127.0.0.1:8061");
  EXPECT_EQ(to_string(parse_listen_address("localhost:0").value()), "localhost:0");
  EXPECT_EQ(to_string(parse_listen_address("[::1]:8061").value()), "[::1]:8061");
  EXPECT_EQ(to_string(parse_listen_address("0.0.0.0:80").value()), "0.0.0.0:80");
}

TEST(parse_listen_address, refuses_what_is_not_one) {
  for (auto const* const text :
       {"", "8061", "127.0.0.1", ":8061", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80a", "::1:8061",
        "[::1", "[::1]", "[::1]x:1", "example.org:80", "256.0.0.1:80", "1.2.3.4:5:6"}) {
    auto const address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_THAT(address.error().message, testing::HasSubstr('"' + std::string(text) + '"'));
    EXPECT_FALSE(address.error().hint.empty());
  }
}

TEST(parse_server_address, takes_what_people_paste) {
  for (auto const* const text : {"127.0.0.1:8061", "http://127.0.0.1:8061", "HTTP://127.0.0.1:8061/",
                                 "http://127.0.0.1:8061/v1", "127.0.0.1", "http://127.0.0.1"}) {
    EXPECT_EQ(to_string(parse_server_address(text, 8061).value()), "127.0.0.1:8061") << text;
  }
  EXPECT_EQ(to_string(parse_server_address("[::1]", 8060).value()), "[::1]:8060");
  EXPECT_EQ(to_string(parse_server_address("gpu-1.lan:80", 8060).value()), "gpu-1.lan:80");
}

TEST(parse_server_address, refuses_what_is_not_one) {
  for (auto const* const text :
       {"", "http://", ":8060", "https://127.0.0.1:8060", "ftp://x", "a b", "x:0", "x:70000", "user@host:1", "::1"}) {
    auto const address = parse_server_address(text, 8060);
    ASSERT_FALSE(address) << text;
    EXPECT_FALSE(address.error().hint.empty());
  }
}

} // namespace
} // namespace paddler
