// Bytes of map operations: Protocol Buffers, proto/cohort/v1/map.proto.
//
// The decoder keeps one message object and parses into it again and again, so that a put allocates
// nothing but the entry's own value. Counts of repeated fields are bounded by a walk over the bytes
// before anything is parsed.
//
// Thread rule: a decoder belongs to one owner; the operation it returns is valid until its next
// Decode(), and as long as the bytes are.
#ifndef COHORT_MAP_MAP_OP_CODEC_H_
#define COHORT_MAP_MAP_OP_CODEC_H_

#include <memory>

#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "map/map_op.h"

namespace cohort::map {

// A put with a larger value is not copied by the decoder, nor twice by the encoder.
inline constexpr size_t kValueInPlaceMin = size_t{16} << 10;

// The operation's bytes, behind `room` bytes for the caller to fill. Does not judge: see
// validation.h.
Buffer EncodeMapOp(const MapOp& op, size_t room = 0);

class MapOpDecoder {
 public:
  MapOpDecoder();
  ~MapOpDecoder();
  MapOpDecoder(MapOpDecoder&&) noexcept;
  MapOpDecoder& operator=(MapOpDecoder&&) noexcept;

  // Errors: kInvalidArgument when the bytes are no operation or exceed a limit of limits.h. What is
  // returned is well formed: sizes, counts, times and enumerators are in range.
  // `owner`: a buffer that `bytes` lie in. PutOp::shared of a large value is a slice of it.
  absl::StatusOr<const MapOp*> Decode(Bytes bytes, const Buffer* owner = nullptr);

 private:
  struct Message;
  bool Parse(Bytes bytes);
  std::unique_ptr<Message> message_;
  MapOp op_;
  bool keeps_large_ = false;  // The memory of a large operation.
  Bytes in_place_;            // The value of a put that was not copied out of the bytes.
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MAP_OP_CODEC_H_
