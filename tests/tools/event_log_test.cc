#include "event_log.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

using ::testing::EndsWith;

std::string Told(EventKind kind, int64_t number, const std::string& text) {
  EventLog log(EventFormat::kNone);
  Event event;
  event.kind = kind;
  event.subject_name = "b";
  event.number = number;
  event.text = text;
  log.Add(event);
  return log.Recent(1).front();
}

TEST(EventLogTest, ANumberIsToldWithItsUnit) {
  EXPECT_THAT(Told(EventKind::kTransferDone, 4096, "from a"),
              EndsWith(" transfer_done b 4096 bytes: from a"));
}

TEST(EventLogTest, ANumberThatTheTextHasIsNotToldTwice) {
  EXPECT_THAT(Told(EventKind::kSynced, 12, "holds the whole state: 12 entries in 1 maps"),
              EndsWith(" synced b: holds the whole state: 12 entries in 1 maps"));
  EXPECT_THAT(Told(EventKind::kDropped, 3, "3 packets, the last from 10.0.0.1:7600"),
              EndsWith(" dropped b: 3 packets, the last from 10.0.0.1:7600"));
  EXPECT_THAT(Told(EventKind::kDropped, 3, "the last from 10.0.0.13:3600"),
              EndsWith(" dropped b 3 packets: the last from 10.0.0.13:3600"));
}

}  // namespace
}  // namespace cohort::tools
