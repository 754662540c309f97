// One specimen of every frame, with fields that differ from one another so that no two can be
// swapped unnoticed.
#ifndef COHORT_TESTS_WIRE_GOLDEN_FRAMES_H_
#define COHORT_TESTS_WIRE_GOLDEN_FRAMES_H_

#include <string>
#include <vector>

#include "wire/byte_writer.h"
#include "wire/frame_codec.h"

namespace cohort::wire::testing {

struct NamedFrame {
  std::string name;
  Frame frame;
};

inline std::vector<NamedFrame> GoldenFrames() {
  DataFrame data{.seq = 0x0102030405F6,
                 .origin = 0x0708,
                 .cls = DeliveryClass::kSafe,
                 .flags = DataFrame::kFirst | DataFrame::kLast | DataFrame::kSync,
                 .payload = Buffer::CopyOf("payload")};
  DataFrame repair{.seq = 9,
                   .origin = 2,
                   .cls = DeliveryClass::kAgreed,
                   .flags = DataFrame::kRepair | DataFrame::kBarrier,
                   .payload = {}};
  StatusFrame status{.status_no = 0x01020304,
                     .applied_cut = 0x1112131415161718,
                     .credit_packets = 0x2122,
                     .backlog_packets = 0x3132,
                     .queue_drops = 0x4142,
                     .local_health = 8,
                     .member_state = 2,
                     .received = {{.rank = 0, .seq = 0x515253545556}, {.rank = 7, .seq = 1}}};
  NakFrame nak{.origin = 0x0102,
               .ranges = {{.start = 0x111213141516, .length = 0x2122}, {.start = 9, .length = 1}}};
  HeartbeatFrame heartbeat{.number = 0x01020304,
                           .send_us = 0x11121314,
                           .high = 0x212223242526,
                           .echo_rank = 0x4142,
                           .echo_delay_us = 0x5152,
                           .echo_us = 0x61626364,
                           .progress = 0x3132,
                           .hears = {0x7172737475767778, 1}};
  HeartbeatFrame lost = heartbeat;
  lost.lost = {0x8182838485868788, 2};
  SuspectFrame suspect{.subject = 0x0102,
                       .subject_join_no = 0x11121314,
                       .evidence = Evidence::kStalled,
                       .level = 2,
                       .silent_ms = 0x21222324};
  return {
      {"data", data},
      {"data_repair", repair},
      {"status", status},
      {"nak", nak},
      {"heartbeat", heartbeat},
      {"heartbeat_lost", lost},
      {"ping", PingFrame{.nonce = 0x01020304, .send_us = 0x11121314}},
      {"pong", PongFrame{.nonce = 0x01020304, .target = 0x2122, .send_us = 0x11121314}},
      {"ping_request", PingRequestFrame{.nonce = 0x01020304, .target = 0x2122}},
      {"suspect", suspect},
      {"control", ControlFrame{.kind = ControlKind::kDiscovery, .body = Buffer::CopyOf("hello")}},
      {"size_offer", SizeOfferFrame{.bytes = 0x0102}},
      {"size_probe", SizeProbeFrame{.nonce = 0x01020304, .bytes = 100}},
      {"size_answer", SizeAnswerFrame{.nonce = 0x01020304, .bytes = 0x1112}},
      {"piece", PieceFrame{.seq = 0x010203040506,
                           .origin = 0x1112,
                           .cls = DeliveryClass::kAgreed,
                           .flags = DataFrame::kRepair | DataFrame::kFirst,
                           .total = kPieceBytes + 5,
                           .index = 1,
                           .payload = Buffer::CopyOf("piece")}},
  };
}

// The bytes of some frames, back to back. Empty when one cannot be encoded.
inline Buffer EncodeAll(const std::vector<Frame>& frames) {
  size_t size = 0;
  for (const Frame& frame : frames) size += EncodedSize(frame);
  Buffer packet = Buffer::Allocate(size);
  ByteWriter writer(packet.Fill());
  for (const Frame& frame : frames) {
    if (!Encode(frame, writer)) return {};
  }
  return packet;
}
inline Buffer EncodeOne(const Frame& frame) { return EncodeAll({frame}); }

}  // namespace cohort::wire::testing

#endif  // COHORT_TESTS_WIRE_GOLDEN_FRAMES_H_
