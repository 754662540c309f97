// Bytes of map operations: Protocol Buffers, proto/cohort/v1/map.proto.
//
// The decoder keeps one message object and parses into it again and again, so that a put allocates
// nothing but the entry's own value. Counts of repeated fields are bounded by a walk over the bytes
// before anything is parsed.
//
// Thread rule: a decoder belongs to one owner; the operation it returns is valid until its next
// Decode().
#ifndef COHORT_MAP_MAP_OP_CODEC_H_
#define COHORT_MAP_MAP_OP_CODEC_H_

#include <memory>

#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "map/map_op.h"

namespace cohort::map {

// The operation's bytes. Does not judge: see validation.h.
Buffer EncodeMapOp(const MapOp& op);

class MapOpDecoder {
 public:
  MapOpDecoder();
  ~MapOpDecoder();
  MapOpDecoder(MapOpDecoder&&) noexcept;
  MapOpDecoder& operator=(MapOpDecoder&&) noexcept;

  // Errors: kInvalidArgument when the bytes are no operation or exceed a limit of limits.h. What is
  // returned is well formed: sizes, counts, times and enumerators are in range.
  absl::StatusOr<const MapOp*> Decode(Bytes bytes);

 private:
  struct Message;
  std::unique_ptr<Message> message_;
  MapOp op_;
  bool keeps_large_ = false;  // The memory of a large operation.
};

}  // namespace cohort::map

#endif  // COHORT_MAP_MAP_OP_CODEC_H_
