#include "sim/check_messages.h"

#include <cstring>
#include <string>

#include "sim/words.h"

namespace cohort::sim {

void MessageChecker::OnIssued(const Moment& moment, const IssuedCommand& command) {
  if (command.kind != IssuedCommand::Kind::kMessage) return;
  sent_[{moment.process, command.id}] = {command.digest, command.cls};
}

void MessageChecker::OnUpcall(const Moment& moment, const engine::Upcall& upcall) {
  const auto* message = std::get_if<engine::MessageUpcall>(&upcall);
  if (message == nullptr) return;
  ++delivered_;
  MessageHeader header;
  if (message->payload.size() < sizeof(header)) {
    violations_.Add("I6", moment, "received a message nobody sent: too short");
    return;
  }
  std::memcpy(&header, message->payload.data(), sizeof(header));
  const auto what = [&] {
    return Words(message->cls) + " message " + std::to_string(header.number) + " of process " +
           std::to_string(header.process);
  };
  const auto sent = sent_.find({header.process, header.number});
  if (sent == sent_.end() || sent->second.cls != message->cls ||
      sent->second.digest != TraceDigest(message->payload.bytes())) {
    violations_.Add("I6", moment, "received " + what() + ", which was not sent like this");
    return;
  }
  uint64_t& last = last_[{moment.process, header.process}][static_cast<size_t>(message->cls) & 3];
  if (header.number <= last) {
    violations_.Add(header.number == last ? "I7" : "I9", moment,
                    "received " + what() + " after " + std::to_string(last));
  }
  last = header.number;
}

}  // namespace cohort::sim
