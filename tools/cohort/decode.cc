// `cohort decode`: packets and frames as words.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "group_flags.h"
#include "packet_decoder.h"

namespace cohort::tools {
namespace {

constexpr const char* kDecodeExamples = R"(Examples:
  cohort decode c701...                         one packet, in hexadecimal
  tcpdump -x ... | cut ... | cohort decode      one packet a line on standard input
  cohort decode --frames 0f00...                frames without a packet around them
  cohort decode --key-file shop.key --group shop HEX
      a sealed packet of a stranger (discovery); those of members also need --view and --sender
)";

struct DecodeFlags {
  std::vector<std::string> packets;
  bool frames = false;
  std::string key_file, group, view, sender, receiver;
};

absl::Status LoadKeys(const DecodeFlags& flags, DecodeKeys& keys,
                      std::unique_ptr<security::KeyDerivation>& derivation) {
  if (!flags.key_file.empty()) {
    std::ifstream file(flags.key_file);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", flags.key_file));
    const absl::StatusOr<security::GroupKey> key = security::ParseKeyFile(text);
    if (!key.ok()) return key.status();
    derivation = std::make_unique<security::KeyDerivation>(*key, flags.group);
    keys.derivation = derivation.get();
  }
  if (!flags.view.empty()) {
    const absl::StatusOr<ViewId> view = ParseView(flags.view);
    if (!view.ok()) return view.status();
    keys.view = *view;
  }
  for (const auto& [text, id] :
       {std::pair(&flags.sender, &keys.sender), std::pair(&flags.receiver, &keys.receiver)}) {
    if (text->empty()) continue;
    const absl::StatusOr<InstanceId> instance = ParseInstance(*text);
    if (!instance.ok()) return instance.status();
    *id = *instance;
  }
  return absl::OkStatus();
}

bool DecodeOne(const std::string& hex, const DecodeFlags& flags, const DecodeKeys& keys) {
  const absl::StatusOr<std::string> bytes = ParseHex(hex);
  if (!bytes.ok()) {
    std::fprintf(stderr, "cohort decode: %s\n", std::string(bytes.status().message()).c_str());
    return false;
  }
  const std::string text =
      flags.frames ? DescribeFrames(AsBytes(*bytes)) : DescribePacket(AsBytes(*bytes), keys);
  std::fputs(text.c_str(), stdout);
  return true;
}

}  // namespace

int RunDecode(int argc, char** argv) {
  CLI::App app("Packets and frames of the protocol as words.", "cohort decode");
  DecodeFlags flags;
  app.add_option("PACKET", flags.packets,
                 "Packets in hexadecimal; default: one a line on standard input");
  app.add_flag("--frames", flags.frames, "What follows is the opened body of a packet: frames");
  app.add_option("-k,--key-file", flags.key_file, "The group's key")->envname("COHORT_KEY_FILE");
  app.add_option("-g,--group", flags.group, "The group's name")->envname("COHORT_GROUP");
  app.add_option("--view", flags.view, "The view a member's packet belongs to: NUM-CID");
  app.add_option("--sender", flags.sender, "The instance that sent it: 32 hexadecimal digits");
  app.add_option("--receiver", flags.receiver, "The instance a unicast was sent to");
  app.footer(kDecodeExamples);
  int exit_code = kExitOk;
  if (!ParseCommandLine(app, argc, argv, exit_code)) return exit_code;
  DecodeKeys keys;
  std::unique_ptr<security::KeyDerivation> derivation;
  if (const absl::Status status = LoadKeys(flags, keys, derivation); !status.ok()) {
    std::fprintf(stderr, "cohort decode: %s\n", std::string(status.message()).c_str());
    return kExitUsage;
  }
  bool good = true;
  for (const std::string& packet : flags.packets) good = DecodeOne(packet, flags, keys) && good;
  std::string line;
  while (flags.packets.empty() && std::getline(std::cin, line)) {
    if (!line.empty()) good = DecodeOne(line, flags, keys) && good;
  }
  return good ? kExitOk : kExitFailed;
}

}  // namespace cohort::tools
