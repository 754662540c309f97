#include "runtime/peer_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/seed_builders.h"

namespace cohort::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using enum absl::StatusCode;

class PeerCacheTest : public ::testing::Test {
 protected:
  PeerCacheTest() : folder_(::testing::TempDir() + "/peer_cache_" + std::to_string(getpid())) {
    std::filesystem::create_directory(folder_);
  }
  ~PeerCacheTest() override { std::filesystem::remove_all(folder_); }
  std::string Path() const { return folder_ + "/peers"; }
  void Put(const std::string& text) const { std::ofstream(Path(), std::ios::binary) << text; }
  std::string Text() const {
    std::ifstream file(Path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t Files() const {
    const std::filesystem::directory_iterator all(folder_);
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  }
  absl::Status Trouble() const { return ReadPeerCache(Path(), "shop").status(); }

  const std::string folder_;
};

TEST_F(PeerCacheTest, WhatIsWrittenIsReadAndNobodyElseMayReadIt) {
  const std::vector peers = {At("10.0.0.2:7600"), At("[fd00::3]:7601"), At("[fe80::1%3]:7602")};
  ASSERT_TRUE(WritePeerCache(Path(), "shop", peers).ok());
  const auto read = ReadPeerCache(Path(), "shop");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, peers);
  struct stat facts{};
  ASSERT_EQ(stat(Path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_EQ(Files(), 1u) << "nothing else is left behind";
}

TEST_F(PeerCacheTest, WhereThereIsNoFileThereAreNoPeers) {
  const auto read = ReadPeerCache(Path(), "shop");
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(*read, IsEmpty());
}

TEST_F(PeerCacheTest, AFileOfSomebodyElseIsNotTaken) {
  for (const char* text : {"root:x:0:0:root:/root:/bin/sh\n", "10.0.0.2:7600\n", "\n"}) {
    Put(text);
    EXPECT_EQ(Trouble().code(), kFailedPrecondition) << text;
    EXPECT_THAT(std::string(Trouble().message()),
                AllOf(HasSubstr(Path()), HasSubstr("no peer cache")));
  }
  Put(FormatPeerCache("mall", std::vector{At("10.0.0.2:7600")}));
  EXPECT_EQ(Trouble().code(), kFailedPrecondition);
  EXPECT_THAT(std::string(Trouble().message()), HasSubstr("another group"));
}

TEST_F(PeerCacheTest, ADamagedOneIsNotUsedAndSaysWhere) {
  const std::string good = FormatPeerCache("shop", std::vector{At("10.0.0.2:7600")});
  const auto trouble = [&](const std::string& text) {
    Put(text);
    EXPECT_EQ(Trouble().code(), kDataLoss) << text;
    return std::string(Trouble().message());
  };
  EXPECT_THAT(trouble(good + "not an address\n"), HasSubstr("line 3 is no address"));
  EXPECT_THAT(trouble(good + "10.0.0.3:0\n"), HasSubstr("line 3"));
  EXPECT_THAT(trouble(good + std::string(5, '\0') + "\n"), HasSubstr("line 3"));
  EXPECT_THAT(trouble(good.substr(0, good.size() - 3)), HasSubstr("end is missing"));
  std::string many = good;
  for (size_t i = 0; i < kPeersMax; ++i) many += "10.0.0.2:7600\n";
  EXPECT_THAT(trouble(many), HasSubstr("too many lines"));
  EXPECT_THAT(trouble(good + std::string(kPeerCacheBytesMax, 'x')), HasSubstr("too large"));
}

TEST_F(PeerCacheTest, AnyNameOfAGroupFitsItsLine) {
  const std::string group("a\nb %\0\xff", 7);
  const std::string text = FormatPeerCache(group, std::vector{At("10.0.0.2:7600")});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_TRUE(ParsePeerCache(group, text).ok());
  EXPECT_FALSE(ParsePeerCache("a", text).ok());
}

TEST_F(PeerCacheTest, NoMoreThanTheLimitIsWritten) {
  const std::vector<Address> many(kPeersMax + 9, At("10.0.0.2:7600"));
  EXPECT_THAT(*ParsePeerCache("shop", FormatPeerCache("shop", many)), SizeIs(kPeersMax));
}

TEST_F(PeerCacheTest, APathThatCannotBeWrittenIsAnErrorThatNamesIt) {
  const std::string path = folder_ + "/none/peers";
  const absl::Status status = WritePeerCache(path, "shop", std::vector{At("10.0.0.2:7600")});
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  EXPECT_EQ(ReadPeerCache(folder_, "shop").status().code(), kFailedPrecondition) << "a folder";
}

TEST_F(PeerCacheTest, TheWriterLeavesTheNewestViewOnDisk) {
  {
    PeerCacheWriter writer(Path(), "shop", [](const std::string& text) { ADD_FAILURE() << text; });
    writer.Note({At("10.0.0.2:7600")});
    writer.Note({At("10.0.0.3:7600"), At("10.0.0.2:7600")});
    writer.Note({});  // It is alone now, and shall find them again.
  }
  EXPECT_EQ(Text(), "cohort-peers-1 shop\n10.0.0.3:7600\n10.0.0.2:7600\n");
}

TEST_F(PeerCacheTest, TheWriterSaysOnceThatItCannot) {
  std::vector<std::string> troubles;
  {
    PeerCacheWriter writer(folder_ + "/none/peers", "shop",
                           [&](const std::string& text) { troubles.push_back(text); });
    writer.Note({At("10.0.0.2:7600")});
    writer.Note({At("10.0.0.3:7600")});
  }
  EXPECT_THAT(troubles, ElementsAre(HasSubstr("peer_cache")));
}

TEST_F(PeerCacheTest, PeersAreTheOthersOfAView) {
  View view;
  for (const char* address : {"10.0.0.1:7600", "10.0.0.2:7600", "no address"}) {
    view.members.emplace_back();
    view.members.back().address = address;
  }
  EXPECT_THAT(PeersOf(view, At("10.0.0.1:7600")), ElementsAre(At("10.0.0.2:7600")));
}

}  // namespace
}  // namespace cohort::runtime
