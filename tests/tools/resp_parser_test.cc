#include "resp_parser.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Verdict = RespParser::Verdict;

std::vector<std::string> Copy(const RespParser& parser) {
  return {parser.arguments().begin(), parser.arguments().end()};
}

TEST(RespParserTest, ARequestOfBulksIsCutIntoItsArguments) {
  RespParser parser;
  const std::string data = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n*1\r\n$4\r\nPING\r\n";
  ASSERT_EQ(parser.Parse(data), Verdict::kRequest);
  EXPECT_THAT(Copy(parser), ElementsAre("SET", "k", "a\r\nb"));
  const size_t first = parser.consumed();
  ASSERT_EQ(parser.Parse(std::string_view(data).substr(first)), Verdict::kRequest);
  EXPECT_THAT(Copy(parser), ElementsAre("PING"));
  EXPECT_EQ(first + parser.consumed(), data.size());
}

TEST(RespParserTest, ARequestMayArriveByteByByte) {
  const std::string data = "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n";
  RespParser parser;
  for (size_t size = 1; size < data.size(); ++size) {
    ASSERT_EQ(parser.Parse(std::string_view(data).substr(0, size)), Verdict::kNeedMore) << size;
  }
  ASSERT_EQ(parser.Parse(data), Verdict::kRequest);
  EXPECT_THAT(Copy(parser), ElementsAre("ECHO", "hello"));
}

TEST(RespParserTest, InlineRequestsMayHaveQuotesAndEscapes) {
  RespParser parser;
  ASSERT_EQ(parser.Parse("set  'a b'\t\"c\\x41\\n\\\"\"  \r\n"), Verdict::kRequest);
  EXPECT_THAT(Copy(parser), ElementsAre("set", "a b", "cA\n\""));
  ASSERT_EQ(parser.Parse("\r\n"), Verdict::kRequest);
  EXPECT_THAT(Copy(parser), IsEmpty());
  ASSERT_EQ(parser.Parse("ping\n"), Verdict::kRequest);
  EXPECT_EQ(parser.consumed(), 5u);
}

TEST(RespParserTest, UnbalancedQuotesEndTheConnection) {
  RespParser parser;
  ASSERT_EQ(parser.Parse("get \"a\r\n"), Verdict::kError);
  EXPECT_EQ(parser.error(), "Protocol error: unbalanced quotes in request");
}

TEST(RespParserTest, AnAnnouncedGibibyteIsRefusedBeforeItArrives) {
  RespParser parser;
  ASSERT_EQ(parser.Parse("*2\r\n$3\r\nGET\r\n$1073741824\r\n"), Verdict::kError);
  EXPECT_THAT(parser.error(), HasSubstr("at most 64 MiB"));
}

TEST(RespParserTest, ABillionArgumentsAreRefusedBeforeTheyArrive) {
  RespParser parser;
  ASSERT_EQ(parser.Parse("*1000000000\r\n"), Verdict::kError);
  EXPECT_THAT(parser.error(), HasSubstr("invalid multibulk length"));
}

TEST(RespParserTest, ARequestOfManyBigArgumentsIsRefusedAtItsTotal) {
  std::string data = "*20\r\n";
  const std::string argument = "$8388608\r\n" + std::string(8 << 20, 'x') + "\r\n";
  RespParser parser;
  Verdict verdict = Verdict::kNeedMore;
  for (int i = 0; i < 20 && verdict == Verdict::kNeedMore; ++i)
    verdict = parser.Parse(data += argument);
  EXPECT_EQ(verdict, Verdict::kError);
  EXPECT_THAT(parser.error(), HasSubstr("65 MiB"));
}

TEST(RespParserTest, AnEmptyOrNegativeCountIsARequestOfNothing) {
  RespParser parser;
  for (const char* data : {"*0\r\n", "*-1\r\n"}) {
    ASSERT_EQ(parser.Parse(data), Verdict::kRequest);
    EXPECT_THAT(Copy(parser), IsEmpty());
    EXPECT_EQ(parser.consumed(), std::string_view(data).size());
  }
}

TEST(RespParserTest, WhatBreaksTheGrammarIsAnError) {
  for (const std::string data :
       {"*x\r\n", "*\r\n", "*1\r\n:1\r\n", "*1\r\n$-1\r\n", "*1\r\n$1\r\nab\r\n",
        "*1\n$4\r\nPING\r\n", "*99999999999999999999999999999999999999999"}) {
    RespParser parser;
    EXPECT_EQ(parser.Parse(data), Verdict::kError) << data;
    EXPECT_THAT(parser.error(), HasSubstr("Protocol error"));
  }
}

TEST(RespParserTest, AnEndlessInlineRequestIsRefused) {
  RespParser parser;
  EXPECT_EQ(parser.Parse(std::string(kRespInlineMax, 'a')), Verdict::kNeedMore);
  EXPECT_EQ(parser.Parse(std::string(kRespInlineMax + 1, 'a')), Verdict::kError);
}

TEST(RespParserTest, BinaryArgumentsAreKeptAsTheyAre) {
  RespParser parser;
  const std::string data("*1\r\n$4\r\n\0\xff\r\n\r\n", 14);
  ASSERT_EQ(parser.Parse(data), Verdict::kRequest);
  EXPECT_EQ(parser.arguments()[0], std::string_view("\0\xff\r\n", 4));
}

}  // namespace
}  // namespace cohort::tools
