// Channels and requests of one member, as a state machine: what arrives is told apart by its
// channel, and is delivered, dropped or refused; answers find their requests.
//
// Idea: stands between the engine's upcalls and the driver that makes the callbacks. Inputs come
// in the order of the upcalls; what is to be sent, and requests that are over, are values in the
// output. A driver (runtime/channels.h, testing/sim_world.h) makes the calls and the timer.
//
// Owner: one driver, which locks it if it has threads. Limits: Limits. Cost of what nobody here
// wants: one look into a table, and a counter.
#ifndef COHORT_MESSAGING_MESSENGER_H_
#define COHORT_MESSAGING_MESSENGER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "cohort/options.h"
#include "cohort/view.h"
#include "messaging/requests.h"

namespace cohort::messaging {

// Refusals ("no handler", "busy") on their way to the send queue. Beyond it they are dropped, and
// who asked waits for its time limit.
inline constexpr size_t kRefusalsWaitingMax = 4096;

absl::Status ValidateChannelName(std::string_view name);
// Of the group's own messages, and of those on a channel.
absl::Status ValidateMessage(std::string_view payload, DeliveryClass delivery);
absl::Status ValidateRequest(std::string_view payload, const RequestOptions& options);
// What Responder::Answer and Fail take. Cuts the text of `status`.
absl::Status ValidateAnswer(std::string_view payload);
absl::Status ValidateFailure(const absl::Status& status);
std::string_view FailureText(const absl::Status& status);
Instant DeadlineOf(Instant now, absl::Duration timeout);

class Messenger {
 public:
  struct Limits {
    Requests::Limits asking;
    size_t channels_max = kChannelsMax;
    size_t handled_max = kRequestsHandledMax;
    size_t refusals_max = kRefusalsWaitingMax;
  };
  // An answer that no handler makes. OnRefused() once it is on its way.
  struct Refusal {
    MemberId asker;
    uint64_t number = 0;
    uint8_t code = 0;
  };
  // Appended to; the caller takes it.
  struct Output {
    std::vector<Requests::Done> done;
    std::vector<Refusal> refusals;
  };
  enum class Verdict : uint8_t {
    kDrop,
    kMessage,  // Is for the subscribers of its channel.
    kRequest,  // Is for the handler of its channel. OnHandled() or RefuseAccepted() follows.
  };
  struct NewRequest {
    uint64_t number = 0;
    Buffer frame;  // To be sent.
  };

  Messenger(const Limits& limits, const InstanceId& self)
      : limits_(limits), self_(self), requests_(limits.asking) {}

  // ---- Channels of this member. kResourceExhausted: too many.
  absl::Status Open(std::string_view channel);
  void SetListeners(std::string_view channel, size_t listeners);  // Of an open one, as the next.
  void SetHandled(std::string_view channel, bool handled);
  bool IsHandled(std::string_view channel) const;

  // ---- Asking. The options are valid. Without an answer wanted nothing is kept; `number` is 0.
  absl::StatusOr<NewRequest> Begin(Instant deadline, std::string_view channel,
                                   std::string_view payload, const RequestOptions& options);
  void Forget(uint64_t number) { requests_.Forget(number); }
  void OnFailed(uint64_t number, const absl::Status& status, Output& out) {
    requests_.OnFailed(number, status, out.done);
  }
  void FailAll(const absl::Status& status, Output& out) { requests_.FailAll(status, out.done); }
  void Release(const Requests::Done& done) { requests_.Release(done); }
  Instant NextDeadline() const { return requests_.NextDeadline(); }
  void OnTimer(Instant now, Output& out) { requests_.OnTimer(now, out.done); }

  // ---- What the engine delivers.
  void OnView(const View& view, Output& out);
  // Who holds the whole state may change within a view, without an upcall. Asked for before the
  // frames of this member, if `now` is the view at hand.
  void NoteSynced(const View& now);
  Verdict OnFrame(const MemberId& from, Bytes frame, Output& out);

  // ---- Answering.
  void OnHandled() { --handling_; }
  // A request that was accepted (kRequest) cannot be handled after all.
  void RefuseAccepted(const MemberId& asker, uint64_t number, bool wanted, uint8_t code,
                      Output& out);
  void OnRefused() { --refusals_waiting_; }
  // Whether an answer to `asker` would get there. If not it need not be sent.
  bool Reaches(const MemberId& asker);
  bool IsSelf(const MemberId& asker) const { return asker.instance == self_; }
  void AnswerSelf(uint64_t number, uint8_t code, std::string_view payload, Output& out) {
    requests_.OnAnswer(number, self_, code, payload, out.done);
  }

  const View& view() const { return view_; }
  const Requests& requests() const { return requests_; }
  size_t handling() const { return handling_; }
  // By name, as in GroupStats::counters.
  std::map<std::string, uint64_t> Stats() const;

 private:
  struct Channel {
    size_t listeners = 0;
    bool handled = false;
  };
  void Refuse(const MemberId& asker, uint64_t number, bool wanted, uint8_t code, Output& out);

  const Limits limits_;
  const InstanceId self_;
  Requests requests_;
  std::map<std::string, Channel, std::less<>> channels_;
  View view_;
  size_t handling_ = 0;
  size_t refusals_waiting_ = 0;
  uint64_t messages_ = 0;
  uint64_t requests_received_ = 0;
  uint64_t unheard_ = 0;
  uint64_t refused_ = 0;
  uint64_t refusals_dropped_ = 0;
  uint64_t answers_unwanted_ = 0;
  uint64_t malformed_ = 0;
};

}  // namespace cohort::messaging

#endif  // COHORT_MESSAGING_MESSENGER_H_
