// Requests and their answers: bytes out to some members of the group, bytes back from each.
#ifndef COHORT_REQUEST_H_
#define COHORT_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/delivery_class.h"
#include "cohort/export.h"
#include "cohort/ids.h"

namespace cohort {

// ---- Limits ------------------------------------------------------------------------------------

inline constexpr size_t kChannelsMax = 1024;  // Names that one member has opened.
// Payload of a request, a little less than 1 MiB; the rest is for the list of those it is for.
inline constexpr size_t kRequestBytesMax = (size_t{1} << 20) - 8192;
inline constexpr size_t kAnswerBytesMax = (size_t{1} << 20) - 256;
inline constexpr size_t kRequestTargetsMax = 256;     // Members named in RequestOptions::to.
inline constexpr size_t kFailureTextBytesMax = 1024;  // Of Responder::Fail; the rest is cut off.
// Requests of this member that wait for answers, and callbacks that have not run. Beyond it:
// kResourceExhausted.
inline constexpr size_t kRequestsMax = 65536;
// Answers kept for requests that are not over. Beyond it the member that answered counts as failed
// with kResourceExhausted.
inline constexpr size_t kAnswerBytesHeldMax = size_t{64} << 20;
// Requests of others that wait for a handler of this member or have not been answered by it. Beyond
// it they are answered with kResourceExhausted.
inline constexpr size_t kRequestsHandledMax = 65536;

// ---- Asking ------------------------------------------------------------------------------------

// When a request is over. In any case it is when every member that was asked has answered, failed
// or left, or its time is up.
enum class Await : uint8_t {
  kAll,       // All have answered, or failed to.
  kMajority,  // More than half of those asked have answered, or too many have failed to.
  kFirst,     // One has answered.
  kNone,      // It is in the send queue; nobody answers.
};

struct RequestOptions {
  // Whom to ask, at most kRequestTargetsMax; a member is the same one after it came back from the
  // other side of a partition. Empty: every member of the view that holds the whole state (who is
  // still receiving it could not answer), as of the place where the request is delivered.
  std::vector<MemberId> to{};
  bool include_self = true;  // Whether "every member" means this one, too.
  Await await = Await::kAll;
  // kConv: one hop, in its sender's order. kAgreed: all members handle the requests of all at one
  // place of the total order; kSafe likewise.
  DeliveryClass delivery = DeliveryClass::kConv;
  // Longest wait, from the call on. A request that is still in the send queue then is sent, and
  // handled, all the same.
  absl::Duration timeout = absl::Seconds(5);
};

enum class AnswerState : uint8_t {
  kAnswered,
  kFailed,     // By its handler, which said `status`; or the member has too much to do
               // (kResourceExhausted).
  kNoHandler,  // It has none for this channel.
  kLeft,       // It left the view, or was not in it: known at the view change. Whether it handled
               // the request is unknown.
  kTimedOut,   // It had not answered when the time was up. It may still handle the request.
  kUnawaited,  // It had not answered when enough others had.
};
COHORT_EXPORT const char* ToString(AnswerState state);

// What one member made of a request.
struct Answer {
  MemberId from;
  std::string name;  // Its name in the view; empty for who was not in it.
  AnswerState state = AnswerState::kUnawaited;
  std::string payload;  // For kAnswered.
  absl::Status status;  // OK for kAnswered; else in words.
};

struct RequestResult {
  // OK: as many have answered as RequestOptions::await asks for. Else one of:
  //   kInvalidArgument     payload, channel or options out of their limits; nothing was sent.
  //   kResourceExhausted   send queue full or kRequestsMax; nothing was sent: retry later.
  //   kFailedPrecondition  a blocking call inside a callback; or this member is draining.
  //   kDeadlineExceeded    the time was up before; `answers` says whose is missing.
  //   kUnavailable         enough of those asked have failed or left, or there was nobody to ask;
  //                        or this member is outside the primary partition, or lost its place in
  //                        the group while the request was under way.
  //   kCancelled           the group was left.
  absl::Status status;
  ViewId view;                  // In which the request was delivered; zero if it was not.
  std::vector<Answer> answers;  // One for each member asked: by seniority, strangers last.
  bool ok() const { return status.ok(); }
};
using RequestCallback = std::function<void(const RequestResult&)>;

// ---- Answering ---------------------------------------------------------------------------------

// A request as its handler sees it. Valid during the call.
struct ReceivedRequest {
  MemberId from;
  std::string_view channel;
  std::string_view payload;
  DeliveryClass delivery = DeliveryClass::kConv;
};

// The place for one answer. Answer now, or move it elsewhere and answer later, from any thread; one
// that is destroyed without an answer fails with kInternal, so that nobody waits for it.
class COHORT_EXPORT Responder {
 public:
  Responder(Responder&&) noexcept;
  Responder& operator=(Responder&&) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  // Sends `payload`, at most kAnswerBytesMax, back. OK too where nobody waits any more. Errors,
  // after which another attempt may be made (the first two) or not:
  //   kInvalidArgument     too large.
  //   kResourceExhausted   send queue full; retry later.
  //   kFailedPrecondition  it was answered already.
  //   kUnavailable, kCancelled  this member is outside the primary partition; left the group.
  absl::Status Answer(std::string_view payload);
  // As Answer, with a failure, which must not be OK; AnswerState::kFailed for who asked. Never
  // kResourceExhausted.
  absl::Status Fail(const absl::Status& status);
  // Whether an answer would be sent: false for Await::kNone, and after one was.
  bool wanted() const;

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit Responder(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Called on the delivery thread, one request at a time, in the order of delivery, like every
// callback: one that takes long moves the responder to a thread of its own. What it throws becomes
// a failure with kInternal.
using RequestHandler = std::function<void(const ReceivedRequest& request, Responder responder)>;

}  // namespace cohort

#endif  // COHORT_REQUEST_H_
