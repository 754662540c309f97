#include "session/limits.h"

#include <gtest/gtest.h>

#include <string>

namespace cohort::session {
namespace {

TEST(SessionLimitsTest, OfANameThatIsSetTwiceTheLastCountsAndAnErasedOneThatIsSetIsSet) {
  Shape shape;
  shape.Set("a", 1);
  shape.Set("b", 1);
  std::vector<RefusedAttribute> refused;
  const SessionChanges fitting =
      Fit({.set = {{"a", "x"}, {"a", "yz"}}, .erased = {"a", "b", "c"}}, shape, refused);
  ASSERT_EQ(fitting.set.size(), 1U);
  EXPECT_EQ(fitting.set[0].value, "yz");
  EXPECT_EQ(fitting.erased, std::vector<std::string>{"b"});
  EXPECT_EQ(shape.values(), (Shape::Values{{"a", 2}}));
  EXPECT_TRUE(refused.empty());
}

TEST(SessionLimitsTest, AValueOneByteTooLargeIsRefusedAndItsOldOneErased) {
  Shape shape;
  std::vector<RefusedAttribute> refused;
  const std::string largest(kSessionValueBytesMax, 'v');
  EXPECT_EQ(Fit({.set = {{"a", largest}}}, shape, refused).set.size(), 1U);
  EXPECT_TRUE(refused.empty());
  const SessionChanges fitting = Fit({.set = {{"a", largest + "v"}, {"b", "1"}}}, shape, refused);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].name, "a");
  EXPECT_EQ(fitting.erased, std::vector<std::string>{"a"});
  ASSERT_EQ(fitting.set.size(), 1U);
  EXPECT_EQ(fitting.set[0].name, "b");
}

TEST(SessionLimitsTest, NothingIsCopiedWhereKnownAttributesAreSetOnceAndFit) {
  Shape shape;
  shape.Set("a", 1);
  shape.Set("b", 1);
  const Shape before = shape;
  EXPECT_TRUE(FitsWhole({.set = {{"b", "12"}, {"a", ""}}, .metadata = "m"}, shape));
  EXPECT_EQ(shape.values(), (Shape::Values{{"a", 0}, {"b", 2}}));
  EXPECT_EQ(shape.metadata_bytes, 1U);
  shape = before;
  const std::string too_large(kSessionValueBytesMax + 1, 'v');
  EXPECT_FALSE(FitsWhole({.set = {{"a", "1"}, {"b", too_large}}}, shape));
  EXPECT_FALSE(FitsWhole({.set = {{"a", "12"}, {"a", "1"}}}, shape));
  EXPECT_FALSE(FitsWhole({.set = {{"a", "12"}, {"new", "1"}}}, shape));
  EXPECT_FALSE(FitsWhole({.set = {{"a", "12"}}, .erased = {"b"}}, shape));
  EXPECT_EQ(shape.values(), before.values());
  const std::string half(kSessionBytesMax / 2, 'v');
  EXPECT_FALSE(FitsWhole({.set = {{"a", half}, {"b", half}}}, shape));
}

TEST(SessionLimitsTest, ASessionHasSoManyBytesAndNoMore) {
  Shape shape;
  std::vector<RefusedAttribute> refused;
  const size_t half = kSessionBytesMax / 2 - 1 - kSessionAttributeOverheadBytes;
  EXPECT_EQ(
      Fit({.set = {{"a", std::string(half, 'v')}, {"b", std::string(half, 'v')}}}, shape, refused)
          .set.size(),
      2U);
  EXPECT_EQ(shape.Bytes(), kSessionBytesMax);
  Fit({.set = {{"c", ""}}}, shape, refused);
  EXPECT_EQ(refused.size(), 1U);
  // What makes room first, has it.
  refused.clear();
  EXPECT_EQ(Fit({.set = {{"c", "1"}}, .erased = {"a"}}, shape, refused).set.size(), 1U);
  EXPECT_TRUE(refused.empty());
}

TEST(SessionLimitsTest, ASessionHasSoManyAttributesAndNoMore) {
  Shape shape;
  std::vector<RefusedAttribute> refused;
  for (size_t i = 0; i < kSessionAttributesMax; ++i) shape.Set(std::to_string(i), 1);
  EXPECT_EQ(Fit({.set = {{"0", "again"}}}, shape, refused).set.size(), 1U);
  EXPECT_TRUE(refused.empty());
  EXPECT_TRUE(Fit({.set = {{"one more", "1"}}}, shape, refused).set.empty());
  EXPECT_EQ(refused.size(), 1U);
}

TEST(SessionLimitsTest, IdsNamesAndMetadataBeyondTheirLimitsAreInvalid) {
  EXPECT_FALSE(CheckId("").ok());
  EXPECT_TRUE(CheckId(std::string(kSessionIdBytesMax, 'x')).ok());
  EXPECT_FALSE(CheckId(std::string(kSessionIdBytesMax + 1, 'x')).ok());
  EXPECT_TRUE(CheckChanges({.set = {{std::string(kSessionNameBytesMax, 'x'), ""}}}).ok());
  EXPECT_FALSE(CheckChanges({.set = {{std::string(kSessionNameBytesMax + 1, 'x'), ""}}}).ok());
  EXPECT_FALSE(CheckChanges({.set = {{"", "1"}}}).ok());
  EXPECT_FALSE(CheckChanges({.erased = {""}}).ok());
  EXPECT_TRUE(CheckChanges({.metadata = std::string(kSessionMetadataBytesMax, 'x')}).ok());
  EXPECT_FALSE(CheckChanges({.metadata = std::string(kSessionMetadataBytesMax + 1, 'x')}).ok());
}

TEST(SessionLimitsTest, OptionsOutOfTheirRangeAreNamed) {
  const auto text = [](const SessionStoreOptions& options) {
    return std::string(CheckOptions(options).message());
  };
  EXPECT_NE(text({}).find("application"), std::string::npos);
  EXPECT_NE(text({.application = std::string(kApplicationBytesMax + 1, 'x')}).find("application"),
            std::string::npos);
  EXPECT_EQ(text({.application = std::string(kApplicationBytesMax, 'x')}), "");
  EXPECT_NE(text({.application = "x", .timeout = absl::ZeroDuration()}).find("timeout"),
            std::string::npos);
  EXPECT_NE(text({.application = "x", .successor_step = absl::Hours(2)}).find("successor_step"),
            std::string::npos);
  EXPECT_NE(text({.application = "x", .orphan_time = absl::ZeroDuration()}).find("orphan_time"),
            std::string::npos);
}

}  // namespace
}  // namespace cohort::session
