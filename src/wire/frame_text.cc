// Frames in words.
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <string>

#include "wire/frame_codec.h"

namespace cohort::wire {
namespace {

[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

std::string RankText(Rank rank) { return rank == kNoRank ? "nobody" : std::to_string(rank); }

const char* ClassText(DeliveryClass cls) {
  switch (cls) {
    case DeliveryClass::kConv:
      return "conv";
    case DeliveryClass::kAgreed:
      return "agreed";
    case DeliveryClass::kSafe:
      return "safe";
    case DeliveryClass::kCtrl:
      return "ctrl";
  }
  return "?";
}

const char* EvidenceText(Evidence evidence) {
  switch (evidence) {
    case Evidence::kNone:
      return "none";
    case Evidence::kLeft:
      return "left";
    case Evidence::kRefused:
      return "refused";
    case Evidence::kReplaced:
      return "replaced";
    case Evidence::kSilent:
      return "silent";
    case Evidence::kStalled:
      return "stalled";
    case Evidence::kBadLink:
      return "bad link";
    case Evidence::kSlow:
      return "slow";
    case Evidence::kViewStall:
      return "view change stalled";
  }
  return "?";
}

const char* LevelText(uint8_t level) {
  constexpr const char* kTexts[] = {"withdrawn", "suspected", "convicted"};
  return level < std::size(kTexts) ? kTexts[level] : "?";
}

std::string FlagsText(uint8_t flags) {
  std::string text;
  constexpr struct {
    DataFrame::Flag flag;
    const char* name;
  } kNames[] = {{DataFrame::kFirst, " first"},      {DataFrame::kLast, " last"},
                {DataFrame::kSync, " sync"},        {DataFrame::kRepair, " repair"},
                {DataFrame::kBarrier, " barrier"},  {DataFrame::kLarge, " large"},
                {DataFrame::kSpanning, " spanning"}};
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) text += name;
  }
  return text;
}

std::string Words(const DataFrame& frame) {
  return Format("DATA %u:%" PRIu64 " %s, %zu bytes", frame.origin, frame.seq, ClassText(frame.cls),
                frame.payload.size()) +
         FlagsText(frame.flags);
}

std::string Words(const PieceFrame& frame) {
  return Format("PIECE %u of %u:%" PRIu64 " %s, %zu of %u bytes", frame.index, frame.origin,
                frame.seq, ClassText(frame.cls), frame.payload.size(), frame.total) +
         FlagsText(frame.flags);
}

std::string Words(const StatusFrame& frame) {
  std::string text =
      Format("STATUS %u applied cut %" PRIu64
             ", credit %u, backlog %u, drops %u, health %u, state %u, has",
             frame.status_no, frame.applied_cut, frame.credit_packets, frame.backlog_packets,
             frame.queue_drops, frame.local_health, frame.member_state);
  for (const VectorEntry& entry : frame.received)
    text += Format(" %u:%" PRIu64, entry.rank, entry.seq);
  return text;
}

std::string Words(const NakFrame& frame) {
  std::string text = Format("NAK of %u lacks", frame.origin);
  for (const NakRange& range : frame.ranges) {
    text += Format(" %" PRIu64, range.start);
    if (range.length > 1) text += Format("..%" PRIu64, range.start + range.length - 1);
  }
  return text;
}

std::string Words(const HeartbeatFrame& frame) {
  std::string text = Format("HEARTBEAT %u at %u us, high %" PRIu64 ", progress %u", frame.number,
                            frame.send_us, frame.high, frame.progress);
  if (frame.echo_rank != kNoRank) {
    text += Format(", echoes %u's %u us held %u us", frame.echo_rank, frame.echo_us,
                   frame.echo_delay_us);
  }
  text += ", hears";
  for (const uint64_t word : frame.hears) text += Format(" %016" PRIx64, word);
  if (!frame.lost.empty()) text += ", lost the multicast of";
  for (const uint64_t word : frame.lost) text += Format(" %016" PRIx64, word);
  return text;
}

std::string Words(const PingFrame& frame) {
  return Format("PING %08x at %u us", frame.nonce, frame.send_us);
}

std::string Words(const PongFrame& frame) {
  return Format("PONG %08x for %s at %u us", frame.nonce, RankText(frame.target).c_str(),
                frame.send_us);
}

std::string Words(const PingRequestFrame& frame) {
  return Format("PINGREQ %08x of %s", frame.nonce, RankText(frame.target).c_str());
}

std::string Words(const SuspectFrame& frame) {
  return Format("SUSPECT %s/%u %s: %s, silent %u ms", RankText(frame.subject).c_str(),
                frame.subject_join_no, LevelText(frame.level), EvidenceText(frame.evidence),
                frame.silent_ms);
}

std::string Words(const ControlFrame& frame) {
  return Format("CONTROL %s, %zu bytes",
                frame.kind == ControlKind::kDiscovery ? "discovery" : "view change",
                frame.body.size());
}

std::string Words(const SizeOfferFrame& frame) {
  return Format("SIZE OFFER of %u bytes", frame.bytes);
}

std::string Words(const SizeProbeFrame& frame) {
  return Format("SIZE PROBE %08x of %u bytes", frame.nonce, frame.bytes);
}

std::string Words(const SizeAnswerFrame& frame) {
  return Format("SIZE ANSWER %08x of %u bytes", frame.nonce, frame.bytes);
}

}  // namespace

std::string ToString(const Frame& frame) {
  return std::visit([](const auto& one) { return Words(one); }, frame);
}

}  // namespace cohort::wire
