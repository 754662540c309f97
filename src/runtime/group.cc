#include "cohort/group.h"

#include <utility>

#include "map/validation.h"
#include "messaging/messenger.h"
#include "runtime/group_impl.h"
#include "runtime/map_writes.h"
#include "runtime/replicated_map_impl.h"

namespace cohort {

using runtime::DeliveryQueue;

absl::StatusOr<Group> Group::Join(const GroupOptions& options) {
  if (DeliveryQueue::OnDeliveryThread()) {
    return absl::FailedPreconditionError("Join blocks: it cannot be called in a callback");
  }
  absl::StatusOr<std::shared_ptr<Impl>> impl = Impl::Create(options);
  if (!impl.ok()) return impl.status();
  absl::Status status = (*impl)->AwaitJoined(options.join_timeout);
  if (!status.ok()) {
    (*impl)->Leave().IgnoreError();
    return status;
  }
  return Group(*std::move(impl));
}

Group::Group(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Group::Group(Group&&) noexcept = default;

Group& Group::operator=(Group&& other) noexcept {
  if (this != &other) {
    Group old(std::move(impl_));
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Group::~Group() {
  if (impl_ == nullptr || impl_->left()) return;
  if (impl_->fork_guard().InChild()) {
    // Left as it is: its threads are not here, and its epoll set is the parent's too.
    // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): no memory for 16 bytes ends any process.
    static_cast<void>(new std::shared_ptr<Impl>(std::move(impl_)));
    return;
  }
  if (DeliveryQueue::OnDeliveryThread()) {
    impl_->LeaveInBackground();
  } else {
    impl_->Leave().IgnoreError();
  }
}

absl::Status Group::Leave() { return impl_->Leave(); }
absl::Status Group::Drain(absl::Duration timeout) { return impl_->Drain(timeout); }
absl::StatusOr<Convergence> Group::VerifyConvergence(absl::Duration timeout) {
  return impl_->VerifyConvergence(1, timeout);
}

MemberId Group::id() const { return impl_->id(); }
const std::string& Group::name() const { return impl_->name(); }
const std::string& Group::address() const { return impl_->address(); }

View Group::view() const {
  if (impl_->left()) return {};
  return impl_->driver().Read([](const engine::Engine& engine, Instant) { return engine.view(); });
}

bool Group::synced() const {
  return impl_->driver().Read(
      [](const engine::Engine& engine, Instant) { return engine.synced(); });
}

bool Group::writable() const {
  if (impl_->left()) return false;
  return impl_->driver().Read(
      [](const engine::Engine& engine, Instant) { return engine.writable(); });
}

GroupStats Group::stats() const { return impl_->Stats(); }

absl::StatusOr<ReplicatedMap> Group::OpenMap(std::string_view name, const MapOptions& options,
                                             absl::Duration timeout) {
  const bool convergent = options.kind == MapKind::kConvergent;
  if (absl::Status status = map::ValidateMapName(name); !status.ok()) return status;
  if (impl_->left()) return absl::CancelledError("the group was left");
  // In a callback nothing can be waited for, but what is known needs no waiting.
  const bool known =
      DeliveryQueue::OnDeliveryThread() &&
      impl_->driver().Read([&](const engine::Engine& engine, Instant) {
        const std::optional<uint32_t> id = engine.MapId(name);
        return id.has_value() && (engine.FindConvergent(*id) != nullptr) == convergent;
      });
  if (!known) {
    engine::OpenMap command;
    command.name = name;
    command.bytes_max = options.bytes_max;
    command.convergent = convergent;
    command.evicts = options.when_full == WhenFull::kEvictLeastRecentlyUsed;
    if (options.resolver != nullptr) {
      command.resolver = [resolver = options.resolver](const map::BothWritten& both) {
        return resolver({both.key, both.attribute, both.held, both.brought});
      };
    }
    const WriteResult result = impl_->Call(std::move(command), timeout);
    if (!result.ok()) return result.status;
  }
  return ReplicatedMap(std::make_shared<ReplicatedMap::Impl>(impl_, impl_->Opened(name)));
}

namespace {

absl::StatusOr<engine::SendMessage> NewMessage(std::string_view payload, DeliveryClass delivery) {
  if (absl::Status status = messaging::ValidateMessage(payload, delivery); !status.ok())
    return status;
  engine::SendMessage message;
  message.cls = delivery;
  message.payload = Buffer::CopyOf(payload);
  return message;
}

}  // namespace

absl::Status Group::Send(std::string_view payload, DeliveryClass delivery) {
  absl::StatusOr<engine::SendMessage> message = NewMessage(payload, delivery);
  if (!message.ok()) return message.status();
  return impl_->Post(*std::move(message));
}

absl::Status Group::SendSync(std::string_view payload, DeliveryClass delivery,
                             absl::Duration timeout) {
  absl::StatusOr<engine::SendMessage> message = NewMessage(payload, delivery);
  if (!message.ok()) return message.status();
  message->ack = engine::AckLevel::kAll;
  return impl_->Call(*std::move(message), timeout).status;
}

absl::Status Group::SendAsync(std::string_view payload, DeliveryClass delivery,
                              absl::Duration timeout,
                              std::function<void(const absl::Status&)> done) {
  absl::StatusOr<engine::SendMessage> message = NewMessage(payload, delivery);
  if (!message.ok()) return message.status();
  message->ack = engine::AckLevel::kAll;
  WriteCallback callback;
  if (done) callback = [done = std::move(done)](const WriteResult& result) { done(result.status); };
  return impl_->CallAsync(*std::move(message), timeout, std::move(callback));
}

Subscription Group::SubscribeViews(std::function<void(const View&)> on_view) {
  return impl_->SubscribeViews(std::move(on_view));
}
Subscription Group::SubscribeMessages(std::function<void(const Message&)> on_message) {
  return impl_->messages->NewHandle(impl_->messages->Add(std::move(on_message)), impl_);
}
Subscription Group::SubscribeEvents(std::function<void(const Event&)> on_event) {
  return impl_->events->NewHandle(impl_->events->Add(std::move(on_event)), impl_);
}

}  // namespace cohort
