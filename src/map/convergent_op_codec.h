// Bytes of a convergent map's operations: Protocol Buffers, proto/cohort/v1/convergent.proto.
//
// Thread rule: a decoder belongs to one owner; the operation it returns is valid until its next
// Decode(), and as long as the bytes are there.
#ifndef COHORT_MAP_CONVERGENT_OP_CODEC_H_
#define COHORT_MAP_CONVERGENT_OP_CODEC_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "map/convergent_op.h"

namespace cohort::map {

// The operation's bytes. Does not judge: see ValidateConvergentOp().
// With room for others' bytes around it, all zero.
Buffer EncodeConvergentOp(const ConvergentOp& op, size_t room_before = 0, size_t room_after = 0);

// Whether it is within the limits of limits.h. Errors: kInvalidArgument, saying which one.
absl::Status ValidateConvergentOp(const ConvergentOp& op);

class ConvergentOpDecoder {
 public:
  // Errors: kInvalidArgument when the bytes are no operation or exceed a limit of limits.h.
  absl::StatusOr<const ConvergentOp*> Decode(Bytes bytes);

 private:
  static constexpr size_t kKeptItemsMax = 8;

  bool Read(std::string_view bytes);
  // As new, but for memory.
  ConvergentItem& NextItem(size_t count);

  ConvergentOp op_;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_CONVERGENT_OP_CODEC_H_
