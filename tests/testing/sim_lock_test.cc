// Locks in whole groups under faults: the table that LockService uses, driven in virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cohort/testing/sim_group.h"
#include "lock/lock_table.h"

namespace cohort::testing {
namespace {

using lock::LockTable;

SimOptions Seed(uint64_t seed, Policy policy) {
  SimOptions options;
  options.seed = seed;
  options.policy = policy;
  options.failed = ::testing::Test::HasFailure;
  return options;
}

// What LockService::Impl is to a real member. Poll() is called after every event of the world.
class SimLocks {
 public:
  SimLocks(SimGroup& group, const std::string& member)
      : group_(group), member_(member), map_(group.map(member, "locks")) {
    const InstanceId self = Self();
    table_.emplace(
        self, [this](std::string_view name) { return Read(name); }, LockTable::Options());
    changes_ = map_.Subscribe([this](const Change& change) {
      all_ |= change.cause == ChangeCause::kClear || change.cause == ChangeCause::kSync;
      if (!change.key.empty()) changed_.insert(std::string(change.key));
    });
  }

  void Acquire(const std::string& name) {
    table_->Acquire(Now(), ++ids_, name, Instant::Infinite(), false, out_);
    Perform();
  }
  void Release() {
    table_->Release(Now(), ++ids_, hold, out_);
    hold = 0;
    Perform();
  }
  bool IsHeld() const { return hold != 0 && table_->IsHeld(hold); }

  void Poll() {
    if (!group_.alive(member_)) return;
    const std::vector<Event>& events = group_.events(member_);
    for (; events_ < events.size(); ++events_) {
      const EventKind kind = events[events_].kind;
      if (kind == EventKind::kExcluded || kind == EventKind::kHalted)
        table_->OnOut(Now(), absl::UnavailableError("out"), out_);
      all_ |= kind == EventKind::kResumed || kind == EventKind::kSynced;
    }
    const ViewId view = group_.view(member_).id;
    if (view != view_ || all_) {
      map_.ForEach([&](std::string_view key, const Entry&) { changed_.insert(std::string(key)); });
      table_->OnChangeOfAll(Now(), out_);
    }
    view_ = view;
    all_ = false;
    for (const std::string& name : std::exchange(changed_, {})) table_->OnChange(Now(), name, out_);
    if (table_->NextDeadline() <= Now()) table_->OnTimer(Now(), out_);
    Perform();
    EXPECT_TRUE(table_->IsConsistent());
  }

  uint64_t hold = 0;
  Version fence;
  int lost = 0;

 private:
  InstanceId Self() const {
    for (const Member& member : group_.view(member_).members) {
      if (member.name == member_) return member.id.instance;
    }
    return {};
  }
  Instant Now() const { return Instant::FromNanos(absl::ToInt64Nanoseconds(group_.now())); }
  LockTable::Seen Read(std::string_view name) const {
    LockTable::Seen seen;
    const absl::StatusOr<Entry> entry = map_.Get(name);
    seen.readable = !absl::IsUnavailable(entry.status());
    seen.writable = group_.writable(member_);
    seen.view = group_.view(member_);
    if (entry.ok()) {
      seen.value = entry->value;
      seen.version = entry->version;
    }
    return seen;
  }
  void Perform() {
    WriteOptions options;
    options.ack = Ack::kLocal;
    options.timeout = absl::InfiniteDuration();
    for (size_t i = 0; i < out_.writes.size(); ++i) {
      const LockTable::Write write = out_.writes[i];
      const auto done = [this, ticket = write.ticket](const WriteResult& result) {
        table_->OnWritten(Now(), ticket, result.status, result.version, out_);
        Perform();
      };
      const absl::Status status =
          write.value ? map_.PutIfAsync(write.name, write.expected, *write.value, options, done)
                      : map_.EraseIfAsync(write.name, write.expected, options, done);
      if (!status.ok()) table_->OnWritten(Now(), write.ticket, status, {}, out_);
    }
    for (const LockTable::Answer& answer : out_.answers) {
      if (answer.hold == 0) continue;
      hold = answer.hold;
      fence = answer.fence;
    }
    for (const LockTable::Lost& told : out_.lost) {
      ++lost;
      if (told.hold == hold) hold = 0;
    }
    out_ = {};
  }

  SimGroup& group_;
  const std::string member_;
  SimMap map_;
  std::optional<LockTable> table_;
  LockTable::Output out_;
  Subscription changes_;
  std::set<std::string> changed_;
  bool all_ = true;
  ViewId view_;
  size_t events_ = 0;
  uint64_t ids_ = 0;
};

class SimLockTest : public ::testing::Test {
 protected:
  void Begin(const std::vector<std::string>& names, uint64_t seed, Policy policy) {
    group_ = std::make_unique<SimGroup>(names, Seed(seed, policy));
    for (const std::string& name : names) locks_[name] = std::make_unique<SimLocks>(*group_, name);
  }
  ~SimLockTest() override {
    locks_.clear();
    group_.reset();
  }
  template <class Condition>
  bool RunUntil(Condition condition, absl::Duration timeout = absl::Seconds(30)) {
    return group_->RunUntil(
        [&] {
          for (auto& [name, locks] : locks_) locks->Poll();
          return condition();
        },
        timeout);
  }
  void RunFor(absl::Duration duration) {
    RunUntil([] { return false; }, duration);
  }
  int Holders() const {
    int holders = 0;
    for (const auto& [name, locks] : locks_) holders += locks->IsHeld() ? 1 : 0;
    return holders;
  }
  size_t MembersSeenBy(const std::string& member) const {
    return group_->view(member).members.size();
  }

