#include "messaging/responder.h"

#include <exception>
#include <string>

#include "messaging/frame.h"
#include "messaging/messenger.h"

namespace cohort {

const char* ToString(AnswerState state) {
  switch (state) {
    case AnswerState::kAnswered:
      return "answered";
    case AnswerState::kFailed:
      return "failed";
    case AnswerState::kNoHandler:
      return "has no handler";
    case AnswerState::kLeft:
      return "left";
    case AnswerState::kTimedOut:
      return "timed out";
    case AnswerState::kUnawaited:
      return "was not awaited";
  }
  return "unknown";
}

Responder::Responder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Responder::Responder(Responder&&) noexcept = default;

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    if (impl_ != nullptr) impl_->place->Abandon();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Responder::~Responder() {
  if (impl_ != nullptr) impl_->place->Abandon();
}

absl::Status Responder::Answer(std::string_view payload) {
  if (impl_ == nullptr) return absl::FailedPreconditionError("this responder was moved from");
  if (absl::Status status = messaging::ValidateAnswer(payload); !status.ok()) return status;
  return impl_->place->Answer(messaging::kCodeAnswered, payload, /*always_room=*/false);
}

absl::Status Responder::Fail(const absl::Status& status) {
  if (impl_ == nullptr) return absl::FailedPreconditionError("this responder was moved from");
  if (absl::Status valid = messaging::ValidateFailure(status); !valid.ok()) return valid;
  return impl_->place->Answer(static_cast<uint8_t>(status.code()), messaging::FailureText(status),
                              /*always_room=*/true);
}

bool Responder::wanted() const { return impl_ != nullptr && impl_->place->wanted(); }

}  // namespace cohort

namespace cohort::messaging {

absl::Status AnswerPlace::Answer(uint8_t code, std::string_view payload, bool always_room) {
  if ((state_.fetch_or(kAnswered) & kAnswered) != 0)
    return absl::FailedPreconditionError("this request was answered already");
  if (!wanted_) return absl::OkStatus();
  absl::Status status = send_(code, payload, always_room);
  if (absl::IsResourceExhausted(status)) state_.fetch_and(static_cast<uint8_t>(~kAnswered));
  return status;
}

void AnswerPlace::Fail(std::string_view text) {
  Answer(static_cast<uint8_t>(absl::StatusCode::kInternal), text.substr(0, kFailureTextBytesMax),
         /*always_room=*/true)
      .IgnoreError();  // The asker has its time limit.
}

void AnswerPlace::Abandon() {
  const uint8_t before = state_.fetch_or(kAbandoned);
  if ((before & (kInHandler | kAnswered)) == 0) Fail("the handler ended without an answer");
}

void AnswerPlace::EndOfHandler(std::string_view failure) {
  const uint8_t before = state_.fetch_and(static_cast<uint8_t>(~kInHandler));
  if ((before & kAnswered) != 0 || (before & kAbandoned) == 0) return;
  Fail(failure.empty() ? "the handler ended without an answer" : failure);
}

void CallHandler(const RequestHandler& handler, const ReceivedRequest& request,
                 const std::shared_ptr<AnswerPlace>& place) {
  std::string failure;
  try {
    handler(request, Responder(std::make_unique<Responder::Impl>(Responder::Impl{place})));
  } catch (const std::exception& error) {
    failure = std::string("the handler threw: ") + error.what();
  } catch (...) {
    failure = "the handler threw what is no std::exception";
  }
  place->EndOfHandler(failure);
}

}  // namespace cohort::messaging
