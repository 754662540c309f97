#include "testing/sim_channels.h"

#include <algorithm>
#include <utility>

#include "messaging/frame.h"
#include "runtime/subscribers.h"

namespace cohort::testing {

using messaging::Messenger;
using messaging::RequestFrame;
using messaging::Requests;

namespace {

constexpr uint64_t kRequestBit = uint64_t{1} << 63;  // In commands of requests.

}  // namespace

absl::StatusOr<Subscription> SimChannels::Add(std::string_view channel, Listener listener) {
  struct Handle final : Subscription::Impl {
    void Cancel() override {
      listener->cancelled = true;
      const auto self = channels.lock();
      if (self == nullptr) return;
      self->listeners_[channel].remove(listener);
      self->Update(channel);
    }
    std::weak_ptr<SimChannels> channels;
    std::string channel;
    std::shared_ptr<Listener> listener;
  };
  if (absl::Status status = messaging::ValidateChannelName(channel); !status.ok()) return status;
  if (absl::Status status = messenger_.Open(channel); !status.ok()) return status;
  auto handle = std::make_unique<Handle>();
  handle->channels = weak_from_this();
  handle->channel = channel;
  handle->listener = std::make_shared<Listener>(std::move(listener));
  listeners_[handle->channel].push_back(handle->listener);
  Update(handle->channel);
  return Subscription(std::move(handle));
}

void SimChannels::Update(const std::string& channel) {
  const Listeners& listeners = listeners_[channel];
  const auto subscribed =
      std::count_if(listeners.begin(), listeners.end(),
                    [](const auto& listener) { return listener->on_message != nullptr; });
  messenger_.SetListeners(channel, static_cast<size_t>(subscribed));
  messenger_.SetHandled(channel, static_cast<size_t>(subscribed) < listeners.size());
}

absl::StatusOr<Subscription> SimChannels::Subscribe(
    std::string_view channel, std::function<void(const Message&)> on_message) {
  Listener listener;
  listener.on_message = std::move(on_message);
  return Add(channel, std::move(listener));
}

absl::StatusOr<Subscription> SimChannels::Handle(std::string_view channel, RequestHandler handler) {
  if (!handler) return absl::InvalidArgumentError("an empty handler");
  if (messenger_.IsHandled(channel)) {
    return absl::AlreadyExistsError("channel " + std::string(channel) +
                                    " has a handler at this member: end that one first");
  }
  Listener listener;
  listener.on_request = std::move(handler);
  return Add(channel, std::move(listener));
}

absl::Status SimChannels::Request(std::string_view channel, std::string_view payload,
                                  const RequestOptions& options, bool waits, RequestCallback done) {
  if (absl::Status status = messaging::ValidateRequest(payload, options); !status.ok())
    return status;
  const Instant deadline = messaging::DeadlineOf(host_.now(), options.timeout);
  absl::StatusOr<Messenger::NewRequest> request =
      messenger_.Begin(deadline, channel, payload, options);
  if (!request.ok()) return request.status();
  const uint64_t number = request->number;
  engine::SendMessage message;
  message.channel = true;
  message.cls = options.delivery;
  message.payload = std::move(request->frame);
  if (number != 0) {
    message.id = number | kRequestBit;
    completions_[number] = {std::move(done), waits};
  }
  if (absl::Status status = host_.post(message); !status.ok()) {
    completions_.erase(number);
    if (number != 0) messenger_.Forget(number);
    return status;
  }
  if (number == 0 && done) host_.call([done = std::move(done)] { done(RequestResult()); });
  if (number != 0 && !deadline.is_infinite()) host_.wake_at(deadline);
  return absl::OkStatus();
}

void SimChannels::Finish(Messenger::Output& out) {
  for (Requests::Done& done : out.done) {
    const auto found = completions_.find(done.number);
    if (found == completions_.end()) {
      messenger_.Release(done);
      continue;
    }
    host_.call(
        [self = shared_from_this(), done = std::move(done), completion = std::move(found->second)] {
          if (completion.done && (completion.waits || !self->killed_)) completion.done(done.result);
          self->messenger_.Release(done);
        });
    completions_.erase(found);
  }
  for (const Messenger::Refusal& refusal : out.refusals) {
    host_.call([self = shared_from_this(), refusal] {
      if (self->killed_) return;
      self->Respond(refusal.asker, refusal.number, refusal.code, {}, true).IgnoreError();
      self->messenger_.OnRefused();
    });
  }
  out = {};
}

void SimChannels::OnView(const View& view) {
  Messenger::Output out;
  messenger_.OnView(view, out);
  Finish(out);
}

bool SimChannels::OnDone(const engine::DoneUpcall& done) {
  if ((done.command & kRequestBit) == 0) return false;
  Messenger::Output out;
  if (!done.status.ok()) messenger_.OnFailed(done.command & ~kRequestBit, done.status, out);
  Finish(out);
  return true;
}

void SimChannels::OnTimer(Instant now) {
  Messenger::Output out;
  messenger_.OnTimer(now, out);
  Finish(out);
}

void SimChannels::Kill() {
  killed_ = true;
  for (auto& [channel, listeners] : listeners_) {
    for (const auto& listener : listeners) listener->cancelled = true;
  }
  Messenger::Output out;
  messenger_.FailAll(absl::CancelledError("the process of this member was killed"), out);
  Finish(out);
}

void SimChannels::OnMessage(const View& current, const engine::MessageUpcall& message) {
  if (messenger_.IsSelf(message.from)) messenger_.NoteSynced(current);
  Messenger::Output out;
  if (messenger_.OnFrame(message.from, message.payload, out) != Messenger::Verdict::kDrop) {
    host_.call([self = shared_from_this(), message] {
      if (!self->killed_) self->Deliver(message);
    });
  }
  Finish(out);
}

void SimChannels::Deliver(const engine::MessageUpcall& message) {
  const auto frame = messaging::Decode(message.payload);
  if (const auto* sent = std::get_if<messaging::MessageFrame>(&*frame)) {
    const Listeners listeners = listeners_[std::string(sent->channel)];
    for (const auto& listener : listeners) {
      if (listener->on_message && !listener->cancelled)
        listener->on_message({message.from, sent->payload, message.cls, message.transitional});
    }
    return;
  }
  const RequestFrame& request = std::get<RequestFrame>(*frame);
  const MemberId asker = message.from;
  const auto place = std::make_shared<messaging::AnswerPlace>(
      request.wanted,
      [self = weak_from_this(), asker, number = request.number](
          uint8_t code, std::string_view answer, bool always_room) {
        const auto channels = self.lock();
        if (channels == nullptr || channels->killed_)
          return absl::CancelledError("this member has no process");
        return channels->Respond(asker, number, code, answer, always_room);
      },
      [self = weak_from_this()] {
        if (const auto channels = self.lock()) channels->messenger_.OnHandled();
      });
  const ReceivedRequest received{asker, request.channel, request.payload, message.cls};
  const Listeners listeners = listeners_[std::string(request.channel)];
  for (const auto& listener : listeners) {
    if (!listener->on_request || listener->cancelled) continue;
    return messaging::CallHandler(listener->on_request, received, place);
  }
  place->Answer(messaging::kCodeNoHandler, {}, /*always_room=*/true).IgnoreError();
}

absl::Status SimChannels::Respond(const MemberId& asker, uint64_t number, uint8_t code,
                                  std::string_view payload, bool always_room) {
  if (messenger_.IsSelf(asker)) {
    Messenger::Output out;
    messenger_.AnswerSelf(number, code, payload, out);
    Finish(out);
    return absl::OkStatus();
  }
  if (!messenger_.Reaches(asker)) return absl::OkStatus();
  engine::SendMessage message;
  message.channel = true;
  message.is_answer = true;
  message.always_room = always_room;
  message.payload = Encode(messaging::AnswerFrame{asker.instance, number, code, payload});
  return host_.post(message);
}

}  // namespace cohort::testing
