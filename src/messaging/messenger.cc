#include "messaging/messenger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "messaging/frame.h"

namespace cohort::messaging {

absl::Status ValidateChannelName(std::string_view name) {
  if (!name.empty() && name.size() <= kNameBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("name of a channel: 1 to ", kNameBytesMax, " bytes, not ", name.size()));
}

absl::Status ValidateMessage(std::string_view payload, DeliveryClass delivery) {
  if (payload.size() > kMessageBytesMax)
    return absl::InvalidArgumentError("message: at most 1 MiB less 256 bytes");
  if (delivery > DeliveryClass::kSafe)
    return absl::InvalidArgumentError("delivery class: CONV, AGREED or SAFE");
  return absl::OkStatus();
}

absl::Status ValidateRequest(std::string_view payload, const RequestOptions& options) {
  if (payload.size() > kRequestBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("request: at most ", kRequestBytesMax,
                                                   " bytes, not ", payload.size(),
                                                   "; send it in several"));
  }
  if (options.to.size() > kRequestTargetsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("RequestOptions::to: at most ", kRequestTargetsMax, " members, not ",
                     options.to.size(), "; leave it empty to ask all"));
  }
  if (options.delivery > DeliveryClass::kSafe)
    return absl::InvalidArgumentError("RequestOptions::delivery: CONV, AGREED or SAFE");
  if (options.timeout < absl::ZeroDuration())
    return absl::InvalidArgumentError("RequestOptions::timeout: not below zero");
  return absl::OkStatus();
}

absl::Status ValidateAnswer(std::string_view payload) {
  if (payload.size() <= kAnswerBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("answer: at most ", kAnswerBytesMax, " bytes, not ", payload.size(),
                   "; answer with a part, and let the rest be asked"));
}

absl::Status ValidateFailure(const absl::Status& status) {
  if (!status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError("a failure that is OK: call Answer");
}

std::string_view FailureText(const absl::Status& status) {
  return ToStd(status.message()).substr(0, kFailureTextBytesMax);
}

Instant DeadlineOf(Instant now, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return Instant::Infinite();
  return now + Duration(absl::ToInt64Nanoseconds(timeout));
}

absl::Status Messenger::Open(std::string_view channel) {
  if (channels_.contains(channel)) return absl::OkStatus();
  if (channels_.size() >= limits_.channels_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this member has opened ", channels_.size(),
                     " channels: use few names, and put the rest into the payload"));
  }
  channels_.emplace(channel, Channel());
  return absl::OkStatus();
}

void Messenger::SetListeners(std::string_view channel, size_t listeners) {
  const auto it = channels_.find(channel);
  if (it != channels_.end()) it->second.listeners = listeners;
}

void Messenger::SetHandled(std::string_view channel, bool handled) {
  const auto it = channels_.find(channel);
  if (it != channels_.end()) it->second.handled = handled;
}

bool Messenger::IsHandled(std::string_view channel) const {
  const auto it = channels_.find(channel);
  return it != channels_.end() && it->second.handled;
}

absl::StatusOr<Messenger::NewRequest> Messenger::Begin(Instant deadline, std::string_view channel,
                                                       std::string_view payload,
                                                       const RequestOptions& options) {
  NewRequest request;
  RequestFrame frame{.number = 0,
                     .wanted = options.await != Await::kNone,
                     .include_self = options.include_self,
                     .to = {},
                     .channel = channel,
                     .payload = payload};
  if (frame.wanted) {
    const absl::StatusOr<uint64_t> number = requests_.Begin(options, deadline);
    if (!number.ok()) return number.status();
    request.number = frame.number = *number;
  }
  request.frame = Encode(frame, options.to);
  return request;
}

void Messenger::OnView(const View& view, Output& out) {
  const bool fresh = view.previous != view_.id || view.previous.IsZero();
  view_ = view;
  requests_.OnView(view_, self_, fresh, out.done);
}

void Messenger::NoteSynced(const View& now) {
  if (now.id == view_.id) view_.members = now.members;
}

Messenger::Verdict Messenger::OnFrame(const MemberId& from, Bytes bytes, Output& out) {
  const std::optional<Frame> frame = Decode(bytes);
  if (!frame) {
    ++malformed_;
    return Verdict::kDrop;
  }
  if (const auto* message = std::get_if<MessageFrame>(&*frame)) {
    const auto channel = channels_.find(message->channel);
    const bool heard = channel != channels_.end() && channel->second.listeners > 0;
    ++(heard ? messages_ : unheard_);
    return heard ? Verdict::kMessage : Verdict::kDrop;
  }
  if (const auto* answer = std::get_if<AnswerFrame>(&*frame)) {
    if (answer->asker == self_)
      requests_.OnAnswer(answer->number, from.instance, answer->code, answer->payload, out.done);
    return Verdict::kDrop;
  }
  const RequestFrame& request = std::get<RequestFrame>(*frame);
  const bool own = from.instance == self_;
  if (own) requests_.OnDelivered(request.number, view_, self_, out.done);
  const bool asked = request.IsFor(self_) && (!own || request.include_self || !request.to.empty());
  if (!asked) return Verdict::kDrop;
  ++requests_received_;
  if (handling_ >= limits_.handled_max) {
    Refuse(from, request.number, request.wanted, kCodeBusy, out);
    return Verdict::kDrop;
  }
  if (!IsHandled(request.channel)) {
    Refuse(from, request.number, request.wanted, kCodeNoHandler, out);
    return Verdict::kDrop;
  }
  ++handling_;
  return Verdict::kRequest;
}

void Messenger::RefuseAccepted(const MemberId& asker, uint64_t number, bool wanted, uint8_t code,
                               Output& out) {
  --handling_;
  Refuse(asker, number, wanted, code, out);
}

void Messenger::Refuse(const MemberId& asker, uint64_t number, bool wanted, uint8_t code,
                       Output& out) {
  ++refused_;
  if (!wanted) return;
  if (IsSelf(asker)) {
    requests_.OnAnswer(number, self_, code, {}, out.done);
  } else if (refusals_waiting_ >= limits_.refusals_max) {
    ++refusals_dropped_;
  } else {
    ++refusals_waiting_;
    out.refusals.push_back({asker, number, code});
  }
}

bool Messenger::Reaches(const MemberId& asker) {
  const bool here =
      std::any_of(view_.members.begin(), view_.members.end(),
                  [&](const Member& member) { return member.id.instance == asker.instance; });
  if (!here) ++answers_unwanted_;
  return here;
}

std::map<std::string, uint64_t> Messenger::Stats() const {
  const Requests::Stats& asking = requests_.stats();
  return {{"messaging.channels", channels_.size()},
          {"messaging.messages", messages_},
          {"messaging.unheard", unheard_},
          {"messaging.malformed", malformed_},
          {"messaging.requests_sent", asking.begun},
          {"messaging.requests_waiting", requests_.size()},
          {"messaging.requests_received", requests_received_},
          {"messaging.requests_handling", handling_},
          {"messaging.requests_refused", refused_},
          {"messaging.refusals_dropped", refusals_dropped_},
          {"messaging.answers_received", asking.answers},
          {"messaging.answers_late", asking.answers_late},
          {"messaging.answers_dropped", asking.answers_dropped},
          {"messaging.answers_unwanted", answers_unwanted_}};
}

}  // namespace cohort::messaging
