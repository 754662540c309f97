// The documents do not lie: first a bad example for each check, because a check that never fires
// proves nothing; then all documents, and what the program says of itself.
#include "documents/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "tidy/source.h"

namespace cohort::documents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const char* const kRoot = COHORT_SOURCE_DIR;

// ---- A bad example each.

TEST(Canary, ABlockOfCppThatIsNotCompiledIsFound) {
  const std::vector<Text> compiled = {
      MakeText("examples/a/main.cc", "int F() {\n  g();\n\n  h();\n}\n")};
  const auto check = [&](const std::string& shown) {
    return CheckCode(MakeText("a.md", "words\n```cpp\n" + shown + "```\n"), compiled);
  };
  EXPECT_THAT(check("  g();\n\n  h();\n"), IsEmpty());
  EXPECT_THAT(check("g();\n\nh();\n"), IsEmpty());
  EXPECT_THAT(check("g();\n  h();\n"), SizeIs(1));
  EXPECT_THAT(check("g();\n\n  h();\n"), SizeIs(1));
  EXPECT_THAT(check("g();\nh();\n"), SizeIs(1));
  EXPECT_THAT(check(""), SizeIs(1));
  EXPECT_THAT(check("i();\n"), ElementsAre(HasSubstr("a.md:3: this cpp block is no part of")));
}

TEST(Canary, CppOutsideABlockOfCppIsFound) {
  for (const char* bad : {"```\n#include <x.h>\n```\n", "```c++\ncohort::Group g = f();\n```\n",
                          "    cohort::Group g = f();\n"}) {
    EXPECT_THAT(CheckCode(MakeText("a.md", bad), {}), ElementsAre(HasSubstr("mark it"))) << bad;
  }
  EXPECT_THAT(CheckCode(MakeText("a.h", "//   cohort::Group::Join({});\n"), {}), SizeIs(1));
  EXPECT_THAT(CheckCode(MakeText("a.h", "  cohort::Group::Join({});\n"), {}), IsEmpty());
  EXPECT_THAT(CheckCode(MakeText("a.md", "A `cohort::Group` leaves;\n"), {}), IsEmpty());
}

TEST(Canary, ABlockOfCThatIsNotCompiledIsFound) {
  const std::vector<Text> compiled = {MakeText("examples/c/main.c", "  cohort_map_close(map);\n")};
  const auto check = [&](const std::string& language, const std::string& shown) {
    return CheckCode(MakeText("a.md", "```" + language + "\n" + shown + "```\n"), compiled);
  };
  EXPECT_THAT(check("c", "cohort_map_close(map);\n"), IsEmpty());
  EXPECT_THAT(check("c", "cohort_map_close(m);\n"), SizeIs(1));
  EXPECT_THAT(check("", "cohort_map_close(map);\n"), ElementsAre(HasSubstr("mark it")));
}

TEST(Canary, ABlockOfCmakeThatIsNotConfiguredIsFound) {
  const std::vector<Text> configured = {MakeText("CMakeLists.txt", "a()\nb()\n")};
  EXPECT_THAT(CheckCmake(MakeText("a.md", "```cmake\na()\nb()\n```\n"), configured), IsEmpty());
  EXPECT_THAT(CheckCmake(MakeText("a.md", "```cmake\nb()\na()\n```\n"), configured), SizeIs(1));
}

TEST(Canary, CommandsAreFoundInBlocksInExamplesAndInSentences) {
  const Text text = MakeText("a.md",
                             "Say `cohort node` or `cohort sim --seed 1`.\n```\n"
                             "cohort keygen --out k   # once\nuser   cohort status\n```\n"
                             "    cohort status --json &\n");
  std::vector<std::string> found;
  for (const Command& command : FindCommands(text, "cohort")) {
    std::string line = command.whole ? "!" : "?";
    for (const std::string& word : command.words) line += " " + word;
    found.push_back(line);
  }
  EXPECT_THAT(found, ElementsAre("? cohort node", "? cohort sim --seed 1",
                                 "! cohort keygen --out k", "! cohort status --json"));
}

TEST(Canary, AnUnknownCommandOrOptionIsFound) {
  const auto help = [](const std::string& command) {
    return std::string(command == "node" ? "--name TEXT\n--http-port N" : "");
  };
  const auto check = [&](std::vector<std::string> words) {
    return CheckOptions({"a.md:1", std::move(words), true}, help);
  };
  EXPECT_THAT(check({"cohort", "node", "--name", "a", "--help"}), IsEmpty());
  EXPECT_THAT(check({"cohort", "node", "--name=a"}), IsEmpty());
  EXPECT_THAT(check({"cohort", "COMMAND", "--help"}), IsEmpty());
  EXPECT_THAT(check({"cohort", "node", "--nam"}), SizeIs(1));
  EXPECT_THAT(check({"cohort", "node", "--http"}), SizeIs(1));
  EXPECT_THAT(check({"cohort", "nod"}), SizeIs(1));
}

TEST(Canary, ABlockOfJavaThatIsNotCompiledIsFound) {
  const std::vector<Text> compiled = {MakeText("java/a/A.java", "    store.load(id);\n")};
  const auto check = [&](const std::string& language, const std::string& shown) {
    return CheckCode(MakeText("a.md", "```" + language + "\n" + shown + "```\n"), compiled);
  };
  EXPECT_THAT(check("java", "store.load(id);\n"), IsEmpty());
  EXPECT_THAT(check("java", "store.load(key);\n"), ElementsAre(HasSubstr("under java/")));
  EXPECT_THAT(check("", "import io.cohort.Group;\n"), ElementsAre(HasSubstr("mark it")));
}

