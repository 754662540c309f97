#include "runtime/channels.h"

#include <algorithm>
#include <utility>

#include "messaging/frame.h"
#include "runtime/asio_driver.h"

namespace cohort::runtime {

using messaging::AnswerFrame;
using messaging::Messenger;
using messaging::RequestFrame;
using messaging::Requests;

namespace {

// Commands of requests carry their number, and this bit; those of the call table never get there.
constexpr uint64_t kRequestBit = uint64_t{1} << 63;

}  // namespace

// ---- Channels, subscribers, handlers.

absl::StatusOr<OpenedChannel*> Channels::Open(std::string_view name) {
  if (absl::Status status = messaging::ValidateChannelName(name); !status.ok()) return status;
  MutexLock lock(&mutex_);
  const auto found = opened_.find(name);
  if (found != opened_.end()) return found->second.get();
  if (absl::Status status = messenger_.Open(name); !status.ok()) return status;
  auto channel = std::make_unique<OpenedChannel>(std::string(name), queue_);
  return opened_.emplace(name, std::move(channel)).first->second.get();
}

OpenedChannel* Channels::Find(std::string_view name) {
  MutexLock lock(&mutex_);
  const auto found = opened_.find(name);
  return found == opened_.end() ? nullptr : found->second.get();
}

void Channels::Update(const OpenedChannel& channel) {
  MutexLock lock(&mutex_);
  messenger_.SetListeners(channel.name, channel.messages->empty() ? 0 : 1);
  messenger_.SetHandled(channel.name, !channel.handlers->empty());
}

Subscription Channels::Subscribe(OpenedChannel& channel,
                                 std::function<void(const Message&)> on_message,
                                 std::shared_ptr<void> keep_alive) {
  const auto entry = channel.messages->Add(std::move(on_message));
  Update(channel);
  return channel.messages->NewHandle(entry, std::move(keep_alive),
                                     [this, &channel] { Update(channel); });
}

Subscribers<Incoming>::Callback Channels::Calling(RequestHandler handler) const {
  return [handler = std::move(handler)](const Incoming& incoming) {
    *incoming.called = true;
    messaging::CallHandler(handler, *incoming.request, incoming.place);
  };
}

absl::StatusOr<Subscription> Channels::Handle(OpenedChannel& channel, RequestHandler handler,
                                              std::shared_ptr<void> keep_alive) {
  if (!handler) return absl::InvalidArgumentError("an empty handler");
  MutexLock lock(&channel.handling);
  if (!channel.handlers->empty()) {
    return absl::AlreadyExistsError("channel " + channel.name +
                                    " has a handler at this member: end that one first");
  }
  const auto entry = channel.handlers->Add(Calling(std::move(handler)));
  Update(channel);
  return channel.handlers->NewHandle(entry, std::move(keep_alive),
                                     [this, &channel] { Update(channel); });
}

absl::Status Channels::Install(const ChannelOptions& options) {
  absl::StatusOr<OpenedChannel*> channel = Open(options.name);
  if (!channel.ok()) return channel.status();
  if (!(*channel)->messages->empty() || !(*channel)->handlers->empty())
    return absl::InvalidArgumentError("channels: " + options.name + " is named twice");
  if (options.on_message) (*channel)->messages->Add(options.on_message);
  if (options.on_request) (*channel)->handlers->Add(Calling(options.on_request));
  Update(**channel);
  return absl::OkStatus();
}

// ---- Asking.

absl::Status Channels::Begin(const OpenedChannel& channel, std::string_view payload,
                             const RequestOptions& options, Completion completion) {
  if (absl::Status status = messaging::ValidateRequest(payload, options); !status.ok())
    return status;
  const Instant deadline = messaging::DeadlineOf(SteadyNow(), options.timeout);
  engine::SendMessage message;
  message.channel = true;
  message.cls = options.delivery;
  uint64_t number = 0;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<Messenger::NewRequest> request =
        messenger_.Begin(deadline, channel.name, payload, options);
    if (!request.ok()) return request.status();
    number = request->number;
    message.payload = std::move(request->frame);
    if (number != 0) completions_.emplace(number, std::move(completion));
  }
  if (number != 0) message.id = number | kRequestBit;
  if (absl::Status status = host_.post(message); !status.ok()) {
    if (number == 0) return status;
    // Destroyed after the lock: a user's callback may own what comes back here when it goes.
    Completion unused;
    MutexLock lock(&mutex_);
    // Whoever takes the completion out answers for it: not both.
    const auto found = completions_.find(number);
    if (found == completions_.end()) return absl::OkStatus();
    unused = std::move(found->second);
    completions_.erase(found);
    messenger_.Forget(number);
    return status;
  }
  if (number == 0) {
    RequestResult sent;
    if (completion.waiter != nullptr) completion.waiter->notification.Notify();
    const bool is_told =
        !completion.callback ||
        queue_.PushTask([done = std::move(completion.callback), sent] { done(sent); });
    return is_told ? absl::OkStatus() : absl::CancelledError("the group was left");
  }
  if (!deadline.is_infinite()) host_.wake_at(deadline);
  return absl::OkStatus();
}

