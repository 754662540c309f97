// Reads at a member that has not got the state yet, over real sockets.
#include <cohort/cohort.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using enum absl::StatusCode;
using Typed = TypedMap<std::string, std::string>;

constexpr int kFillers = 400;
constexpr size_t kFillerBytes = 200'000;  // 80 MB in all.
constexpr char kNobody[] = "127.0.0.1:9";

// A member whom only `seed` tells where the others are.
absl::StatusOr<Group> JoinBySeed(const std::string& name, const std::string& bind,
                                 const std::string& seed) {
  GroupOptions options = OnLoopback("elsewhere", name);
  options.bind = bind;
  options.no_multicast = true;
  options.seeds = {seed};
  return Group::Join(options);
}

// Two members hold much, and look for others at an address where nobody is. A third one begins a
// group of its own there: when it is found it goes over to theirs, where it is a member long before
// it has the state.
class ReadsElsewhereTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      absl::StatusOr<Group> first = JoinBySeed("first", "127.0.0.1", kNobody);
      ASSERT_TRUE(first.ok()) << first.status();
      address_ = first->address();  // Its port is free when it has gone, and known.
    }
    absl::StatusOr<Group> a = JoinBySeed("a", "127.0.0.1", address_);
    ASSERT_TRUE(a.ok()) << a.status();
    absl::StatusOr<Group> b = JoinBySeed("b", "127.0.0.1", a->address());
    ASSERT_TRUE(b.ok()) << b.status();
    ASSERT_TRUE(AwaitMembers(*a, 2));
    holders_.push_back(*std::move(a));
    holders_.push_back(*std::move(b));
    ReplicatedMap map = *holders_[0].OpenMap("main");
    const std::string filler(kFillerBytes, 'v');
    for (int i = 0; i < kFillers; ++i)
      ASSERT_TRUE(map.Put("filler" + std::to_string(i), filler).ok());
    lamp_ = map.Put("lamp", "on").version;
  }

  // Asks, until the third one has the state, `ask(map)`, which returns whether it was answered.
  // Whether it began alone, and another one has answered before it had the state, as is up to
  // chance.
  template <class Ask>
  bool AskWhileItComes(Ask ask) {
    absl::StatusOr<Group> c = JoinBySeed("c", address_, kNobody);
    EXPECT_TRUE(c.ok()) << c.status();
    if (!c.ok() || c->view().members.size() != 1) return false;
    absl::StatusOr<ReplicatedMap> map = c->OpenMap("main");
    if (!map.ok()) return false;  // It was found at this very moment.
    Watched<size_t> members;
    const Subscription views = c->SubscribeViews([&](const View& view) {
      members.Update([&](size_t& count) { count = view.members.size(); });
    });
    EXPECT_TRUE(members.WaitFor([](size_t count) { return count == 3; }));
    while (absl::IsUnavailable(map->Get("filler0").status())) {
      const bool answered = ask(*map);
      // It had not got the state before, nor has it now: another one has answered.
      if (absl::IsUnavailable(map->Get("filler0").status())) elsewhere_ += answered ? 1 : 0;
    }
    return elsewhere_ > 0;
  }
  template <class Ask>
  void AskElsewhere(Ask ask) {
    for (int attempt = 0; attempt < 30 && !AskWhileItComes(ask); ++attempt) {
    }
    EXPECT_GT(elsewhere_, 0);
  }

  std::string address_;
  std::vector<Group> holders_;
  Version lamp_;
  int elsewhere_ = 0;  // Answers of another member.
};

TEST_F(ReadsElsewhereTest, AMemberWhoseStateIsOnItsWayReadsWhatItHasNotGot) {
  AskElsewhere([&](const ReplicatedMap& map) {
    const absl::StatusOr<Entry> entry = map.Get("lamp", {.ask_others = absl::Seconds(20)});
    EXPECT_TRUE(entry.ok()) << entry.status();
    if (!entry.ok()) return false;
    EXPECT_EQ(entry->value, "on");
    EXPECT_EQ(entry->version, lamp_);
    EXPECT_EQ(map.Get("chair", {.ask_others = absl::Seconds(20)}).status().code(), kNotFound);
    return true;
  });
}

TEST_F(ReadsElsewhereTest, AnAsynchronousOneIsAnsweredOnTheDeliveryThread) {
  AskElsewhere([&](const ReplicatedMap& map) {
    Watched<std::optional<absl::StatusOr<TypedEntry<std::string>>>> answer;
    const absl::Status asked =
        Typed(map).GetAsync("lamp", {.ask_others = absl::Seconds(20)},
                            [&](const absl::StatusOr<TypedEntry<std::string>>& entry) {
                              answer.Update([&](auto& value) { value = entry; });
                            });
    EXPECT_TRUE(asked.ok()) << asked;
    EXPECT_TRUE(answer.WaitFor([](const auto& value) { return value.has_value(); }));
    const auto entry = answer.Get();
    EXPECT_TRUE(entry.has_value() && entry->ok() && (*entry)->value == "on");
    return entry.has_value() && entry->ok();
  });
}

}  // namespace
}  // namespace cohort::testing
