// What the documents show of code and commands, found and compared with what is compiled and run:
// Markdown, and comments of public headers. Each check returns its complaints, in words that say
// what to do; none is none.
#ifndef COHORT_TESTS_DOCUMENTS_DOCUMENTS_H_
#define COHORT_TESTS_DOCUMENTS_DOCUMENTS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cohort::documents {

struct Text {
  std::string path;
  std::vector<std::string> lines;
};
// Of a header only the comments are kept, without their slashes; other lines become empty.
Text MakeText(std::string path, std::string_view content);

// Between a line ```LANGUAGE and the next ```.
struct Block {
  std::string place;  // PATH:LINE of its first line.
  std::string language;
  std::vector<std::string> lines;
};
std::vector<Block> FindBlocks(const Text& text);

// A line of a block or of an indented example that begins with `cohort `, or such text between
// backquotes; likewise `./run `.
struct Command {
  std::string place;
  std::vector<std::string> words;  // Up to a comment, & or |.
  bool whole = false;              // To be typed as it stands: of a block, not of a sentence.
};
std::vector<Command> FindCommands(const Text& text, std::string_view program);

using Complaints = std::vector<std::string>;

// C++ is in blocks marked cpp, C in blocks marked c, Java in blocks marked java, and each is a part
// of one of `compiled`, but for its indentation.
Complaints CheckCode(const Text& text, const std::vector<Text>& compiled);
// Each test of Java that is named, as `SomeTest.itsName`, is in one of `compiled`.
Complaints CheckTestNames(const Text& text, const std::vector<Text>& compiled);
// Each block marked cmake is a part of one of `configured`.
Complaints CheckCmake(const Text& text, const std::vector<Text>& configured);
// `help(command)` is what the program says of one of its commands; empty if it has none of that
// name. Every option of `command` is in it.
Complaints CheckOptions(const Command& command,
                        const std::function<std::string(const std::string&)>& help);

}  // namespace cohort::documents

#endif  // COHORT_TESTS_DOCUMENTS_DOCUMENTS_H_
