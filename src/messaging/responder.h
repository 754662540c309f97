// What stands behind a Responder: one place for one answer, whoever drives the member.
//
// Idea: three facts in one atomic number. While the handler is still running, an answer that will
// not come is told by who called the handler, since it alone knows whether the handler threw.
//
// Threads: any, one at a time but for Open and End, which belong to who calls the handler.
#ifndef COHORT_MESSAGING_RESPONDER_H_
#define COHORT_MESSAGING_RESPONDER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "cohort/request.h"

namespace cohort::messaging {

class AnswerPlace {
 public:
  // Sends an answer; `always_room`: it is small, and must find room in the send queue.
  using Send =
      std::function<absl::Status(uint8_t code, std::string_view payload, bool always_room)>;

  // `ended` is called when nobody can answer any more, answered or not.
  AnswerPlace(bool wanted, Send send, std::function<void()> ended)
      : wanted_(wanted), send_(std::move(send)), ended_(std::move(ended)) {}
  ~AnswerPlace() { ended_(); }
  AnswerPlace(const AnswerPlace&) = delete;
  AnswerPlace& operator=(const AnswerPlace&) = delete;

  absl::Status Answer(uint8_t code, std::string_view payload, bool always_room);
  // The responder is gone.
  void Abandon();
  // The handler has returned, or thrown: `failure` is what it said then, else empty.
  void EndOfHandler(std::string_view failure);
  bool wanted() const { return wanted_ && (state_ & kAnswered) == 0; }

 private:
  static constexpr uint8_t kInHandler = 1;
  static constexpr uint8_t kAbandoned = 2;
  static constexpr uint8_t kAnswered = 4;
  void Fail(std::string_view text);

  const bool wanted_;
  const Send send_;
  const std::function<void()> ended_;
  std::atomic<uint8_t> state_{kInHandler};
};

// Calls `handler` for one request. Whatever becomes of it, the request is answered, or its
// responder is kept by the handler.
void CallHandler(const RequestHandler& handler, const ReceivedRequest& request,
                 const std::shared_ptr<AnswerPlace>& place);

}  // namespace cohort::messaging

namespace cohort {

struct Responder::Impl {
  std::shared_ptr<messaging::AnswerPlace> place;
};

}  // namespace cohort

#endif  // COHORT_MESSAGING_RESPONDER_H_
