// Large attributes that change little, in stores of a real group on loopback.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "session/testing.h"

namespace cohort::session {
namespace {

class SessionDeltaTest : public ::testing::Test {
 protected:
  void Open(size_t members, const SessionStoreOptions& options = Shop()) {
    members_ = JoinMembers(members, OnLoopback("deltas", ""));
    ASSERT_EQ(members_.size(), members);
    for (Group& member : members_) nodes_.push_back(std::make_unique<Node>(options, &member));
  }
  Node& a() { return *nodes_[0]; }
  Node& b() { return *nodes_[1]; }

  std::string Noise(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_.Below(256));
    return bytes;
  }
  Random random_{3};
  std::vector<Group> members_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(SessionDeltaTest, ALargeAttributeThatChangedLittleIsSentInAFewBytes) {
  Open(2);
  std::string cart = Noise(200'000);
  ASSERT_TRUE(a()->Create("s1", {}, {{"cart", cart}, {"n", "0"}}).ok());
  cart[5] ^= 1;
  ASSERT_TRUE(a()->Save("s1", Set("cart", cart)).ok());
  EXPECT_EQ(a()->stats().deltas, 0U) << "nothing was known to be at rest";
  const uint64_t before = members_[0].stats().bytes_sent;
  for (int i = 0; i < 5; ++i) {
    cart.replace(1000 * i, 3, "new");
    cart.insert(100'000, "more");
    const SessionResult saved =
        a()->Save("s1", {.set = {{"cart", cart}, {"n", std::to_string(i)}}});
    ASSERT_TRUE(saved.ok()) << saved.status;
    EXPECT_EQ(saved.replicas, 2U);
    EXPECT_EQ(Get(*b(), "s1", "cart"), cart);
    EXPECT_EQ(Get(*b(), "s1", "n"), std::to_string(i));
  }
  EXPECT_EQ(a()->stats().deltas, 5U);
  EXPECT_LT(members_[0].stats().bytes_sent - before, 50'000U);
  // Who takes it over sends it whole once, since a third might not have it yet.
  for (int i = 0; i < 3; ++i) {
    cart[7] ^= 1;
    ASSERT_TRUE(b()->Save("s1", Set("cart", cart)).ok());
    EXPECT_EQ(Get(*a(), "s1", "cart"), cart);
  }
  EXPECT_EQ(b()->stats().deltas, 2U);
}

TEST_F(SessionDeltaTest, WhatChangesWholeIsSentWholeAndDeltasAreTriedLessAndLessOften) {
  Open(2);
  ASSERT_TRUE(a()->Create("s1", {}, {{"cart", Noise(20'000)}}).ok());
  std::string cart;
  for (int i = 0; i < 8; ++i) {
    cart = Noise(20'000);
    ASSERT_TRUE(a()->Save("s1", Set("cart", cart)).ok());
    EXPECT_EQ(Get(*b(), "s1", "cart"), cart);
  }
  EXPECT_EQ(a()->stats().deltas, 0U);
  // It is found again when a value changes little after all.
  for (int i = 0; i < 20 && a()->stats().deltas == 0; ++i) {
    cart[1] ^= 1;
    ASSERT_TRUE(a()->Save("s1", Set("cart", cart)).ok());
  }
  EXPECT_EQ(a()->stats().deltas, 1U);
  EXPECT_EQ(Get(*b(), "s1", "cart"), cart);
}

TEST_F(SessionDeltaTest, AStoreThatDoesNotWaitForTheOthersSendsWhole) {
  SessionStoreOptions options = Shop();
  options.ack = Ack::kLocal;
  Open(2, options);
  std::string cart = Noise(20'000);
  ASSERT_TRUE(a()->Create("s1", {}, {{"cart", cart}}).ok());
  for (int i = 0; i < 5; ++i) {
    cart[1] ^= 1;
    ASSERT_TRUE(a()->Save("s1", Set("cart", cart)).ok());
  }
  EXPECT_EQ(a()->stats().deltas, 0U);
}

TEST_F(SessionDeltaTest, MembersThatUpdateALargeAttributeInTurnsLoseNothing) {
  Open(3);
  const std::string noise = Noise(20'000);
  const auto cart = [&](int number) { return std::to_string(number) + " " + noise; };
  ASSERT_TRUE(a()->Create("s1", {}, {{"cart", cart(0)}}).ok());
  std::atomic<int> counted = 0;
  std::vector<std::thread> requests;
  for (const auto& node : nodes_) {
    requests.emplace_back([&] {
      for (int i = 0; i < 30; ++i) {
        const SessionResult result = (*node)->Update("s1", [&](const SessionSnapshot& snapshot) {
          return Set("cart", cart(std::stoi(ValueOf(snapshot, "cart")) + 1));
        });
        if (result.ok()) ++counted;
        EXPECT_TRUE(result.ok() || absl::IsAborted(result.status)) << result.status;
      }
    });
  }
  for (std::thread& request : requests) request.join();
  for (const auto& node : nodes_) EXPECT_EQ(Get(**node, "s1", "cart"), cart(counted));
}

}  // namespace
}  // namespace cohort::session
