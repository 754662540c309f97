// What travels on channels, inside a message of the engine: messages, requests, answers.
//
//   message  u8 1, u8 length of the name, name, payload
//   request  u8 2, u8 flags (1: answers are wanted, 2: not for the asker), u64 number, u16 count of
//   instances (0: all),
//            count times u64 hi, u64 lo, u8 length of the name, name, payload
//   answer   u8 3, u8 code, u64 hi and u64 lo of the asker's instance, u64 number, payload
//
// Little-endian. `number` is the asker's, unique in its instance. Limits: names of kNameBytesMax,
// kRequestTargetsMax instances. What is too short, too long or of an unknown type is no frame;
// unknown flags are ignored.
#ifndef COHORT_MESSAGING_FRAME_H_
#define COHORT_MESSAGING_FRAME_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/buffer.h"
#include "cohort/ids.h"

namespace cohort::messaging {

// In the code of an answer: 0 is one, 1 to 16 are absl::StatusCode with the text as the payload.
inline constexpr uint8_t kCodeAnswered = 0;
inline constexpr uint8_t kCodeBusy = 254;
inline constexpr uint8_t kCodeNoHandler = 255;

// Frames borrow from the bytes they were decoded from.
struct MessageFrame {
  std::string_view channel;
  std::string_view payload;
};
struct RequestFrame {
  uint64_t number = 0;
  bool wanted = true;        // Answers are.
  bool include_self = true;  // Where it is for all: also for the asker.
  Bytes to;                  // 16 bytes each; empty: all.
  std::string_view channel;
  std::string_view payload;
  bool IsFor(const InstanceId& instance) const;
};
struct AnswerFrame {
  InstanceId asker;
  uint64_t number = 0;
  uint8_t code = kCodeAnswered;
  std::string_view payload;
};
using Frame = std::variant<MessageFrame, RequestFrame, AnswerFrame>;

std::optional<Frame> Decode(Bytes bytes);
// The caller has checked the limits.
Buffer Encode(const MessageFrame& message);
Buffer Encode(const RequestFrame& request, const std::vector<MemberId>& to);  // Not request.to.
Buffer Encode(const AnswerFrame& answer);

}  // namespace cohort::messaging

#endif  // COHORT_MESSAGING_FRAME_H_
