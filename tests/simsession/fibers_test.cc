#include "simsession/fibers.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::simsession {
namespace {

const Fibers::IsRunning kAll = [](HostIndex) { return true; };
Instant At(int64_t ms) { return Instant::Zero() + milliseconds(ms); }

TEST(Fibers, RunOneAtATimeInTheOrderTheyBegan) {
  Fibers fibers;
  std::string seen;
  for (const char name : {'a', 'b', 'c'}) {
    fibers.Start(0, [&, name] {
      seen += name;
      fibers.Park(nullptr, At(1));
      seen += name;
    });
  }
  EXPECT_EQ(seen, "");
  fibers.Run(At(0), kAll);
  EXPECT_EQ(seen, "abc");
  EXPECT_EQ(fibers.NextDeadline(kAll), At(1));
  fibers.Run(At(1), kAll);
  EXPECT_EQ(seen, "abcabc");
  EXPECT_TRUE(fibers.empty());
}

TEST(Fibers, WaitForWhatAnotherOneDoes) {
  Fibers fibers;
  bool done = false;
  std::string seen;
  fibers.Start(0, [&] {
    fibers.Park([&] { return done; }, Instant::Infinite());
    seen += "after";
  });
  fibers.Run(At(0), kAll);
  EXPECT_EQ(seen, "");
  fibers.Start(1, [&] { done = true; });
  fibers.Run(At(0), kAll);
  EXPECT_EQ(seen, "after");
}

TEST(Fibers, StandStillWithTheirHost) {
  Fibers fibers;
  std::string seen;
  fibers.Start(0, [&] { seen += "0"; });
  fibers.Start(1, [&] { seen += "1"; });
  fibers.Run(At(0), [](HostIndex host) { return host == 1; });
  EXPECT_EQ(seen, "1");
  fibers.Run(At(0), kAll);
  EXPECT_EQ(seen, "10");
}

TEST(Fibers, ComeToTheirEndWithTheOwner) {
  std::string seen;
  {
    Fibers fibers;
    fibers.Start(0, [&] {
      fibers.Park([] { return false; }, Instant::Infinite());
      seen += "let go";
    });
    fibers.Run(At(0), kAll);
  }
  EXPECT_EQ(seen, "let go");
}

}  // namespace
}  // namespace cohort::simsession
