#include "wire/stream_framer.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace cohort::wire {
namespace {

using Verdict = StreamFramer::Verdict;

std::string Message(StreamMessage type, std::string_view body) {
  return std::string(EncodeStreamMessage(type, AsBytes(body)).text());
}

TEST(StreamFramer, FindsTheMessagesOfOnePiece) {
  StreamFramer framer;
  std::vector<StreamRecord> records;
  const std::string stream = Message(StreamMessage::kHello, "hi") +
                             Message(StreamMessage::kBye, "") + Message(StreamMessage::kJoin, "me");
  EXPECT_EQ(framer.Feed(AsBytes(stream), records), Verdict::kOk);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].type, StreamMessage::kHello);
  EXPECT_EQ(records[0].body.text(), "hi");
  EXPECT_EQ(records[1].type, StreamMessage::kBye);
  EXPECT_EQ(records[1].body.text(), "");
  EXPECT_EQ(records[2].body.text(), "me");
  EXPECT_EQ(framer.buffered(), 0u);
}

TEST(StreamFramer, AnEmptyMessageComesAtOnceAndNotWithTheNextBytes) {
  StreamFramer framer;
  std::vector<StreamRecord> records;
  framer.Feed(AsBytes(Message(StreamMessage::kBye, "")), records);
  EXPECT_EQ(records.size(), 1u);
}

TEST(StreamFramer, FindsTheSameMessagesHoweverTheStreamIsCut) {
  std::string stream;
  for (int i = 0; i < 40; ++i) {
    stream += Message(StreamMessage::kTransfer, std::string(static_cast<size_t>(i * i), 'a'));
  }
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    StreamFramer framer;
    std::vector<StreamRecord> records;
    Bytes left = AsBytes(stream);
    while (!left.empty()) {
      const size_t piece = std::min<size_t>(left.size(), random.Between(1, seed * 10));
      ASSERT_EQ(framer.Feed(left.first(piece), records), Verdict::kOk);
      left = left.subspan(piece);
    }
    ASSERT_EQ(records.size(), 40u);
    for (size_t i = 0; i < 40; ++i) EXPECT_EQ(records[i].body.size(), i * i);
  }
}

TEST(StreamFramer, AHugeLengthReservesNothing) {
  StreamFramer framer;
  std::vector<StreamRecord> records;
  std::string start = Message(StreamMessage::kTransfer, "");
  const auto length = static_cast<uint32_t>(kStreamMessageMax);
  for (size_t i = 0; i < 4; ++i) start[i] = static_cast<char>(length >> (8 * i));
  EXPECT_EQ(framer.Feed(AsBytes(start + std::string(100, 'x')), records), Verdict::kOk);
  EXPECT_EQ(framer.buffered(), 105u);
  EXPECT_LE(framer.reserved(), 200u);
}

TEST(StreamFramer, ALengthAboveTheLimitBreaksTheStreamForGood) {
  StreamFramer framer(10);
  std::vector<StreamRecord> records;
  EXPECT_EQ(framer.Feed(AsBytes(Message(StreamMessage::kJoin, "123456789")), records),
            Verdict::kOk);
  EXPECT_EQ(framer.Feed(AsBytes(Message(StreamMessage::kJoin, "1234567890")), records),
            Verdict::kTooLong);
  EXPECT_EQ(framer.Feed(AsBytes(Message(StreamMessage::kJoin, "1")), records), Verdict::kTooLong);
  EXPECT_EQ(records.size(), 1u);
}

TEST(StreamFramer, TheDefaultLimitIsThatOfTheWire) {
  StreamFramer framer;
  std::vector<StreamRecord> records;
  std::string start = Message(StreamMessage::kTransfer, "");
  const auto length = static_cast<uint32_t>(kStreamMessageMax + 1);
  for (size_t i = 0; i < 4; ++i) start[i] = static_cast<char>(length >> (8 * i));
  EXPECT_EQ(framer.Feed(AsBytes(start), records), Verdict::kTooLong);
}

TEST(StreamFramer, AnUnknownTypeAndALengthOfZeroBreakTheStream) {
  std::vector<StreamRecord> records;
  for (const char type : {'\0', '\x09', '\xFF'}) {
    StreamFramer framer;
    std::string message = Message(StreamMessage::kBye, "x");
    message[4] = type;
    EXPECT_EQ(framer.Feed(AsBytes(message), records), Verdict::kUnknownType);
  }
  StreamFramer framer;
  EXPECT_EQ(framer.Feed(AsBytes(std::string(5, '\0')), records), Verdict::kEmptyMessage);
  EXPECT_TRUE(records.empty());
}

TEST(StreamFramer, DoesNotWriteABodyAboveTheLimit) {
  const Buffer body = Buffer::Allocate(kStreamMessageMax);
  EXPECT_TRUE(EncodeStreamMessage(StreamMessage::kTransfer, body).empty());
}

}  // namespace
}  // namespace cohort::wire
