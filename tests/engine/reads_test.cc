// What a member answers to the reads of others.
#include "transfer/reads.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "support/engine_net.h"
#include "transfer/limits.h"
#include "transfer/messages.h"
#include "wire/stream_framer.h"

namespace cohort::engine {
namespace {

using testing_support::EngineNet;
using transfer::ReadCode;

class AnsweredReadsTest : public ::testing::Test, private testing_support::NetObserver {
 protected:
  AnsweredReadsTest() {
    net_.SetObserver(this);
    for (const char* name : {"a", "b"}) net_.Add(net_.Options(name));
    EXPECT_TRUE(net_.RunUntil([&] { return net_.AllIn({0, 1}); }));
    net_.Put(0, "main", "large", std::string(transfer::kReadValueBytesMax, 'x'));
    EXPECT_TRUE(net_.RunUntil(
        [&] { return net_.Get(1, "main", "large").size() == transfer::kReadValueBytesMax; }));
  }
  // What a says to a READ that comes by b's lifeline.
  std::optional<ReadCode> Ask(const std::string& key, Instant now) {
    answer_.reset();
    const Buffer question = wire::EncodeStreamMessage(wire::StreamMessage::kTransfer,
                                                      transfer::EncodeRead(7, {"main", key}));
    Output out;
    net_.engine(0).OnStream(now, {.stream = lifeline_, .from = {}, .bytes = question, .text = {}},
                            out);
    OnLeave(0, out);
    return answer_;
  }
  uint64_t TurnedAway() { return net_.engine(0).stats().at("transfer.reads_turned_away"); }

  EngineNet net_;

 private:
  void OnEnter(size_t) override {}
  void OnLeave(size_t index, const Output& out) override {
    for (const StreamAction& action : out.streams) {
      if (index != 0 || action.kind != StreamAction::Kind::kSend) continue;
      lifeline_ = action.stream;
      const Bytes body = action.data.bytes().subspan(wire::kStreamHeaderBytes);
      const auto header = transfer::DecodeHeader(body);
      if (!header.has_value() || header->type != transfer::MessageType::kReadAnswer) continue;
      if (const auto answer = transfer::DecodeReadAnswer(body)) answer_ = answer->code;
    }
  }

  StreamId lifeline_ = 0;  // Of a, to b.
  std::optional<ReadCode> answer_;
};

TEST_F(AnsweredReadsTest, WhoAsksForEverIsSentToAnotherMemberUntilTheSecondIsOver) {
  Instant now = net_.now();
  size_t bytes = 0;
  while (Ask("large", now) == ReadCode::kFound) {
    bytes += transfer::kReadValueBytesMax;
    now = now + microseconds(10);
    ASSERT_LE(bytes, 2 * transfer::kReadBytesPerSecondMax);
  }
  EXPECT_EQ(Ask("large", now), ReadCode::kNoState);
  EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(transfer::kReadBytesPerSecondMax),
              2.0 * transfer::kReadValueBytesMax);
  EXPECT_EQ(TurnedAway(), 2u);
  EXPECT_EQ(Ask("large", now + seconds(1)), ReadCode::kFound);
}

TEST_F(AnsweredReadsTest, WhatIsNotThereIsAnsweredToo) {
  EXPECT_EQ(Ask("none", net_.now()), ReadCode::kNoKey);
  EXPECT_EQ(TurnedAway(), 0u);
}

}  // namespace
}  // namespace cohort::engine
