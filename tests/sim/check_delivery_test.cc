#include "sim/check_delivery.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/story.h"

namespace cohort::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
constexpr DeliveryClass kConv = DeliveryClass::kConv;
constexpr DeliveryClass kSafe = DeliveryClass::kSafe;

// Two members in a view, about to go to the next.
class DeliveryCheckerTest : public ::testing::Test {
 protected:
  DeliveryCheckerTest() {
    story_.Install(1, v1_, {}, {1, 2});
    story_.Install(2, v1_, {}, {1, 2});
  }
  void InstallNext(ProcessNumber process, std::vector<SeqNo> trim) {
    story_.Install(process, v2_, v1_, {1, 2}, std::move(trim));
  }

  const ViewId v1_ = Story::View(1);
  const ViewId v2_ = Story::View(2);
  Violations violations_;
  DeliveryChecker checker_{violations_};
  Story story_{checker_};
};

TEST_F(DeliveryCheckerTest, AcceptsAViewInWhichAllDeliverAll) {
  story_.Assign(1, v1_, 0, 1);
  story_.Assign(2, v1_, 1, 1, kConv);
  story_.Assign(2, v1_, 1, 2);
  for (const ProcessNumber process : {1, 2}) {
    story_.Deliver(process, v1_, 1, 1, kConv);
    story_.Deliver(process, v1_, 0, 1);
    story_.Wedge(process, v1_);
    story_.Deliver(process, v1_, 1, 2);  // Closing order.
    InstallNext(process, {1, 2});
  }
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(DeliveryCheckerTest, SeesASetThatDiffers) {
  story_.Assign(1, v1_, 0, 1);
  story_.Deliver(1, v1_, 0, 1);
  InstallNext(1, {1, 0});
  InstallNext(2, {1, 0});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I5", "I14", "I8"));
}

TEST_F(DeliveryCheckerTest, SeesWhatNobodySent) {
  story_.Deliver(1, v1_, 1, 1);
  story_.Assign(1, v1_, 0, 1, DeliveryClass::kAgreed, 11);
  story_.Deliver(2, v1_, 0, 1, DeliveryClass::kAgreed, 12);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I6", "I6"));
}

TEST_F(DeliveryCheckerTest, SeesADuplicateAndAGap) {
  for (SeqNo seq = 1; seq <= 3; ++seq) story_.Assign(1, v1_, 0, seq, kConv);
  story_.Deliver(2, v1_, 0, 1, kConv);
  story_.Deliver(2, v1_, 0, 1, kConv);
  story_.Deliver(2, v1_, 0, 3, kConv);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I7", "I9"));
}

TEST_F(DeliveryCheckerTest, LetsAConvChunkPassAnAgreedOneOfItsSender) {
  story_.Assign(1, v1_, 0, 1);
  story_.Assign(1, v1_, 0, 2, kConv);
  story_.Deliver(2, v1_, 0, 2, kConv);
  story_.Deliver(2, v1_, 0, 1);
  EXPECT_THAT(Invariants(violations_), IsEmpty());
}

TEST_F(DeliveryCheckerTest, SeesADeliveryBeyondTheTrim) {
  story_.Assign(1, v1_, 0, 1);
  story_.Deliver(1, v1_, 0, 1);
  InstallNext(1, {0, 0});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I8"));
}

TEST_F(DeliveryCheckerTest, SeesAChunkOfAnotherView) {
  story_.Assign(1, v1_, 0, 1);
  InstallNext(2, {0, 0});
  story_.Deliver(2, v1_, 0, 1);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I10"));
}

TEST_F(DeliveryCheckerTest, SeesTwoOrders) {
  story_.Assign(1, v1_, 0, 1);
  story_.Assign(2, v1_, 1, 1);
  story_.Deliver(1, v1_, 0, 1);
  story_.Deliver(2, v1_, 1, 1);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I11"));
}

TEST_F(DeliveryCheckerTest, SeesASafeMessageThatASurvivorNeverGot) {
  story_.Assign(1, v1_, 0, 1, kSafe);
  story_.Deliver(1, v1_, 0, 1, kSafe);
  story_.Process(1, ProcessChange::kCrashed);
  story_.Install(2, v2_, v1_, {2}, {0, 0});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I13"));
}

TEST_F(DeliveryCheckerTest, SeesASafeMessageDeliveredLateByOneThatCrashes) {
  story_.Assign(1, v1_, 0, 1, kSafe);
  story_.Install(2, v2_, v1_, {2}, {0, 0});
  story_.Deliver(1, v1_, 0, 1, kSafe);
  EXPECT_THAT(Invariants(violations_), ElementsAre("I13"));
}

TEST_F(DeliveryCheckerTest, SeesTwoClosingOrders) {
  story_.Assign(1, v1_, 0, 1);
  story_.Assign(2, v1_, 1, 1);
  story_.Wedge(1, v1_);
  story_.Deliver(1, v1_, 0, 1);
  story_.Deliver(1, v1_, 1, 1);
  InstallNext(1, {1, 1});
  story_.Wedge(2, v1_);
  story_.Deliver(2, v1_, 1, 1);
  story_.Deliver(2, v1_, 0, 1);
  InstallNext(2, {1, 1});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I14"));
}

TEST_F(DeliveryCheckerTest, SeesSendingAndDeliveringWhileWedged) {
  story_.Assign(1, v1_, 0, 1);
  story_.Wedge(1, v1_);
  story_.Assign(1, v1_, 0, 2);
  story_.Deliver(1, v1_, 0, 1);
  story_.Tick();
  InstallNext(1, {1, 0});
  EXPECT_THAT(Invariants(violations_), ElementsAre("I16", "I16"));
}

}  // namespace
}  // namespace cohort::sim