TEST(Canary, ATestOfJavaThatIsNamedAndNotThereIsFound) {
  const std::vector<Text> compiled = {MakeText("java/a/ATest.java", "  void isSo() throws E {\n")};
  const auto check = [&](const std::string& named) {
    return CheckTestNames(MakeText("a.md", "| `" + named + "` | - |\n"), compiled);
  };
  EXPECT_THAT(check("ATest.isSo"), IsEmpty());
  EXPECT_THAT(check("ATest.is"), ElementsAre(HasSubstr("a.md:1: there is no test `ATest.is`")));
  EXPECT_THAT(check("BTest.isSo"), SizeIs(1));
}

// ---- All documents.

std::vector<Text> Read(const std::vector<std::string>& paths) {
  std::vector<Text> texts;
  for (const std::string& path : paths)
    texts.push_back(MakeText(path, tidy::ReadText(std::string(kRoot) + "/" + path)));
  return texts;
}

std::vector<std::string> FilesNamed(const std::string& folder, const std::string& ending) {
  std::vector<std::string> found;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(kRoot) + "/" + folder)) {
    const std::string path = std::filesystem::relative(entry.path(), kRoot).generic_string();
    if (path.ends_with(ending)) found.push_back(path);
  }
  return found;
}

std::vector<Text> Documents() {
  std::vector<Text> texts = Read(tidy::FindMarkdown(kRoot));
  for (Text& header : Read(FilesNamed("include/cohort", ".h"))) texts.push_back(std::move(header));
  return texts;
}

// Standard output and standard error of a command line; its exit status last.
std::pair<std::string, int> RunLine(const std::string& line) {
  std::string said;
  FILE* const pipe = popen((line + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {"", -1};
  char buffer[4096];
  for (size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) said.append(buffer, got);
  return {said, pclose(pipe)};
}

// What the program says of one of its commands, asked once.
std::string HelpOf(const std::string& command) {
  static const std::string overview = RunLine(COHORT_PROGRAM " --help").first;
  static std::map<std::string, std::string> known;
  if (overview.find("\n  " + command + " ") == std::string::npos) return "";
  std::string& help = known[command];
  if (help.empty()) help = RunLine(COHORT_PROGRAM " " + command + " --help").first;
  return help;
}

void ExpectNone(const Complaints& complaints) {
  for (const std::string& complaint : complaints) ADD_FAILURE() << complaint;
}

TEST(Documents, ShowOnlyCodeThatIsCompiledAndCmakeThatIsConfigured) {
  std::vector<Text> examples = Read(FilesNamed("examples", ".cc"));
  for (Text& in_c : Read(FilesNamed("examples", ".c"))) examples.push_back(std::move(in_c));
  const std::vector<Text> foreign = Read(FilesNamed("cmake/install_test", "CMakeLists.txt"));
  const std::string built = tidy::ReadText(std::string(kRoot) + "/examples/CMakeLists.txt");
  for (const Text& example : examples) {
    const std::string folder = std::filesystem::path(example.path).parent_path().filename();
    EXPECT_THAT(built, HasSubstr(folder)) << example.path << " is not built: name it there";
  }
  for (Text& in_java : Read(FilesNamed("java", ".java"))) examples.push_back(std::move(in_java));
  size_t blocks = 0;
  for (const Text& document : Documents()) {
    blocks += FindBlocks(document).size();
    ExpectNone(CheckCode(document, examples));
    ExpectNone(CheckTestNames(document, examples));
    ExpectNone(CheckCmake(document, foreign));
  }
  EXPECT_GT(blocks, 6U);  // Else we looked in the wrong place.
}

TEST(Documents, ShowOnlyCommandLinesOfTheProgramThatItTakes) {
  std::vector<Text> texts = Documents();
  // The program's own examples, too.
  texts.push_back(MakeText("cohort --help", RunLine(COHORT_PROGRAM " --help").first));
  for (const char* command :
       {"node", "status", "doctor", "bench", "sim", "decode", "keygen", "nginx-agent"}) {
    texts.push_back(MakeText("cohort " + std::string(command) + " --help", HelpOf(command)));
  }
  size_t count = 0;
  for (const Text& text : texts) {
    for (const Command& command : FindCommands(text, "cohort")) {
      ++count;
      ExpectNone(CheckOptions(command, HelpOf));
      if (!command.whole || command.words[1] != "node") continue;
      // It reads a configuration file, which is not here.
      if (std::find(command.words.begin(), command.words.end(), "--config") != command.words.end())
        continue;
      std::string line = COHORT_PROGRAM;
      for (size_t i = 1; i < command.words.size(); ++i) line += " '" + command.words[i] + "'";
      const auto [said, status] = RunLine(line + " --print-config");
      EXPECT_EQ(status, 0) << command.place << ": cohort does not take this line:\n" << said;
    }
  }
  EXPECT_GT(count, 10U);
}

TEST(Documents, ShowOnlyCommandsOfRunThatThereAre) {
  const std::string usage = RunLine(std::string(kRoot) + "/run help").first;
  for (const Text& text : Documents()) {
    for (Command command : FindCommands(text, "./run")) {
      if (command.words.size() < 2 || command.words[1] == "help") continue;
      EXPECT_THAT(usage, HasSubstr("\n  " + command.words[1] + " "))
          << command.place << ": ./run has no command " << command.words[1];
      if (command.words[1] == "sim") ExpectNone(CheckOptions(command, HelpOf));
    }
  }
}

}  // namespace
}  // namespace cohort::documents
