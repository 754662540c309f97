#include "fuzz/frame_fuzz.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/check.h"
#include "wire/byte_writer.h"
#include "wire/frame_codec.h"
#include "wire/limits.h"
#include "wire/order_record.h"
#include "wire/packet_header.h"
#include "wire/stream_framer.h"

namespace cohort::fuzz {
namespace {

// What parsed encodes to the same bytes, except for frames that were skipped.
void CheckFrames(Bytes input) {
  std::vector<wire::Frame> frames;
  const Buffer packet = Buffer::CopyOf(input);
  const wire::ParseResult result = wire::ParseFrames(packet, frames);
  COHORT_CHECK(result.ok() || frames.empty());
  COHORT_CHECK(frames.size() <= wire::kJumboFramesMax / wire::kFrameHeaderBytes);
  if (!result.ok()) return;
  std::array<std::byte, wire::kJumboFramesMax> memory;
  wire::ByteWriter writer(memory);
  for (const wire::Frame& frame : frames) {
    const size_t before = writer.size();
    COHORT_CHECK(wire::Encode(frame, writer));
    COHORT_CHECK(writer.size() - before == wire::EncodedSize(frame));
    COHORT_CHECK(!wire::ToString(frame).empty());
  }
  if (result.skipped == 0) COHORT_CHECK(std::ranges::equal(writer.written(), input));
}

void CheckHeader(Bytes input) {
  const wire::ParsedHeader parsed = wire::ParsePacketHeader(input);
  if (parsed.verdict != wire::HeaderVerdict::kOk) return;
  std::array<std::byte, wire::kStrangerHeaderBytes> memory;
  COHORT_CHECK(wire::SerializePacketHeader(parsed.header, memory));
  const size_t size = parsed.header.Size();
  COHORT_CHECK(std::ranges::equal(Bytes(memory).first(size), input.first(size)));
  COHORT_CHECK(!wire::ToString(parsed.header).empty());
}

void CheckOrderRecord(Bytes input) {
  const auto record = wire::ParseOrderRecord(input);
  if (!record) return;
  COHORT_CHECK(std::ranges::equal(wire::EncodeOrderRecord(*record).bytes(), input));
  COHORT_CHECK(!wire::ToString(*record).empty());
}

// A stream says the same whole and in pieces, and never holds more than it was given (twice, as it
// grows).
void CheckStream(Bytes input) {
  wire::StreamFramer whole, pieces;
  std::vector<wire::StreamRecord> of_whole, of_pieces;
  whole.Feed(input, of_whole);
  size_t fed = 0;
  while (fed < input.size()) {
    const size_t size =
        std::min<size_t>(input.size() - fed, 1 + static_cast<size_t>(input[fed]) % 7);
    pieces.Feed(input.subspan(fed, size), of_pieces);
    fed += size;
    COHORT_CHECK(pieces.buffered() <= fed && pieces.reserved() <= 2 * fed);
  }
  COHORT_CHECK(whole.verdict() == pieces.verdict() && of_whole.size() == of_pieces.size());
  size_t consumed = 0;
  for (size_t i = 0; i < of_whole.size(); ++i) {
    COHORT_CHECK(of_whole[i].type == of_pieces[i].type);
    COHORT_CHECK(of_whole[i].body.text() == of_pieces[i].body.text());
    const Buffer again = wire::EncodeStreamMessage(of_whole[i].type, of_whole[i].body);
    COHORT_CHECK(std::ranges::equal(again.bytes(), input.subspan(consumed, again.size())));
    consumed += again.size();
  }
}

}  // namespace

void FuzzFrames(Bytes input) {
  CheckFrames(input);
  CheckHeader(input);
  CheckOrderRecord(input);
  CheckStream(input);
}

}  // namespace cohort::fuzz