RequestResult Channels::Request(const OpenedChannel& channel, std::string_view payload,
                                const RequestOptions& options) {
  RequestResult refused;
  if (DeliveryQueue::OnDeliveryThread()) {
    refused.status = absl::FailedPreconditionError(
        "a blocking request in a callback would wait for its own thread: use RequestAsync");
    return refused;
  }
  auto waiter = std::make_shared<Waiter>();
  refused.status = Begin(channel, payload, options, {waiter, nullptr});
  if (!refused.status.ok()) return refused;
  waiter->notification.WaitForNotification();
  // Moved, so that the waker, which may let go of the waiter later, shares nothing of it.
  return std::move(waiter->result);
}

absl::Status Channels::RequestAsync(const OpenedChannel& channel, std::string_view payload,
                                    const RequestOptions& options, RequestCallback done) {
  return Begin(channel, payload, options, {nullptr, std::move(done)});
}

void Channels::FinishLocked(Messenger::Output& out) {
  for (Requests::Done& done : out.done) {
    const auto found = completions_.find(done.number);
    if (found == completions_.end()) {
      messenger_.Release(done);
      continue;
    }
    Completion completion = std::move(found->second);
    completions_.erase(found);
    if (completion.callback) {
      queue_.PushTask(
          [self = Weak(), done = std::move(done), callback = std::move(completion.callback)] {
            callback(done.result);
            if (const auto channels = self.lock()) {
              MutexLock lock(&channels->mutex_);
              channels->messenger_.Release(done);
            }
          });
      continue;
    }
    messenger_.Release(done);
    if (completion.waiter == nullptr) continue;
    completion.waiter->result = std::move(done.result);
    completion.waiter->notification.Notify();
  }
  // The engine cannot be asked to send while it hands its upcalls over.
  for (const Messenger::Refusal& refusal : out.refusals) {
    queue_.PushTask([self = Weak(), refusal] {
      if (const auto channels = self.lock()) channels->SendRefusal(refusal);
    });
  }
  out.done.clear();
  out.refusals.clear();
}

Instant Channels::Housekeep(Instant now) {
  MutexLock lock(&mutex_);
  Messenger::Output out;
  messenger_.OnTimer(now, out);
  FinishLocked(out);
  return messenger_.NextDeadline();
}

void Channels::FailAll(const absl::Status& status) {
  MutexLock lock(&mutex_);
  Messenger::Output out;
  messenger_.FailAll(status, out);
  FinishLocked(out);
}

// ---- What the engine tells.

void Channels::OnView(const View& view) {
  MutexLock lock(&mutex_);
  Messenger::Output out;
  messenger_.OnView(view, out);
  FinishLocked(out);
}

