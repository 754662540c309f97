// When a store asks the map whose a session is, and when it knows.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "session/core.h"
#include "tests/session/fake_map.h"

namespace cohort::session {
namespace {

class UntouchedTest : public ::testing::Test {
 protected:
  UntouchedTest() {
    SessionStoreOptions options;
    options.application = "/shop";
    core_ = std::make_shared<Core>(options);
    EXPECT_TRUE(core_->Attach(FakeMap::HomeOf(map_)).ok());
    map_->Begin("s1");
    map_->changes = 1;
    Save();  // Claims it.
    Save();  // Asks the map.
  }
  void Save() { EXPECT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}}).ok()); }
  template <class Function>
  bool AsksFor(Function&& function) {
    const int before = map_->times_asked_for_owner;
    function();
    return map_->times_asked_for_owner != before;
  }

  const std::shared_ptr<FakeMap> map_ = std::make_shared<FakeMap>();
  std::shared_ptr<Core> core_;
};

TEST_F(UntouchedTest, TheMapIsNotAskedForASessionToWhichNothingHasHappened) {
  EXPECT_FALSE(AsksFor([&] { Save(); }));
  EXPECT_FALSE(AsksFor([&] { EXPECT_TRUE(core_->IsOwner("s1")); }));
}

TEST_F(UntouchedTest, TheMapIsAskedOnceWhenSomethingMayHaveHappened) {
  map_->changes = 2;
  EXPECT_TRUE(AsksFor([&] { EXPECT_TRUE(core_->IsOwner("s1")); }));
  EXPECT_TRUE(AsksFor([&] { Save(); }));
  EXPECT_FALSE(AsksFor([&] { Save(); }));
}

TEST_F(UntouchedTest, TheMapIsAskedWhereItDoesNotCount) {
  map_->changes.reset();
  EXPECT_TRUE(AsksFor([&] { Save(); }));
  EXPECT_TRUE(AsksFor([&] { Save(); }));
}

TEST_F(UntouchedTest, AFenceIsCheckedAllTheSame) {
  const uint64_t fence = core_->Load("s1")->fence;
  EXPECT_TRUE(core_->Save("s1", {.set = {{"n", "1"}}, .fence = fence}).ok());
  EXPECT_TRUE(absl::IsAborted(core_->Save("s1", {.set = {{"n", "1"}}, .fence = fence + 1}).status));
}

TEST_F(UntouchedTest, TheMapIsAskedAfterAWriteThatWasRefused) {
  map_->answer = absl::AbortedError("another member owns it");
  EXPECT_FALSE(core_->Save("s1", {.set = {{"n", "1"}}}).ok());
  map_->answer = absl::OkStatus();
  EXPECT_TRUE(AsksFor([&] { Save(); }));
}

}  // namespace
}  // namespace cohort::session
