// The file in which NGINX reads who is down; its form is that of tools/nginx/cohort-nginx.
#include "upstream_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr const char* kText = R"(# Written by cohort-nginx.
# down: n3

upstream cohort_new {
  server 10.0.0.1:8080 max_fails=1; # n1
  server 10.0.0.2:8080 max_fails=1; # n2
  server 127.0.0.1:18665 max_fails=0 backup;
}

upstream cohort_for_n1 {
  server 10.0.0.2:8080 max_fails=0 weight=65535; # n2
  server 10.0.0.1:8080 max_fails=0 weight=1; # n1
}

upstream cohort_for_n2 {
  server 10.0.0.1:8080 max_fails=0 weight=65535; # n1
  server 10.0.0.2:8080 max_fails=0 weight=1; # n2
}

upstream cohort_to_n3 {
  server 10.0.0.3:8080 max_fails=0 down; # n3
}
)";

UpstreamFile Parsed(const std::string& text) {
  const absl::StatusOr<UpstreamFile> file = ParseUpstreams(text);
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? *file : UpstreamFile{};
}

TEST(UpstreamFileTest, KnowsServersWhoIsDownAndWhoStandsInForWhom) {
  const UpstreamFile file = Parsed(kText);
  EXPECT_THAT(file.addresses, ElementsAre(Pair("n1", "10.0.0.1:8080"), Pair("n2", "10.0.0.2:8080"),
                                          Pair("n3", "10.0.0.3:8080")));
  EXPECT_THAT(file.names, ElementsAre("n1", "n2", "n3"));
  EXPECT_THAT(file.down, ElementsAre("n3"));
  EXPECT_THAT(file.clusters, ElementsAre(ElementsAre("n1", "n2"), ElementsAre("n3")));
}

TEST(UpstreamFileTest, AMarkIsPutIntoAllLinesOfAServerAndNoOthers) {
  const std::string text = WithMarks(Parsed(kText), {{"n1", true}});
  EXPECT_THAT(text, HasSubstr("  server 10.0.0.1:8080 max_fails=1 down; # n1\n"));
  EXPECT_THAT(text, HasSubstr("weight=65535 down; # n1\n"));
  EXPECT_THAT(text, HasSubstr("weight=1 down; # n1\n"));
  EXPECT_THAT(text, HasSubstr("# down: n1 n3\n"));
  EXPECT_THAT(Parsed(text).down, ElementsAre("n1", "n3"));
}

TEST(UpstreamFileTest, MarksTakenOutAgainGiveTheSameBytes) {
  const std::string text = WithMarks(Parsed(kText), {{"n1", true}, {"n2", true}});
  EXPECT_EQ(WithMarks(Parsed(text), {{"n1", false}, {"n2", false}}), kText);
  EXPECT_EQ(WithMarks(Parsed(kText), {}), kText);
  const std::string without_end(kText, std::string(kText).size() - 1);
  EXPECT_EQ(WithMarks(Parsed(without_end), {}), without_end);
}

TEST(UpstreamFileTest, NobodyDownIsSaidByADash) {
  EXPECT_THAT(WithMarks(Parsed(kText), {{"n3", false}}), HasSubstr("# down: -\n"));
}

TEST(UpstreamFileTest, AServerOfWhichOnlySomeLinesAreMarkedIsMadeEven) {
  std::string text = kText;
  const std::string line = "max_fails=1; # n1";
  text.replace(text.find(line), line.size(), "max_fails=1 down; # n1");
  EXPECT_THAT(Parsed(text).down, ElementsAre("n3"));
  EXPECT_EQ(WithMarks(Parsed(text), {{"n1", false}}), kText);
}

