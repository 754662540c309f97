#include "cohort/testing/sim_channel.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "messaging/frame.h"
#include "messaging/messenger.h"
#include "testing/sim_world.h"

namespace cohort::testing {
namespace {

absl::StatusOr<engine::SendMessage> NewMessage(std::string_view channel, std::string_view payload,
                                               DeliveryClass delivery) {
  if (absl::Status status = messaging::ValidateChannelName(channel); !status.ok()) return status;
  if (absl::Status status = messaging::ValidateMessage(payload, delivery); !status.ok())
    return status;
  engine::SendMessage message;
  message.cls = delivery;
  message.channel = true;
  message.payload = Encode(messaging::MessageFrame{channel, payload});
  return message;
}

}  // namespace

absl::Status SimChannel::Send(std::string_view payload, DeliveryClass delivery) {
  absl::StatusOr<engine::SendMessage> message = NewMessage(name_, payload, delivery);
  if (!message.ok()) return message.status();
  return world_->Post(HostOf(member_), *std::move(message));
}

absl::Status SimChannel::SendSync(std::string_view payload, DeliveryClass delivery,
                                  absl::Duration timeout) {
  absl::StatusOr<engine::SendMessage> message = NewMessage(name_, payload, delivery);
  if (!message.ok()) return message.status();
  message->ack = engine::AckLevel::kAll;
  return world_->Wait(HostOf(member_), *std::move(message), timeout).status;
}

absl::Status SimChannel::SendAsync(std::string_view payload, DeliveryClass delivery,
                                   absl::Duration timeout,
                                   std::function<void(const absl::Status&)> done) {
  absl::StatusOr<engine::SendMessage> message = NewMessage(name_, payload, delivery);
  if (!message.ok()) return message.status();
  message->ack = engine::AckLevel::kAll;
  WriteCallback callback;
  if (done) callback = [done = std::move(done)](const WriteResult& result) { done(result.status); };
  return world_->Execute(HostOf(member_), *std::move(message), timeout, false, std::move(callback));
}

Subscription SimChannel::SubscribeMessages(std::function<void(const Message&)> on_message) {
  SimChannels* const channels = world_->ChannelsOf(HostOf(member_));
  if (channels == nullptr) return {};
  absl::StatusOr<Subscription> handle = channels->Subscribe(name_, std::move(on_message));
  return handle.ok() ? *std::move(handle) : Subscription();
}

RequestResult SimChannel::Request(std::string_view payload, const RequestOptions& options) {
  RequestResult refused;
  if (world_->in_callback()) {
    refused.status = absl::FailedPreconditionError(
        "what waits would stop time inside a callback: use RequestAsync");
    return refused;
  }
  SimChannels* const channels = world_->ChannelsOf(HostOf(member_));
  if (channels == nullptr) {
    refused.status = absl::CancelledError("this member has no process");
    return refused;
  }
  RequestOptions bounded = options;
  bounded.timeout = std::min(options.timeout, kSimWaitMax);
  std::optional<RequestResult> answer;
  refused.status = channels->Request(name_, payload, bounded, true,
                                     [&](const RequestResult& result) { answer = result; });
  if (!refused.status.ok()) return refused;
  world_->StepUntil([&] { return answer.has_value(); });
  return *std::move(answer);
}

absl::Status SimChannel::RequestAsync(std::string_view payload, const RequestOptions& options,
                                      RequestCallback done) {
  SimChannels* const channels = world_->ChannelsOf(HostOf(member_));
  if (channels == nullptr) return absl::CancelledError("this member has no process");
  return channels->Request(name_, payload, options, false, std::move(done));
}

absl::StatusOr<Subscription> SimChannel::HandleRequests(RequestHandler handler) {
  SimChannels* const channels = world_->ChannelsOf(HostOf(member_));
  if (channels == nullptr) return absl::CancelledError("this member has no process");
  return channels->Handle(name_, std::move(handler));
}

}  // namespace cohort::testing
