// The rules of the house, applied to every source of the repository; and first, a bad example for
// each rule, because a rule that never fires proves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tidy/exceptions.h"
#include "tidy/rules.h"
#include "tidy/source.h"

namespace cohort::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Rule = void (*)(const Source&, Findings&);

Findings Try(Rule rule, const std::string& path, const std::string& text) {
  Findings findings;
  rule(MakeSource(path, text), findings);
  return findings;
}

std::string Lines(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += "f();\n";
  return text;
}

TEST(Canary, PurityFiresOutsideTheRuntime) {
  for (const char* bad :
       {"#include <asio.hpp>", "#include <asio/ip/tcp.hpp>", "#include <thread>",
        "#include <mutex>", "#include <random>", "#include <sys/socket.h>",
        "#include \"absl/synchronization/mutex.h\"", "auto t = std::chrono::steady_clock::now();",
        "auto t = std::chrono::system_clock::now();", "auto t = absl::Now();",
        "getrandom(p, 1, 0);", "std::random_device device;"}) {
    EXPECT_THAT(Try(CheckPurity, "src/rmcast/a.cc", bad), SizeIs(1)) << bad;
    EXPECT_THAT(Try(CheckPurity, "tests/rmcast/a_test.cc", bad), SizeIs(1)) << bad;
    EXPECT_THAT(Try(CheckPurity, "src/runtime/a.cc", bad), IsEmpty()) << bad;
  }
}

TEST(Canary, PurityFiresInPublicHeadersButTheOneForAsio) {
  const char* const include = "#include <asio/post.hpp>";
  EXPECT_THAT(Try(CheckPurity, "include/cohort/group.h", include), SizeIs(1));
  EXPECT_THAT(Try(CheckPurity, "include/cohort/asio.h", include), IsEmpty());
}

TEST(Canary, PurityIsNotMisledByProse) {
  EXPECT_THAT(Try(CheckPurity, "src/map/a.cc", "// not steady_clock::now\nf(\"getrandom\");\n"),
              IsEmpty());
}

TEST(Canary, LayersFireOnANeighbour) {
  EXPECT_THAT(Try(CheckLayers, "src/rmcast/a.h", "#include \"order/cut_order.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/map/a.h", "#include \"transfer/donor.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/transfer/a.h", "#include \"map/map_set.h\""), IsEmpty());
  EXPECT_THAT(Try(CheckLayers, "src/base/a.h", "#include \"wire/frames.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/engine/a.h", "#include \"runtime/stream.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/sim/a.h", "#include \"runtime/stream.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/sim/a.h", "#include \"engine/engine.h\""), IsEmpty());
  EXPECT_THAT(Try(CheckLayers, "src/sim/a.h", "#include \"testing/sim_world.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/testing/a.h", "#include \"sim/links.h\""), IsEmpty());
  EXPECT_THAT(Try(CheckLayers, "src/rmcast/a.h", "#include \"wire/frames.h\""), IsEmpty());
  EXPECT_THAT(Try(CheckLayers, "src/c_api/a.h", "#include \"runtime/stream.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/c_api/a.h", "#include \"base/buffer.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/runtime/a.h", "#include \"c_api/call.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/c_api/a.h", "#include \"cohort/group.h\""), IsEmpty());
  EXPECT_THAT(Try(CheckLayers, "src/session/a.h", "#include \"engine/engine.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/runtime/a.h", "#include \"session/core.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/session/a.h", "#include \"runtime/mutex.h\""), IsEmpty());
  EXPECT_THAT(Try(CheckLayers, "src/sim/a.h", "#include \"session/core.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/sim/a.h", "#include \"simsession/seat.h\""), SizeIs(1));
  EXPECT_THAT(Try(CheckLayers, "src/simsession/a.h", "#include \"session/core.h\""), IsEmpty());
}

TEST(Canary, ProtobufFiresOutsideCodecs) {
  const char* include = "#include \"cohort/v1/map.pb.h\"";
  EXPECT_THAT(Try(CheckProtobuf, "src/map/ordered_map.cc", include), SizeIs(1));
  EXPECT_THAT(Try(CheckProtobuf, "src/map/map_op_codec.h", include), SizeIs(1));
  EXPECT_THAT(Try(CheckProtobuf, "src/map/map_op_codec.cc", include), IsEmpty());
}

