// Members that are heard, but not by multicast (Spec 7.7).
#include "failure/mesh.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::failure {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MulticastPathTest, WhoseMulticastIsLostIsAskedForCopiesUntilItArrivesAgain) {
  Mesh mesh(4);
  mesh.RunFor(kSettled);
  mesh.CutMulticast(0, 2);
  mesh.RunFor(seconds(2));
  EXPECT_THAT(mesh.multicast_told, ElementsAre(Mesh::ToldMulticast{2, 0, true}));
  EXPECT_THAT(mesh.detector(0).copies(), ElementsAre(2));
  EXPECT_THAT(mesh.detector(1).copies(), IsEmpty());
  EXPECT_EQ(mesh.rejoins, 1u);
  mesh.CutMulticast(0, 2, false);
  mesh.RunFor(seconds(1));
  EXPECT_THAT(mesh.multicast_told,
              ElementsAre(Mesh::ToldMulticast{2, 0, true}, Mesh::ToldMulticast{2, 0, false}));
  EXPECT_THAT(mesh.detector(0).copies(), IsEmpty());
  EXPECT_THAT(mesh.convictions, IsEmpty());
}

TEST(MulticastPathTest, AGroupWithoutAnyMulticastLivesOnByCopiesAndTriesAgainEveryHalfMinute) {
  Mesh mesh(3);
  mesh.RunFor(kSettled);
  for (Rank from : {0, 1, 2}) {
    for (Rank to : {0, 1, 2}) mesh.CutMulticast(from, to);
  }
  mesh.RunFor(seconds(100));
  EXPECT_EQ(mesh.multicast_told.size(), 6u);
  EXPECT_EQ(mesh.rejoins, 3u * 4);
  EXPECT_THAT(mesh.suspicions, IsEmpty());
  EXPECT_THAT(mesh.detector(1).copies(), ElementsAre(0, 2));
}

TEST(MulticastPathTest, RandomLossAndStopsAreNotTakenForLostMulticast) {
  Mesh mesh(3, 7);
  mesh.SetLoss(0.2);
  for (int round = 0; round < 20; ++round) {
    mesh.RunFor(seconds(30));
    mesh.Stop(1);
    mesh.RunFor(seconds(1));
    mesh.Resume(1);
  }
  EXPECT_THAT(mesh.multicast_told, IsEmpty());
}

// Half a second of every two gets through.
TEST(MulticastPathTest, APathThatComesAndGoesIsTakenForLostForLongerAndLonger) {
  Mesh mesh(3);
  mesh.RunFor(kSettled);
  const auto minute = [&] {
    mesh.multicast_told.clear();
    for (int i = 0; i < 30; ++i) {
      mesh.CutMulticast(0, 2);
      mesh.RunFor(milliseconds(1500));
      mesh.CutMulticast(0, 2, false);
      mesh.RunFor(milliseconds(500));
    }
    return mesh.multicast_told.size();
  };
  EXPECT_LE(minute(), 20u) << "60 without damping";
  for (int i = 0; i < 4; ++i) EXPECT_LE(minute(), 4u);
  mesh.RunFor(seconds(61));
  EXPECT_THAT(mesh.detector(0).copies(), IsEmpty()) << "whole again, it is used in the end";
  EXPECT_THAT(mesh.convictions, IsEmpty());
}

TEST(MulticastPathTest, TwoMembersUseNoMulticastAndMissNone) {
  Mesh mesh(2);
  mesh.CutMulticast(0, 1);
  mesh.RunFor(seconds(20));
  EXPECT_THAT(mesh.multicast_told, IsEmpty());
}

}  // namespace
}  // namespace cohort::failure