bool Channels::OnDone(const engine::DoneUpcall& done) {
  if ((done.command & kRequestBit) == 0) return false;
  if (done.status.ok()) return true;
  MutexLock lock(&mutex_);
  Messenger::Output out;
  messenger_.OnFailed(done.command & ~kRequestBit, done.status, out);
  FinishLocked(out);
  return true;
}

void Channels::OnMessage(const engine::Engine& engine, engine::MessageUpcall& message) {
  MutexLock lock(&mutex_);
  if (messenger_.IsSelf(message.from)) messenger_.NoteSynced(engine.view());
  Messenger::Output out;
  const Messenger::Verdict verdict = messenger_.OnFrame(message.from, message.payload, out);
  if (verdict == Messenger::Verdict::kMessage) queue_.Push(std::move(message));
  if (verdict == Messenger::Verdict::kRequest && !queue_.Push(message)) {
    const auto frame = messaging::Decode(message.payload);
    const RequestFrame& request = std::get<RequestFrame>(*frame);
    messenger_.RefuseAccepted(message.from, request.number, request.wanted, messaging::kCodeBusy,
                              out);
  }
  FinishLocked(out);
}

// ---- Answering.

void Channels::Deliver(const engine::MessageUpcall& message) {
  const auto frame = messaging::Decode(message.payload);
  if (!frame) return;
  if (const auto* sent = std::get_if<messaging::MessageFrame>(&*frame)) {
    if (OpenedChannel* channel = Find(sent->channel))
      channel->messages->Call({message.from, sent->payload, message.cls, message.transitional});
  } else if (const auto* request = std::get_if<RequestFrame>(&*frame)) {
    DeliverRequest(message, request->number, request->wanted, request->channel, request->payload);
  }
}

void Channels::DeliverRequest(const engine::MessageUpcall& message, uint64_t number, bool wanted,
                              std::string_view channel, std::string_view payload) {
  const MemberId asker = message.from;
  const auto place = std::make_shared<messaging::AnswerPlace>(
      wanted,
      [self = Weak(), asker, number](uint8_t code, std::string_view answer, bool always_room) {
        const auto channels = self.lock();
        if (channels == nullptr) return absl::CancelledError("the group was left");
        return channels->Respond(asker, number, code, answer, always_room);
      },
      [self = Weak()] {
        if (const auto channels = self.lock()) {
          MutexLock lock(&channels->mutex_);
          channels->messenger_.OnHandled();
        }
      });
  bool called = false;
  const ReceivedRequest request{asker, channel, payload, message.cls};
  if (OpenedChannel* opened = Find(channel)) opened->handlers->Call({&request, place, &called});
  // The handler went while the request waited for it.
  if (!called) place->Answer(messaging::kCodeNoHandler, {}, /*always_room=*/true).IgnoreError();
}

void Channels::SendRefusal(const Messenger::Refusal& refusal) {
  Respond(refusal.asker, refusal.number, refusal.code, {}, /*always_room=*/true).IgnoreError();
  MutexLock lock(&mutex_);
  messenger_.OnRefused();
}

absl::Status Channels::Respond(const MemberId& asker, uint64_t number, uint8_t code,
                               std::string_view payload, bool always_room) {
  engine::SendMessage message;
  {
    MutexLock lock(&mutex_);
    if (messenger_.IsSelf(asker)) {
      Messenger::Output out;
      messenger_.AnswerSelf(number, code, payload, out);
      FinishLocked(out);
      return absl::OkStatus();
    }
    if (!messenger_.Reaches(asker)) return absl::OkStatus();
  }
  message.channel = true;
  message.is_answer = true;
  message.always_room = always_room;
  message.payload = Encode(AnswerFrame{asker.instance, number, code, payload});
  return host_.post(message);
}

std::map<std::string, uint64_t> Channels::Stats() const {
  MutexLock lock(&mutex_);
  return messenger_.Stats();
}

}  // namespace cohort::runtime
