#include "sim/words.h"

#include <cinttypes>
#include <cstdio>

namespace cohort::sim {
namespace {

template <class... Args>
std::string Format(const char* format, Args... args) {
  char text[160];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

std::string Number(uint64_t number) { return std::to_string(number); }

}  // namespace

std::string Words(const ViewId& view) {
  return Format("%" PRIu64 "-%06" PRIx64, view.num, view.cid >> 40);
}
std::string Words(const MemberId& member) {
  return Format("%08" PRIx64 "/%u", member.instance.hi >> 32, member.join_no);
}
std::string Words(const Version& version) {
  return Format("%" PRIu64 ".%" PRIu64 ".%04" PRIx64, version.time >> 16, version.time & 0xFFFF,
                version.writer & 0xFFFF);
}
std::string Words(DeliveryClass cls) {
  static constexpr const char* kNames[] = {"CONV", "AGREED", "SAFE", "CTRL"};
  return kNames[static_cast<size_t>(cls) & 3];
}
std::string Words(std::span<const MemberId> members) {
  std::string text = "{";
  for (const MemberId& member : members) text += (text.size() > 1 ? " " : "") + Words(member);
  return text + "}";
}
std::string Words(std::span<const SeqNo> numbers) {
  std::string text = "[";
  for (const SeqNo number : numbers) text += (text.size() > 1 ? " " : "") + Number(number);
  return text + "]";
}
std::string Words(Instant at) {
  return Format("%" PRId64 ".%06" PRId64, at.nanos() / 1'000'000'000,
                at.nanos() / 1000 % 1'000'000);
}

const char* NameOf(TraceKind kind) {
  switch (kind) {
    case TraceKind::kChunkAssigned:
      return "chunk-assigned";
    case TraceKind::kChunkDelivered:
      return "chunk-delivered";
    case TraceKind::kWedged:
      return "wedged";
    case TraceKind::kPromised:
      return "promised";
    case TraceKind::kAccepted:
      return "accepted";
    case TraceKind::kViewInstalled:
      return "view-installed";
    case TraceKind::kSealed:
      return "sealed";
    case TraceKind::kOpened:
      return "opened";
    case TraceKind::kAcknowledged:
      return "acknowledged";
    case TraceKind::kApplied:
      return "applied";
    case TraceKind::kSynced:
      return "synced";
    case TraceKind::kConvicted:
      return "convicted";
    case TraceKind::kExcluded:
      return "excluded";
    case TraceKind::kHalted:
      return "halted";
    case TraceKind::kResumed:
      return "resumed";
    case TraceKind::kRepaired:
      return "repaired";
    case TraceKind::kBuffers:
      return "buffers";
  }
  return "unknown";
}

std::string Words(const TraceRecord& record) {
  std::string text = NameOf(record.kind);
  switch (record.kind) {
    case TraceKind::kSealed:
    case TraceKind::kOpened:
    case TraceKind::kBuffers:
      return {};
    case TraceKind::kChunkAssigned:
    case TraceKind::kChunkDelivered:
    case TraceKind::kRepaired:
      text += " " + Number(record.origin) + ":" + Number(record.seq) + " " + Words(record.cls) +
              " in " + Words(record.view);
      if (record.cut != 0) text += " cut " + Number(record.cut);
      return text + (record.transitional ? " transitional" : "");
    case TraceKind::kPromised:
    case TraceKind::kAccepted:
      text += " ballot " + Number(record.ballot_round) + "." + Number(record.ballot_rank) + " in " +
              Words(record.view);
      return record.next.IsZero() ? text : text + " for " + Words(record.next);
    case TraceKind::kViewInstalled:
      return text + " " + Words(record.view) + " after " + Words(record.previous) + " rank " +
             Number(record.origin) + " " + Words(record.members) + " trim " + Words(record.trim) +
             (record.flag ? "" : " not primary");
    case TraceKind::kAcknowledged:
      return text + " command " + Number(record.command) + " level " + Number(record.level) +
             (record.flag ? " done" : " failed") + " in " + Words(record.view);
    case TraceKind::kApplied:
      return text + " map " + Number(record.map) + " position " + Number(record.number) + " in " +
             Words(record.view) + Format(" digest %016" PRIx64, record.digest);
    case TraceKind::kSynced:
      return text + " map " + Number(record.map) + Format(" digest %016" PRIx64, record.digest);
    case TraceKind::kConvicted:
      return text + " " + Words(record.subject) + " " + ToString(record.cause) + " " +
             std::string(record.text);
    default:
      return text + " in " + Words(record.view);
  }
}

std::string Words(const engine::Upcall& upcall) {
  struct Visitor {
    std::string operator()(const engine::MessageUpcall& message) const {
      return "MESSAGE " + Words(message.cls) + " from " + Words(message.from) + " " +
             Number(message.payload.size()) + " bytes" +
             (message.transitional ? " transitional" : "");
    }
    std::string operator()(const engine::ViewUpcall& upcall) const {
      std::string text = "VIEW " + Words(upcall.view.id) + " {";
      for (const Member& member : upcall.view.members) {
        text += (text.back() == '{' ? "" : " ") + member.name + (member.synced ? "" : "?");
      }
      text += "}";
      for (const MemberChange& change : upcall.view.joined) {
        text += " +" + change.member.name + " " + ToString(change.cause);
      }
      for (const MemberChange& change : upcall.view.left) {
        text += " -" + change.member.name + " " + ToString(change.cause);
      }
      return text;
    }
    std::string operator()(const engine::EventUpcall& upcall) const {
      const Event& event = upcall.event;
      return std::string("EVENT ") + ToString(event.kind) + " " + event.subject_name +
             (event.key.empty() ? "" : " key " + event.key) + " " + event.text;
    }
    std::string operator()(const engine::DoneUpcall& done) const {
      return "DONE " + Number(done.command) + " " + std::string(done.status.ToString()) +
             " version " + Words(done.version) + " replicas " + Number(done.replicas);
    }
    std::string operator()(const engine::ChangeUpcall& change) const {
      static constexpr const char* kCauses[] = {"put", "erase", "expire", "merge", "clear", "sync"};
      return std::string("CHANGE ") + kCauses[static_cast<size_t>(change.cause) % 6] + " " +
             change.key + " version " + Words(change.version) +
             (change.value ? " " + Number(change.value->size()) + " bytes" : " gone");
    }
  };
  return std::visit(Visitor(), upcall);
}

std::string Words(ProcessChange change) {
  static constexpr const char* kNames[] = {"STARTED", "PAUSED",     "RESUMED",
                                           "CRASHED", "POWER LOST", "ENDED"};
  return kNames[static_cast<size_t>(change) % 6];
}

std::string Words(const IssuedCommand& command) {
  static constexpr const char* kKinds[] = {"message", "open",      "put",   "put-if",
                                           "erase",   "increment", "batch", "attributes",
                                           "claim",   "verify",    "leave"};
  static constexpr const char* kAcks[] = {"local", "one", "all"};
  std::string text = "COMMAND " + Number(command.id) + " " +
                     kKinds[static_cast<size_t>(command.kind) % std::size(kKinds)] + " ack " +
                     kAcks[static_cast<size_t>(command.ack) % 3];
  for (const std::string& key : command.keys) text += " " + key;
  return text + (command.expires ? " with a time to live" : "");
}

}  // namespace cohort::sim
