// The channels of one group as its users have them: subscribers, handlers, requests that wait.
//
// Idea: messaging::Messenger decides, under one lock of its own; this class makes the calls. What
// nobody wants never reaches the delivery queue. A blocking request is woken directly, by whoever
// saw its last answer; one with a callback ends on the delivery thread.
//
// Threads: any. On... are called by the driver under its lock, in the order of the upcalls, and
// only queue. The lock is below the driver's and above the delivery queue's.
#ifndef COHORT_RUNTIME_CHANNELS_H_
#define COHORT_RUNTIME_CHANNELS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cohort/channel.h"
#include "engine/command.h"
#include "engine/engine.h"
#include "messaging/messenger.h"
#include "messaging/responder.h"
#include "runtime/delivery_queue.h"
#include "runtime/mutex.h"
#include "runtime/subscribers.h"

namespace cohort::runtime {

// A request on its way to its handler.
struct Incoming {
  const ReceivedRequest* request = nullptr;
  std::shared_ptr<messaging::AnswerPlace> place;
  bool* called = nullptr;
};

// A channel that was opened here. Lives as long as its group.
struct OpenedChannel {
  OpenedChannel(std::string channel, const DeliveryQueue& queue)
      : name(std::move(channel)),
        messages(std::make_shared<Subscribers<Message>>(queue)),
        handlers(std::make_shared<Subscribers<Incoming>>(queue)) {}
  const std::string name;
  const std::shared_ptr<Subscribers<Message>> messages;
  const std::shared_ptr<Subscribers<Incoming>> handlers;  // At most one.
  Mutex handling;                                         // Serialises who adds a handler.
};

class Channels {
 public:
  // What the group does for its channels. None holds the driver's lock when called.
  struct Host {
    std::weak_ptr<void> owner;  // Of this object, the queue, and what the functions need.
    std::function<absl::Status(const engine::Command&)> post;
    std::function<void(Instant)> wake_at;
  };

  Channels(const InstanceId& self, DeliveryQueue& queue, Host host)
      : queue_(queue), host_(std::move(host)), messenger_({}, self) {}

  absl::StatusOr<OpenedChannel*> Open(std::string_view name);
  // Handles keep `keep_alive`.
  Subscription Subscribe(OpenedChannel& channel, std::function<void(const Message&)> on_message,
                         std::shared_ptr<void> keep_alive);
  absl::StatusOr<Subscription> Handle(OpenedChannel& channel, RequestHandler handler,
                                      std::shared_ptr<void> keep_alive);
  // Handlers that stay.
  absl::Status Install(const ChannelOptions& options);

  RequestResult Request(const OpenedChannel& channel, std::string_view payload,
                        const RequestOptions& options);
  absl::Status RequestAsync(const OpenedChannel& channel, std::string_view payload,
                            const RequestOptions& options, RequestCallback done);

  // ---- By the driver.
  void OnView(const View& view);
  void OnMessage(const engine::Engine& engine, engine::MessageUpcall& message);
  // False: this is no command of ours.
  bool OnDone(const engine::DoneUpcall& done);

  // ---- By others.
  void Deliver(const engine::MessageUpcall& message);  // On the delivery thread.
  Instant Housekeep(Instant now);                      // Returns when it is wanted next.
  void FailAll(const absl::Status& status);
  std::map<std::string, uint64_t> Stats() const;

 private:
  struct Waiter {
    Notification notification;
    RequestResult result;
  };
  struct Completion {
    std::shared_ptr<Waiter> waiter;
    RequestCallback callback;
  };

  // For what may be called when the owner is gone.
  std::weak_ptr<Channels> Weak() { return std::shared_ptr<Channels>(host_.owner.lock(), this); }
  void Update(const OpenedChannel& channel);
  Subscribers<Incoming>::Callback Calling(RequestHandler handler) const;
  absl::Status Begin(const OpenedChannel& channel, std::string_view payload,
                     const RequestOptions& options, Completion completion);
  void FinishLocked(messaging::Messenger::Output& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendRefusal(const messaging::Messenger::Refusal& refusal);
  absl::Status Respond(const MemberId& asker, uint64_t number, uint8_t code,
                       std::string_view payload, bool always_room);
  OpenedChannel* Find(std::string_view name);
  void DeliverRequest(const engine::MessageUpcall& message, uint64_t number, bool wanted,
                      std::string_view channel, std::string_view payload);

  DeliveryQueue& queue_;
  const Host host_;
  mutable Mutex mutex_;
  messaging::Messenger messenger_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<OpenedChannel>, std::less<>> opened_
      ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Completion> completions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_CHANNELS_H_