TEST(UpstreamFileTest, LinesThatOnlyLookAlikeAreNoServers) {
  for (const char* text : {"", "# server a; # n1\n", "  server a; # n 1\n", "  server a; #n1\n",
                           "upstream a {\n  server a;\n}\n", "  server a; # \n"}) {
    EXPECT_EQ(ParseUpstreams(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(UpstreamFileTest, AFileWhoseLinesEndAsOnWindowsIsRefusedInWordsThatSayWhatToDo) {
  std::string text;
  for (const char c : std::string_view(kText)) text += c == '\n' ? "\r\n" : std::string(1, c);
  const absl::Status status = ParseUpstreams(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("CR LF"));
}

TEST(UpstreamFileTest, TooManyServersAreRefused) {
  std::string text;
  for (size_t i = 0; i <= kUpstreamServersMax; ++i)
    text += "  server 10.0.0.1:80; # n" + std::to_string(i) + "\n";
  EXPECT_THAT(std::string(ParseUpstreams(text).status().message()), HasSubstr("more than 1024"));
}

class UpstreamFileOnDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "upstreams-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/cohort-upstreams.conf";
  }
  void TearDown() override {
    ::unlink(path_.c_str());
    EXPECT_EQ(::rmdir(directory_.c_str()), 0) << "something was left in " << directory_;
  }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }
  UpstreamFile Read() const {
    const absl::StatusOr<UpstreamFile> file = ReadUpstreams(path_);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *file : UpstreamFile{};
  }

  std::string directory_;
  std::string path_;
};

TEST_F(UpstreamFileOnDiskTest, IsReplacedWholeAndKeepsItsMode) {
  Write(kText);
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  const std::string text = WithMarks(Parsed(kText), {{"n1", true}});
  ASSERT_TRUE(ReplaceUpstreams(path_, Read(), text).ok());
  const absl::StatusOr<UpstreamFile> file = ReadUpstreams(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->text, text);
  struct stat facts{};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0640u);
}

TEST_F(UpstreamFileOnDiskTest, WhatAnotherHasWrittenMeanwhileIsNotOverwritten) {
  Write(kText);
  const UpstreamFile read = Read();
  const std::string theirs = std::string(kText) + "# by cohort-nginx\n";
  const std::string fresh = directory_ + "/fresh";
  std::ofstream(fresh) << theirs;
  ASSERT_EQ(::rename(fresh.c_str(), path_.c_str()), 0);
  const std::string ours = WithMarks(read, {{"n1", true}});
  EXPECT_EQ(ReplaceUpstreams(path_, read, ours).code(), absl::StatusCode::kAborted);
  const UpstreamFile now = Read();
  EXPECT_EQ(now.text, theirs);
  EXPECT_TRUE(ReplaceUpstreams(path_, now, WithMarks(now, {{"n1", true}})).ok());
  EXPECT_THAT(Read().text, HasSubstr("# by cohort-nginx"));
  EXPECT_THAT(Read().down, ElementsAre("n1", "n3"));
}

TEST_F(UpstreamFileOnDiskTest, BehindALinkTheFileIsReplacedAndTheLinkStays) {
  const std::string real = directory_ + "/real.conf";
  std::ofstream(real) << kText;
  ASSERT_EQ(::symlink("real.conf", path_.c_str()), 0);
  const UpstreamFile read = Read();
  ASSERT_TRUE(ReplaceUpstreams(path_, read, WithMarks(read, {{"n1", true}})).ok());
  struct stat facts{};
  ASSERT_EQ(::lstat(path_.c_str(), &facts), 0);
  EXPECT_TRUE(S_ISLNK(facts.st_mode));
  EXPECT_THAT(ReadUpstreams(real)->down, ElementsAre("n1", "n3"));
  ::unlink(real.c_str());
}

TEST_F(UpstreamFileOnDiskTest, WhatIsNotThereOrTooLargeIsSaidWithItsName) {
  const absl::Status missing = ReadUpstreams(path_).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("cohort-upstreams.conf"));
  EXPECT_FALSE(ReplaceUpstreams(path_, Parsed(kText), kText).ok())
      << "only a file that is there is replaced";
  Write(std::string(kUpstreamFileBytesMax + 1, ' '));
  EXPECT_EQ(ReadUpstreams(path_).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace cohort::tools