  std::unique_ptr<SimGroup> group_;
  std::map<std::string, std::unique_ptr<SimLocks>> locks_;
};

TEST_F(SimLockTest, TheLockOfAKilledMemberGoesToTheNextOneWithinASecond) {
  Begin({"a", "b", "c"}, 1, Policy::kAvailable);
  locks_["a"]->Acquire("l");
  ASSERT_TRUE(RunUntil([&] { return locks_["a"]->IsHeld(); }));
  const Version fence = locks_["a"]->fence;
  locks_["b"]->Acquire("l");
  RunFor(absl::Seconds(1));
  EXPECT_FALSE(locks_["b"]->IsHeld());
  const absl::Duration killed = group_->now();
  group_->Kill("a");
  locks_.erase("a");
  ASSERT_TRUE(RunUntil([&] { return locks_["b"]->IsHeld(); }));
  EXPECT_LT(group_->now() - killed, absl::Seconds(1));
  EXPECT_GT(locks_["b"]->fence, fence);
}

TEST_F(SimLockTest, FencesGrowThroughReleases) {
  Begin({"a", "b"}, 2, Policy::kAvailable);
  Version before;
  for (int i = 0; i < 10; ++i) {
    SimLocks& locks = *locks_[i % 2 == 0 ? "a" : "b"];
    locks.Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks.IsHeld(); }));
    EXPECT_GT(locks.fence, before);
    before = locks.fence;
    locks.Release();
  }
}

TEST_F(SimLockTest, AMemberThatStoodStillAndWasExpelledIsToldAndTheOthersGoOn) {
  for (const Policy policy : {Policy::kAvailable, Policy::kPrimary}) {
    locks_.clear();
    Begin({"a", "b", "c"}, 3, policy);
    locks_["b"]->Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks_["b"]->IsHeld(); }));
    locks_["c"]->Acquire("l");
    group_->Pause("b");
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); }));
    group_->Resume("b");
    ASSERT_TRUE(RunUntil([&] { return locks_["b"]->lost == 1; })) << ToString(policy);
    ASSERT_TRUE(group_->RunUntilOneView());
    RunFor(absl::Seconds(2));
    EXPECT_FALSE(locks_["b"]->IsHeld());
    EXPECT_LE(Holders(), 1);
  }
}

TEST_F(SimLockTest, UnderAvailableBothSidesMayHoldItAndTheMergeLeavesAtMostOne) {
  for (uint64_t seed = 10; seed < 18; ++seed) {
    locks_.clear();
    Begin({"a", "b", "c", "d"}, seed, Policy::kAvailable);
    locks_["a"]->Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks_["a"]->IsHeld(); }));
    locks_["c"]->Acquire("l");
    group_->Partition({{"a", "b"}, {"c", "d"}});
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); }));
    EXPECT_EQ(Holders(), 2);
    RunFor(absl::Seconds(1));
    group_->Heal();
    ASSERT_TRUE(RunUntil([&] { return MembersSeenBy("a") == 4 && MembersSeenBy("c") == 4; }));
    ASSERT_TRUE(group_->RunUntilOneView());
    RunFor(absl::Seconds(2));
    EXPECT_LE(Holders(), 1) << "seed " << seed;
    EXPECT_GE(locks_["a"]->lost + locks_["c"]->lost, 1);
    // Whatever came of it, the lock is not stuck.
    for (auto& [name, locks] : locks_) {
      if (locks->IsHeld()) locks->Release();
    }
    locks_["d"]->Acquire("l");
    EXPECT_TRUE(RunUntil([&] { return locks_["d"]->IsHeld(); })) << "seed " << seed;
  }
}

TEST_F(SimLockTest, UnderPrimaryTheMinorityIsToldAndOnlyTheMajorityGetsIt) {
  for (uint64_t seed = 20; seed < 26; ++seed) {
    locks_.clear();
    Begin({"a", "b", "c"}, seed, Policy::kPrimary);
    locks_["c"]->Acquire("l");
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); }));
    const Version fence = locks_["c"]->fence;
    locks_["a"]->Acquire("l");
    group_->Partition({{"a", "b"}, {"c"}});
    ASSERT_TRUE(RunUntil([&] { return locks_["a"]->IsHeld(); }));
    EXPECT_GT(locks_["a"]->fence, fence);
    ASSERT_TRUE(RunUntil([&] { return locks_["c"]->lost == 1; }, absl::Seconds(5)));
    locks_["c"]->Acquire("l");
    RunFor(absl::Seconds(5));
    EXPECT_FALSE(locks_["c"]->IsHeld());
    group_->Heal();
    ASSERT_TRUE(group_->RunUntilOneView());
    RunFor(absl::Seconds(2));
    EXPECT_TRUE(locks_["a"]->IsHeld());
    EXPECT_EQ(Holders(), 1);
    locks_["a"]->Release();
    EXPECT_TRUE(RunUntil([&] { return locks_["c"]->IsHeld(); })) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cohort::testing
