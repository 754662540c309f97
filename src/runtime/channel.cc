#include "cohort/channel.h"

#include <utility>

#include "messaging/frame.h"
#include "messaging/messenger.h"
#include "runtime/group_impl.h"

namespace cohort {

struct Channel::Impl {
  std::shared_ptr<Group::Impl> group;
  runtime::OpenedChannel& channel;

  absl::StatusOr<engine::SendMessage> NewMessage(std::string_view payload,
                                                 DeliveryClass delivery) const {
    if (absl::Status status = messaging::ValidateMessage(payload, delivery); !status.ok())
      return status;
    engine::SendMessage message;
    message.cls = delivery;
    message.channel = true;
    message.payload = Encode(messaging::MessageFrame{channel.name, payload});
    return message;
  }
};

Channel::Channel(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Channel::Channel(const Channel&) = default;
Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(const Channel&) = default;
Channel& Channel::operator=(Channel&&) noexcept = default;
Channel::~Channel() = default;

absl::StatusOr<Channel> Group::OpenChannel(std::string_view name) {
  if (impl_->left()) return absl::CancelledError("the group was left");
  const absl::StatusOr<runtime::OpenedChannel*> opened = impl_->channels().Open(name);
  if (!opened.ok()) return opened.status();
  return Channel(std::make_shared<Channel::Impl>(Channel::Impl{impl_, **opened}));
}

const std::string& Channel::name() const { return impl_->channel.name; }

absl::Status Channel::Send(std::string_view payload, DeliveryClass delivery) {
  absl::StatusOr<engine::SendMessage> message = impl_->NewMessage(payload, delivery);
  if (!message.ok()) return message.status();
  return impl_->group->Post(*std::move(message));
}

absl::Status Channel::SendSync(std::string_view payload, DeliveryClass delivery,
                               absl::Duration timeout) {
  absl::StatusOr<engine::SendMessage> message = impl_->NewMessage(payload, delivery);
  if (!message.ok()) return message.status();
  message->ack = engine::AckLevel::kAll;
  return impl_->group->Call(*std::move(message), timeout).status;
}

absl::Status Channel::SendAsync(std::string_view payload, DeliveryClass delivery,
                                absl::Duration timeout,
                                std::function<void(const absl::Status&)> done) {
  absl::StatusOr<engine::SendMessage> message = impl_->NewMessage(payload, delivery);
  if (!message.ok()) return message.status();
  message->ack = engine::AckLevel::kAll;
  WriteCallback callback;
  if (done) callback = [done = std::move(done)](const WriteResult& result) { done(result.status); };
  return impl_->group->CallAsync(*std::move(message), timeout, std::move(callback));
}

Subscription Channel::SubscribeMessages(std::function<void(const Message&)> on_message) {
  return impl_->group->channels().Subscribe(impl_->channel, std::move(on_message), impl_->group);
}

RequestResult Channel::Request(std::string_view payload, const RequestOptions& options) {
  RequestResult in_child;
  in_child.status = impl_->group->fork_guard().Check();
  if (!in_child.status.ok()) return in_child;
  return impl_->group->channels().Request(impl_->channel, payload, options);
}

absl::Status Channel::RequestAsync(std::string_view payload, const RequestOptions& options,
                                   RequestCallback done) {
  if (absl::Status status = impl_->group->fork_guard().Check(); !status.ok()) return status;
  return impl_->group->channels().RequestAsync(impl_->channel, payload, options, std::move(done));
}

absl::StatusOr<Subscription> Channel::HandleRequests(RequestHandler handler) {
  return impl_->group->channels().Handle(impl_->channel, std::move(handler), impl_->group);
}

}  // namespace cohort
