// When a caller looks out for its answer, and when it sleeps at once.
#include "runtime/answer_watch.h"

#include <gtest/gtest.h>

#include <thread>

namespace cohort::runtime {
namespace {

constexpr absl::Duration kShort = absl::Microseconds(310);  // Just more than it watches.

// A host of which each test has the clock: every look costs kLook, and the answer comes with look
// number `comes_with`.
constexpr Duration kLook = std::chrono::microseconds(10);
constexpr int kNever = -1;
struct {
  Instant now;
  int looks = 0;
  int comes_with = kNever;
  Notification* answer = nullptr;
} faked;

Instant Now() { return faked.now; }
void Yield() {
  faked.now = faked.now + kLook;
  if (++faked.looks == faked.comes_with) faked.answer->Notify();
}

class AnswerWatchTest : public ::testing::Test {
 protected:
  AnswerWatchTest() {
    faked.now = Instant::Zero();
    faked.comes_with = kNever;
  }

  // How often it looked while it waited for an answer that comes with that look.
  int LooksUntil(int with) {
    Notification happened;
    faked.answer = &happened;
    faked.looks = 0;
    faked.comes_with = with;
    EXPECT_EQ(watch_.Wait(happened, kShort), with != kNever);
    return faked.looks;
  }

  // So many waits are slept through from the beginning, until the next, which is in vain, too.
  int SleptThrough() {
    int slept = 0;
    while (LooksUntil(kNever) == 0) ++slept;
    return slept;
  }

  static constexpr int kLooksMax = AnswerWatch::kWatchMax / kLook;
  AnswerWatch watch_{AnswerWatch::Host{.now = Now, .yield = Yield}};
};

TEST_F(AnswerWatchTest, AnAnswerThatComesSoonIsSeenWithoutSleep) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(LooksUntil(7), 7);
}

TEST_F(AnswerWatchTest, WhoLookedOutInVainSleepsAtOnceTheNextTimesAndEverMore) {
  EXPECT_EQ(LooksUntil(kNever), kLooksMax);
  const int first = SleptThrough();
  EXPECT_EQ(first, AnswerWatch::kWatchMax / AnswerWatch::kSaved);
  EXPECT_EQ(SleptThrough(), 2 * first + 1);
  for (int i = 0; i < 4; ++i) SleptThrough();
  EXPECT_EQ(SleptThrough(), static_cast<int>(AnswerWatch::kSkippedMax));
}

TEST_F(AnswerWatchTest, AnswersInTimeMakeItForgetByHalves) {
  EXPECT_EQ(LooksUntil(kNever), kLooksMax);
  const int first = SleptThrough();  // With the one in vain after them, 2 * first + 1 are next.
  for (int i = 0; i < 2 * first + 1; ++i) EXPECT_EQ(LooksUntil(kNever), 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(LooksUntil(5), 5);
  EXPECT_EQ(LooksUntil(kNever), kLooksMax);
  EXPECT_EQ(SleptThrough(), first);
}

TEST_F(AnswerWatchTest, WhereOthersKeepTheProcessorItIsLeftToThemTheLonger) {
  static constexpr Duration kSlice = std::chrono::milliseconds(4);
  static Notification* awaited = nullptr;
  Notification late;
  awaited = &late;
  AnswerWatch watch(AnswerWatch::Host{.now = Now, .yield = [] {
                                        ++faked.looks;
                                        faked.now = faked.now + kSlice;
                                        awaited->Notify();
                                      }});
  faked.looks = 0;
  EXPECT_TRUE(watch.Wait(late, kShort)) << "it came, but as late as if nobody had watched";
  EXPECT_EQ(faked.looks, 1);
  for (int i = 0; i < kSlice / AnswerWatch::kSaved; ++i) EXPECT_TRUE(watch.Wait(late, kShort));
  EXPECT_EQ(faked.looks, 1);
}

TEST_F(AnswerWatchTest, ATimeoutIsNotExceededByWatching) {
  Notification never;
  faked.looks = 0;
  EXPECT_FALSE(watch_.Wait(never, absl::Microseconds(50)));
  EXPECT_EQ(faked.looks, 5);
  EXPECT_FALSE(watch_.Wait(never, absl::ZeroDuration()));
  EXPECT_FALSE(watch_.Wait(never, -absl::Seconds(1)));
}

TEST_F(AnswerWatchTest, WhoIsNotAloneSleepsAndSoDoesTheOtherOne) {
  Notification first;
  Notification second;
  faked.looks = 0;
  std::thread other([&] { EXPECT_TRUE(watch_.Wait(first, absl::InfiniteDuration())); });
  while (watch_.waiting() < 1) std::this_thread::yield();
  // Waits in vain, as the other one does: only that one ever looks.
  EXPECT_FALSE(watch_.Wait(second, absl::Milliseconds(1)));
  first.Notify();
  other.join();
  EXPECT_LE(faked.looks, kLooksMax);
  EXPECT_EQ(watch_.waiting(), 0u);
}

TEST_F(AnswerWatchTest, WhoWatchesStopsWhenAnotherOneComes) {
  static AnswerWatch* watch = nullptr;
  static Notification* awaited = nullptr;
  static std::thread other;
  Notification second;
  AnswerWatch joined(AnswerWatch::Host{
      .now = Now, .yield = [] {
        if (++faked.looks != 3) return;
        other = std::thread([] { EXPECT_TRUE(watch->Wait(*awaited, absl::InfiniteDuration())); });
        while (watch->waiting() < 2) std::this_thread::yield();
      }});
  watch = &joined;
  awaited = &second;
  faked.looks = 0;
  Notification never;
  EXPECT_FALSE(joined.Wait(never, kShort));
  EXPECT_EQ(faked.looks, 3);
  second.Notify();
  other.join();
}

}  // namespace
}  // namespace cohort::runtime