TEST(Canary, HashOrderFiresOnALoopOverATable) {
  const Source header =
      MakeSource("src/map/a.h", "absl::flat_hash_map<int, std::vector<int>> table_;\n");
  const Source loop = MakeSource("src/map/a.cc", "for (const auto& [k, v] : table_) f(k);\n");
  Findings findings;
  CheckHashOrder(loop, &header, findings);
  EXPECT_THAT(findings, SizeIs(1));
  findings.clear();
  CheckHashOrder(loop, nullptr, findings);
  EXPECT_THAT(findings, IsEmpty());
}

TEST(Canary, IostreamFires) {
  EXPECT_THAT(Try(CheckStreams, "src/map/a.cc", "#include <iostream>"), SizeIs(1));
}

TEST(Canary, SizesFireOnePastTheLimit) {
  EXPECT_THAT(Try(CheckSizes, "src/map/a.cc", std::string(kLineColumnsMax, 'x')), IsEmpty());
  EXPECT_THAT(Try(CheckSizes, "src/map/a.cc", std::string(kLineColumnsMax + 1, 'x')), SizeIs(1));
  EXPECT_THAT(Try(CheckSizes, "src/map/a.cc", Lines(kFileLinesMax)), IsEmpty());
  EXPECT_THAT(Try(CheckSizes, "src/map/a.cc", Lines(kFileLinesMax + 1)), SizeIs(1));
  EXPECT_THAT(Try(CheckSizes, "src/map/a.h", Lines(kHeaderLinesMax + 1)), SizeIs(1));
}

TEST(Canary, FunctionsFireOnePastTheLimit) {
  const auto function = [](const std::string& head, size_t lines) {
    return "namespace a {\nclass B {\n" + head + " {\n" + Lines(lines - 2) + "}\n};\n}\n";
  };
  for (const char* head : {"void F()", "B() : x_{1}, y_(2)", "template <class T> T G(T t) const",
                           "TEST(F, G)", "auto H(int a,\n  int b) -> int"}) {
    EXPECT_THAT(Try(CheckFunctions, "src/a/a.cc", function(head, kFunctionLinesMax)), IsEmpty());
    EXPECT_THAT(Try(CheckFunctions, "src/a/a.cc", function(head, kFunctionLinesMax + 1)), SizeIs(1))
        << head;
  }
  EXPECT_THAT(Try(CheckFunctions, "src/a/a.cc", function("struct Long", 100)), IsEmpty());
  EXPECT_THAT(Try(CheckFunctions, "src/a/a.cc", "const int kTable[] = {\n" + Lines(100) + "};\n"),
              IsEmpty());
}

TEST(Canary, FunctionsOfJavaFireInsideTheirTypes) {
  const auto method = [](const std::string& type, size_t lines) {
    return type + " {\n  @Test\n  void f(int a) {\n" + Lines(lines - 2) + "  }\n}\n";
  };
  for (const char* type :
       {"final class A", "public final class A<T> implements B", "public record A(int a)",
        "public sealed interface A", "@Timeout(120)\nclass A"}) {
    EXPECT_THAT(Try(CheckFunctions, "java/a/A.java", method(type, kFunctionLinesMax)), IsEmpty());
    EXPECT_THAT(Try(CheckFunctions, "java/a/A.java", method(type, kFunctionLinesMax + 1)),
                SizeIs(1))
        << type;
  }
}

TEST(Canary, TestsFireOnSleepAndSkip) {
  const char* sleep = "std::this_thread::sleep_for(x);";
  EXPECT_THAT(Try(CheckTests, "tests/map/a_test.cc", sleep), SizeIs(1));
  EXPECT_THAT(Try(CheckTests, "tests/map/a_test.cc", "absl::SleepFor(x);"), SizeIs(1));
  EXPECT_THAT(Try(CheckTests, "tests/map/a_test.cc", "usleep(1);"), SizeIs(1));
  EXPECT_THAT(Try(CheckTests, "tests/e2e/a.cc", sleep), IsEmpty());
  EXPECT_THAT(Try(CheckTests, "java/a/src/test/java/A.java", "Thread.sleep(1);"), SizeIs(1));
  EXPECT_THAT(Try(CheckTests, "java/a/src/test/java/A.java", "@Disabled void a() {}"), SizeIs(1));
  EXPECT_THAT(Try(CheckTests, "tests/map/a_test.cc", "GTEST_SKIP();"), SizeIs(1));
  EXPECT_THAT(Try(CheckTests, "tests/map/a_test.cc", "TEST(A, DISABLED_B) {}"), SizeIs(1));
}

