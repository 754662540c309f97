// Seeded runs of whole groups: what must hold whatever the network does.
#include "order/lossy_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace cohort::order {
namespace {

using ::testing::IsEmpty;

// COHORT_TEST_SEEDS=N runs seeds 1 to N.
uint64_t Seeds() {
  const char* text = std::getenv("COHORT_TEST_SEEDS");
  return text == nullptr ? 200 : std::strtoull(text, nullptr, 10);
}

struct Workload {
  std::vector<std::vector<std::string>> sent;  // By member.
  size_t count = 0;
};

frag::Message RandomMessage(Random& random, size_t number, size_t index, size_t size) {
  frag::Message message;
  message.id = index;
  const uint64_t kind = random.Below(10);
  message.cls = kind < 4   ? DeliveryClass::kConv
                : kind < 8 ? DeliveryClass::kAgreed
                           : DeliveryClass::kSafe;
  message.sync = random.Chance(0.4);
  message.barrier = message.cls == DeliveryClass::kConv && random.Chance(0.3);
  std::string text = std::to_string(number) + "/" + std::to_string(index) + "/";
  text.resize(std::max(text.size(), size), 'x');
  message.payload = Buffer::CopyOf(text);
  return message;
}

void PushSome(LossyGroup& group, Workload& work, int messages) {
  const std::vector<size_t> members = group.view(group.views() - 1);
  for (int i = 0; i < messages; ++i) {
    const size_t number = members[group.random().Below(members.size())];
    if (!group.member(number).alive) continue;
    const size_t size =
        group.random().Chance(0.1) ? group.random().Below(20'000) : group.random().Below(200);
    frag::Message message = RandomMessage(group.random(), number, work.count++, size);
    work.sent[number].emplace_back(message.payload.text());
    group.Push(number, std::move(message));
    group.RunUntil(group.now() + group.random().Between(Duration(0), Duration(microseconds(300))));
  }
}

std::vector<size_t> Alive(LossyGroup& group) {
  std::vector<size_t> alive;
  for (const size_t number : group.view(group.views() - 1)) {
    if (group.member(number).alive) alive.push_back(number);
  }
  return alive;
}

// Every survivor has every message of every survivor, once; of the dead, all the same ones.
void ExpectAllDelivered(LossyGroup& group, const Workload& work) {
  const std::vector<size_t> survivors = group.view(group.views() - 1);
  std::vector<std::string> wanted;
  for (const size_t number : survivors) {
    wanted.insert(wanted.end(), work.sent[number].begin(), work.sent[number].end());
  }
  std::sort(wanted.begin(), wanted.end());
  std::vector<std::string> model;
  for (const size_t number : survivors) {
    std::vector<std::string> got = group.member(number).messages;
    std::sort(got.begin(), got.end());
    EXPECT_TRUE(std::adjacent_find(got.begin(), got.end()) == got.end()) << "twice at " << number;
    EXPECT_TRUE(std::includes(got.begin(), got.end(), wanted.begin(), wanted.end()))
        << "member " << number << " has " << got.size() << " messages, wanted " << wanted.size();
    if (model.empty()) model = got;
    EXPECT_TRUE(got == model) << "member " << number << " has other messages";
  }
}

LossyGroup::Options RandomNetwork(Random& random) {
  LossyGroup::Options options;
  options.members = random.Between(2, 5);
  options.loss = random.Chance(0.3) ? 0 : 0.01 * static_cast<double>(random.Below(20));
  options.duplication = 0.01 * static_cast<double>(random.Below(10));
  options.delay_max = microseconds(static_cast<int64_t>(random.Between(50, 1500)));
  return options;
}

TEST(LossyGroupTest, EverythingIsDeliveredInOneOrderThroughLossCrashesAndViewChanges) {
  for (uint64_t seed = 1; seed <= Seeds() && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    LossyGroup group(RandomNetwork(random), seed);
    Workload work;
    const size_t members = group.view(0).size();
    work.sent.resize(members);
    PushSome(group, work, 40);
    if (random.Chance(0.7)) {
      if (random.Chance(0.3)) {
        ASSERT_TRUE(group.RunUntilQuiet(seconds(5)));
      }
      if (random.Chance(0.7)) group.Crash(random.Below(members));
      PushSome(group, work, 10);
      ASSERT_TRUE(group.ChangeView(Alive(group)));
      PushSome(group, work, 20);
      if (random.Chance(0.3)) {
        const std::vector<size_t> alive = Alive(group);
        if (alive.size() > 1) group.Crash(alive[random.Below(alive.size())]);
        PushSome(group, work, 5);
        ASSERT_TRUE(group.ChangeView(Alive(group)));
      }
    }
    EXPECT_TRUE(group.RunUntilQuiet(seconds(5)));
    const std::vector<size_t> last = Alive(group);
    ASSERT_TRUE(group.ChangeView(last));
    ExpectAllDelivered(group, work);
    EXPECT_THAT(group.faults(), IsEmpty());
  }
}

}  // namespace
}  // namespace cohort::order
