// Members that find each other without multicast: seeds whose names are not known, and the cache of
// peers.
#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "public/testing.h"

namespace cohort::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

GroupOptions WithoutMulticast(const std::string& group, const std::string& name,
                              const std::string& seed) {
  GroupOptions options = OnLoopback(group, name);
  options.no_multicast = true;
  options.seeds = {seed};
  return options;
}

bool Warned(Events& events, const std::string& text) {
  return events.WaitFor([&](const std::vector<Event>& seen) {
    return std::any_of(seen.begin(), seen.end(), [&](const Event& event) {
      return event.kind == EventKind::kWarning && event.text.find(text) != std::string::npos;
    });
  });
}

class PeerCache : public ::testing::Test {
 protected:
  PeerCache() : path_(::testing::TempDir() + "/cohort_peers_" + std::to_string(getpid())) {
    std::filesystem::remove(path_);
  }
  ~PeerCache() override { std::filesystem::remove(path_); }
  std::string Text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const std::string path_;
};

TEST(Seeds, ANameThatIsNotKnownIsNoErrorButAWarningThatNamesIt) {
  Events events;
  GroupOptions options = WithoutMulticast("names", "a", "no..such.host:7600");
  Keep(options, events);
  absl::StatusOr<Group> group = Group::Join(options);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->view().members.size(), 1u);
  EXPECT_TRUE(Warned(events, "seed 'no..such.host:7600': host 'no..such.host' is not known"));
}

TEST(Seeds, AHostNameIsAsGoodAsAnAddress) {
  absl::StatusOr<Group> a = Group::Join(WithoutMulticast("hosts", "a", "127.0.0.1:1"));
  ASSERT_TRUE(a.ok()) << a.status();
  const std::string port = a->address().substr(a->address().rfind(':'));
  absl::StatusOr<Group> b = Group::Join(WithoutMulticast("hosts", "b", "localhost" + port));
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_TRUE(AwaitMembers(*b, 2));
}

TEST(Seeds, WhatIsNoSeedIsRefusedWithWhatOneLooksLike) {
  GroupOptions options = WithoutMulticast("wrong", "a", "srv:_cohort._tcp.example.org:7600");
  EXPECT_EQ(Group::Join(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.seeds.assign(65, "127.0.0.1:7600");
  EXPECT_THAT(std::string(Group::Join(options).status().message()), HasSubstr("at most 64"));
}

// Each had opened a map that the other one had not: whoever joins is told when its own is gone and
// when it is there again.
TEST(Seeds, AMemberThatKnowsTwoGroupsBringsThemTogetherWithTheMapsOfBoth) {
  Watched<std::map<size_t, std::vector<ChangeCause>>> told;
  std::vector<Group> groups;
  std::vector<std::string> seeds;
  std::vector<Subscription> subscriptions;
  for (size_t i = 0; i < 2; ++i) {
    const std::string name = i == 0 ? "a" : "b";
    absl::StatusOr<Group> group = Group::Join(WithoutMulticast("apart", name, "127.0.0.1:1"));
    ASSERT_TRUE(group.ok()) << group.status();
    absl::StatusOr<ReplicatedMap> map = group->OpenMap("of " + name);
    ASSERT_TRUE(map.ok()) << map.status();
    ASSERT_TRUE(map->Put("key", name).ok());
    subscriptions.push_back(map->SubscribeKey("another key", [&told, i](const Change& change) {
      EXPECT_TRUE(change.key.empty()) << change.key;
      told.Update([&](auto& causes) { causes[i].push_back(change.cause); });
    }));
    seeds.push_back(group->address());
    groups.push_back(*std::move(group));
  }
  GroupOptions options = WithoutMulticast("apart", "c", "");
  options.seeds = seeds;
  absl::StatusOr<Group> c = Group::Join(options);
  ASSERT_TRUE(c.ok()) << c.status();
  for (Group* group : {&groups[0], &groups[1], &*c}) EXPECT_TRUE(AwaitMembers(*group, 3));
  // On a busy machine one may be excluded once more, and told again.
  EXPECT_TRUE(told.WaitFor([](const auto& causes) {
    return std::any_of(causes.begin(), causes.end(),
                       [](const auto& of_one) { return of_one.second.size() >= 2; });
  }));
  for (const auto& [group, causes] : told.Get()) EXPECT_THAT(causes, Each(ChangeCause::kSync));
}

TEST_F(PeerCache, AMemberThatStartsAgainFindsThoseItKnewThoughItsSeedIsGone) {
  absl::StatusOr<Group> a = Group::Join(WithoutMulticast("cache", "a", "127.0.0.1:1"));
  ASSERT_TRUE(a.ok()) << a.status();
  GroupOptions options = WithoutMulticast("cache", "b", a->address());
  options.peer_cache = path_;
  {
    absl::StatusOr<Group> b = Group::Join(options);
    ASSERT_TRUE(b.ok()) << b.status();
    ASSERT_TRUE(AwaitMembers(*b, 2));
  }
  EXPECT_THAT(Text(), HasSubstr("\n" + a->address() + "\n"));
  options.seeds = {"127.0.0.1:1"};
  absl::StatusOr<Group> again = Group::Join(options);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(AwaitMembers(*again, 2));
}

TEST_F(PeerCache, AFileThatIsNoneIsNotUsedNotTouchedAndTold) {
  std::ofstream(path_) << "my only copy\n";
  Events events;
  absl::StatusOr<Group> a = Group::Join(OnLoopback("foreign", "a"));
  ASSERT_TRUE(a.ok()) << a.status();
  GroupOptions options = OnLoopback("foreign", "b");
  options.peer_cache = path_;
  Keep(options, events);
  {
    absl::StatusOr<Group> b = Group::Join(options);
    ASSERT_TRUE(b.ok()) << b.status();
    EXPECT_TRUE(AwaitMembers(*b, 2));
    EXPECT_TRUE(Warned(events, "no peer cache"));
  }
  EXPECT_EQ(Text(), "my only copy\n");
}

TEST_F(PeerCache, ADamagedOneIsToldAndReplaced) {
  GroupOptions options = OnLoopback("damaged", "b");
  std::ofstream(path_) << "cohort-peers-1 " << options.group << "\ngarbage\n";
  Events events;
  absl::StatusOr<Group> a = Group::Join(OnLoopback("damaged", "a"));
  ASSERT_TRUE(a.ok()) << a.status();
  options.peer_cache = path_;
  Keep(options, events);
  {
    absl::StatusOr<Group> b = Group::Join(options);
    ASSERT_TRUE(b.ok()) << b.status();
    ASSERT_TRUE(AwaitMembers(*b, 2));
    EXPECT_TRUE(Warned(events, "line 2 is no address"));
  }
  EXPECT_THAT(Text(), AllOf(HasSubstr("cohort-peers-1 "), HasSubstr(a->address())));
}

}  // namespace
}  // namespace cohort::testing
