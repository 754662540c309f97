// Large values by the public interface, with real sockets (Spec 5.20).
#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;

class LargeValueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    members_ = JoinMembers(2, OnLoopback("large", ""));
    ASSERT_EQ(members_.size(), 2u);
    a_ = *members_[0].OpenMap("main");
    b_ = *members_[1].OpenMap("main");
  }
  // Copies of 64 MiB take a sanitizer on a busy machine their time.
  static WriteOptions Patient() { return {.timeout = absl::Seconds(60)}; }

  std::vector<Group> members_;
  std::optional<ReplicatedMap> a_;
  std::optional<ReplicatedMap> b_;
};

TEST_F(LargeValueTest, TheLargestValueIsWrittenReadAndWatched) {
  const std::string value(kValueBytesMax, 'v');
  Watched<size_t> seen;
  const Subscription changes = b_->Subscribe([&](const Change& change) {
    if (change.value.has_value()) seen.Update([&](size_t& size) { size = change.value->size(); });
  });
  const WriteResult written = a_->Put("large", value, Patient());
  ASSERT_TRUE(written.ok()) << written.status;
  const absl::StatusOr<Entry> read = b_->Get("large");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->value, value);
  EXPECT_EQ(read->version, written.version);
  EXPECT_TRUE(seen.WaitFor([](size_t size) { return size == kValueBytesMax; }));
  const absl::StatusOr<Convergence> proof = members_[0].VerifyConvergence(absl::Minutes(1));
  EXPECT_TRUE(proof.ok()) << proof.status();
}

TEST_F(LargeValueTest, OneByteMoreIsRefusedWithWordsThatSayWhatToDo) {
  const WriteResult refused = a_->Put("large", std::string(kValueBytesMax + 1, 'v'));
  EXPECT_EQ(refused.status.code(), kInvalidArgument);
  EXPECT_THAT(std::string(refused.status.message()), ::testing::HasSubstr("split it"));
}

TEST_F(LargeValueTest, ConditionalWritesAndBatchesMayBeLarge) {
  const std::string value(3 << 20, 'v');
  const WriteResult first = a_->PutIfAbsent("large", value, Patient());
  ASSERT_TRUE(first.ok()) << first.status;
  EXPECT_EQ(b_->PutIfAbsent("large", value, Patient()).status.code(), kAborted);
  const WriteResult second = b_->PutIf("large", first.version, value + "2", Patient());
  ASSERT_TRUE(second.ok()) << second.status;
  WriteBatch batch;
  batch.Put("x", value).Put("y", value).Increment("n", 1);
  ASSERT_TRUE(a_->Write(batch, Patient()).ok());
  EXPECT_EQ(b_->Get("y")->value.size(), value.size());
  EXPECT_EQ(b_->Get("n")->value, "1");
  EXPECT_EQ(a_->Append("large", value, Patient()).number,
            static_cast<int64_t>(2 * value.size() + 1));
}

TEST_F(LargeValueTest, SmallWritesGoOnAndThoseToItsKeyComeAfterIt) {
  Watched<std::vector<std::string>> order;
  const auto note = [&](const std::string& what) {
    return [&order, what](const WriteResult& result) {
      EXPECT_TRUE(result.ok()) << result.status;
      order.Update([&](std::vector<std::string>& all) { all.push_back(what); });
    };
  };
  const std::string value(32 << 20, 'v');
  ASSERT_TRUE(a_->PutAsync("key", value, Patient(), note("large")).ok());
  ASSERT_TRUE(a_->PutAsync("key", "later", Patient(), note("same key")).ok());
  ASSERT_TRUE(a_->PutAsync("other", "value", Patient(), note("other key")).ok());
  ASSERT_TRUE(b_->Put("of b", "value", Patient()).ok());
  ASSERT_TRUE(order.WaitFor([](const auto& all) { return all.size() == 3; }));
  EXPECT_THAT(order.Get(), ::testing::ElementsAre("other key", "large", "same key"));
  EXPECT_EQ(b_->Get("key")->value, "later");
}

TEST_F(LargeValueTest, AMemberThatJoinsReceivesLargeValues) {
  const std::string value(kValueBytesMax, 'v');
  ASSERT_TRUE(a_->Put("large", value, Patient()).ok());
  absl::StatusOr<Group> c = Group::Join(OnLoopback("large", "c"));
  ASSERT_TRUE(c.ok()) << c.status();
  ASSERT_TRUE(AwaitMembers(*c, 3));
  EXPECT_EQ(c->OpenMap("main")->Get("large")->value, value);
}

}  // namespace
}  // namespace cohort::testing
