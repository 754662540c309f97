// Bytes of a convergent map's operations: Protocol Buffers, proto/cohort/v1/convergent.proto.
//
// The decoder keeps one message object and parses into it again and again. Counts of repeated
// fields are bounded by a walk over the bytes before anything is parsed.
//
// Thread rule: a decoder belongs to one owner; the operation it returns is valid until its next
// Decode().
#ifndef COHORT_MAP_CONVERGENT_OP_CODEC_H_
#define COHORT_MAP_CONVERGENT_OP_CODEC_H_

#include <memory>

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
  ConvergentOpDecoder();
  ~ConvergentOpDecoder();
  ConvergentOpDecoder(ConvergentOpDecoder&&) noexcept;
  ConvergentOpDecoder& operator=(ConvergentOpDecoder&&) noexcept;

  // Errors: kInvalidArgument when the bytes are no operation or exceed a limit of limits.h.
  absl::StatusOr<const ConvergentOp*> Decode(Bytes bytes);

 private:
  struct Message;
  std::unique_ptr<Message> message_;
  ConvergentOp op_;
};

}  // namespace cohort::map

#endif  // COHORT_MAP_CONVERGENT_OP_CODEC_H_
