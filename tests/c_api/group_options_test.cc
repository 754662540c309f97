// Every option of a group arrives where it belongs. In C++, because from outside most of them are
// not to be seen.
#include "c_api/group_options.h"

#include <gtest/gtest.h>

#include <array>

#include "cohort/c.h"

namespace cohort::c_api {
namespace {

TEST(CGroupOptions, WhatIsNotSetHasTheDefaultsOfCpp) {
  cohort_group_options_t from{};
  from.size = sizeof from;
  const absl::StatusOr<GroupOptions> to = ToGroupOptions(&from);
  ASSERT_TRUE(to.ok()) << to.status();
  const GroupOptions defaults;
  EXPECT_EQ(to->multicast, defaults.multicast);
  EXPECT_EQ(to->multicast_ttl, defaults.multicast_ttl);
  EXPECT_EQ(to->allow_plaintext, defaults.allow_plaintext);
  EXPECT_EQ(to->policy, defaults.policy);
  EXPECT_EQ(to->failure_profile, defaults.failure_profile);
  EXPECT_EQ(to->dead_timeout, defaults.dead_timeout);
  EXPECT_EQ(to->join_timeout, defaults.join_timeout);
  EXPECT_EQ(to->leave_timeout, defaults.leave_timeout);
  EXPECT_EQ(to->send_queue_bytes_max, defaults.send_queue_bytes_max);
  EXPECT_EQ(to->delivery_queue_bytes_max, defaults.delivery_queue_bytes_max);
  EXPECT_EQ(to->map_bytes_max, defaults.map_bytes_max);
  EXPECT_EQ(to->receive_buffer_bytes, defaults.receive_buffer_bytes);
  EXPECT_EQ(to->datagram_bytes_max, defaults.datagram_bytes_max);
  EXPECT_FALSE(to->on_view || to->on_message || to->on_event);
  EXPECT_FALSE(to->bootstrap || to->no_multicast || to->without_data);
}

TEST(CGroupOptions, WhatIsSetArrivesInTheFieldOfItsName) {
  const std::array<const char*, 2> seeds = {"h:1", "h:2"};
  cohort_group_options_t from{};
  from.size = sizeof from;
  from.group = "group";
  from.name = "name";
  from.bind = "bind";
  from.multicast = "multicast";
  from.seeds = seeds.data();
  from.seed_count = seeds.size();
  from.peer_cache = "peer_cache";
  from.key = "key";
  from.key_file = "key_file";
  from.tie_breaker = "tie_breaker";
  from.allow_plaintext = COHORT_PLAINTEXT_NETWORK;
  from.policy = COHORT_POLICY_PRIMARY;
  from.failure_profile = COHORT_PROFILE_WEB_SESSIONS;
  from.initial_members = 3;
  from.bootstrap = 1;
  from.no_multicast = 1;
  from.multicast_ttl = 4;
  from.without_data = 1;
  from.dead_timeout_ms = 5;
  from.stall_timeout_ms = 6;
  from.slow_timeout_ms = 7;
  from.join_timeout_ms = 8;
  from.leave_timeout_ms = COHORT_FOREVER;
  from.send_queue_bytes_max = 10;
  from.delivery_queue_bytes_max = 11;
  from.map_bytes_max = 12;
  from.receive_buffer_bytes = 13;
  from.datagram_bytes_max = 14;
  const absl::StatusOr<GroupOptions> to = ToGroupOptions(&from);
  ASSERT_TRUE(to.ok()) << to.status();
  EXPECT_EQ(to->group, "group");
  EXPECT_EQ(to->name, "name");
  EXPECT_EQ(to->bind, "bind");
  EXPECT_EQ(to->multicast, "multicast");
  EXPECT_EQ(to->seeds, (std::vector<std::string>{"h:1", "h:2"}));
  EXPECT_EQ(to->peer_cache, "peer_cache");
  EXPECT_EQ(to->key, "key");
  EXPECT_EQ(to->key_file, "key_file");
  EXPECT_EQ(to->tie_breaker, "tie_breaker");
  EXPECT_EQ(to->allow_plaintext, AllowPlaintext::kNetwork);
  EXPECT_EQ(to->policy, Policy::kPrimary);
  EXPECT_EQ(to->failure_profile, FailureProfile::kWebSessions);
  EXPECT_EQ(to->initial_members, 3U);
  EXPECT_TRUE(to->bootstrap);
  EXPECT_TRUE(to->no_multicast);
  EXPECT_EQ(to->multicast_ttl, 4);
  EXPECT_TRUE(to->without_data);
  EXPECT_EQ(to->dead_timeout, absl::Milliseconds(5));
  EXPECT_EQ(to->stall_timeout, absl::Milliseconds(6));
  EXPECT_EQ(to->slow_timeout, absl::Milliseconds(7));
  EXPECT_EQ(to->join_timeout, absl::Milliseconds(8));
  EXPECT_EQ(to->leave_timeout, absl::InfiniteDuration());
  EXPECT_EQ(to->send_queue_bytes_max, 10U);
  EXPECT_EQ(to->delivery_queue_bytes_max, 11U);
  EXPECT_EQ(to->map_bytes_max, 12U);
  EXPECT_EQ(to->receive_buffer_bytes, 13U);
  EXPECT_EQ(to->datagram_bytes_max, 14U);
}

}  // namespace
}  // namespace cohort::c_api
