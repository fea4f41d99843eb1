#include "wire/slot_papers.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

TEST(SlotPapers, SayWhichStreamsCanBeContinued) {
  for (resumable_apis const apis :
       {resumable_apis{}, resumable_apis{true, false}, resumable_apis{false, true}, resumable_apis{true, true}})
    EXPECT_EQ(read_resumable_apis(print_resumable(apis)), apis);
  EXPECT_EQ(print_resumable({true, true}), "chat, completions");
  EXPECT_EQ(print_resumable({}), "");
}

TEST(SlotPapers, WhatIsNotKnownIsPassedOver) {
  EXPECT_EQ(read_resumable_apis("responses,completions ,\tchat"), (resumable_apis{true, true}));
  EXPECT_EQ(read_resumable_apis("completions,,"), (resumable_apis{false, true}));
  for (auto const* words : {"", ",", " ", "Chat", "chat completions", "chats"})
    EXPECT_EQ(read_resumable_apis(words), resumable_apis{}) << words;
}

TEST(SlotPapers, AnIdentityIsSixteenDigits) {
  EXPECT_EQ(print_identity(0xab), "00000000000000ab");
  for (std::uint64_t const identity : {1ULL, 0x0123456789abcdefULL, 0xffffffffffffffffULL})
    EXPECT_EQ(read_identity(print_identity(identity)), identity);
  for (auto const* digits :
       {"", "ab", "00000000000000abc", "-0000000000000ab", "00000000000000xy", "0x000000000000ab", "               1"})
    EXPECT_EQ(read_identity(digits), 0U) << digits;
}

} // namespace
} // namespace paddler