TEST(Canary, MarksFireInComments) {
  EXPECT_THAT(Try(CheckMarks, "src/map/a.cc",
                  "// TO"
                  "DO: later"),
              SizeIs(1));
  EXPECT_THAT(Try(CheckMarks, "src/map/a.cc",
                  "// FIX"
                  "ME"),
              SizeIs(1));
}

TEST(Canary, LinksFireOnAMissingFile) {
  Findings findings;
  CheckLinks(COHORT_SOURCE_DIR, "docs/a.md", "[x](missing.md) [y](../LICENSE#top) [z](#here)",
             findings);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].text, "missing.md");
}

TEST(Canary, CitationsFireOnAClauseOrADocumentThatIsNotThere) {
  const std::set<std::string> clauses = {"4.1", "4.2", "5.1"};
  const auto cited = [&](const std::string& text) {
    Findings findings;
    CheckCitations(COHORT_SOURCE_DIR, clauses, MakeSource("src/map/a.cc", text), findings);
    return findings.size();
  };
  EXPECT_EQ(cited("f();  // Spec 4.1.\n// Clauses 4.1, 4.2 and 5.1; TLS 1.3.\n"), 0U);
  EXPECT_EQ(cited("// Spec 4.3."), 1U);
  EXPECT_EQ(cited("// Spec 4.1, 4.7 (as 4.2)."), 1U);
  EXPECT_EQ(cited("// docs/protocol.md, clauses 4.1 to 4.9."), 1U);
  EXPECT_EQ(cited("// See docs/resp.md."), 0U);
  EXPECT_EQ(cited("// See docs/rsep.md."), 1U);
  EXPECT_EQ(cited("// See docs/protocol.md, chapter \"Counters\"."), 1U);
  Findings findings;
  CheckClauseLinks(clauses, "docs/a.md", "[4.1](protocol/map.md) [4.9](protocol/map.md)", findings);
  EXPECT_THAT(findings, SizeIs(1));
}

TEST(Canary, TheListOfExceptionsIsARatchet) {
  const Findings findings = {{"file", "a.cc", 650, 650, "650 lines"}};
  EXPECT_THAT(Judge(findings, ""), ElementsAre(HasSubstr("breaks a rule")));
  EXPECT_THAT(Judge(findings, "file a.cc 650\n"), IsEmpty());
  EXPECT_THAT(Judge(findings, "file a.cc 649\n"), ElementsAre(HasSubstr("grew")));
  EXPECT_THAT(Judge({}, "# words\nfile a.cc 650\n"), ElementsAre(HasSubstr("no longer needed")));
}

Findings CheckEverything(const std::vector<Source>& sources) {
  std::map<std::string, const Source*> by_path;
  for (const Source& source : sources) by_path[source.path] = &source;
  Findings findings;
  for (const Source& source : sources) {
    for (Rule rule : {CheckPurity, CheckLayers, CheckProtobuf, CheckStreams, CheckSizes,
                      CheckFunctions, CheckTests, CheckMarks}) {
      rule(source, findings);
    }
    const std::string stem = source.path.substr(0, source.path.rfind('.'));
    const auto header = by_path.find(stem + ".h");
    const bool has_header = !source.IsHeader() && header != by_path.end();
    CheckHashOrder(source, has_header ? header->second : nullptr, findings);
  }
  const std::set<std::string> clauses = FindClauses(COHORT_SOURCE_DIR);
  for (const Source& source : sources) {
    if (source.IsUnder("tests/tidy/")) continue;  // Bad examples.
    CheckCitations(COHORT_SOURCE_DIR, clauses, source, findings);
  }
  for (const std::string& path : FindMarkdown(COHORT_SOURCE_DIR)) {
    const std::string text = ReadText(COHORT_SOURCE_DIR "/" + path);
    CheckLinks(COHORT_SOURCE_DIR, path, text, findings);
    CheckClauseLinks(clauses, path, text, findings);
  }
  return findings;
}

TEST(Tidy, EverySourceKeepsTheRulesOfTheHouse) {
  const std::vector<Source> sources = ReadSources(COHORT_SOURCE_DIR);
  ASSERT_GT(sources.size(), 200U);  // Else we looked in the wrong place.
  const std::string exceptions = ReadText(COHORT_SOURCE_DIR "/tests/tidy/exceptions.txt");
  ASSERT_FALSE(exceptions.empty());
  for (const std::string& verdict : Judge(CheckEverything(sources), exceptions)) {
    ADD_FAILURE() << verdict;
  }
}

}  // namespace
}  // namespace cohort::tidy
