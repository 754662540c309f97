// The channels of one simulated process: what runtime::Channels is to a real one, less the threads.
//
// Callbacks are queued with Host::call and run between two steps of the world. Owner: one host of
// a SimWorld; shared with callbacks that are queued.
#ifndef COHORT_TESTING_SIM_CHANNELS_H_
#define COHORT_TESTING_SIM_CHANNELS_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cohort/request.h"
#include "cohort/subscription.h"
#include "engine/command.h"
#include "engine/io.h"
#include "messaging/messenger.h"
#include "messaging/responder.h"

namespace cohort::testing {

class SimChannels : public std::enable_shared_from_this<SimChannels> {
 public:
  struct Host {
    std::function<absl::Status(const engine::Command&)> post;
    std::function<void(std::function<void()>)> call;
    std::function<void(Instant)> wake_at;
    std::function<Instant()> now;
  };

  SimChannels(const InstanceId& self, Host host) : host_(std::move(host)), messenger_({}, self) {}

  absl::StatusOr<Subscription> Subscribe(std::string_view channel,
                                         std::function<void(const Message&)> on_message);
  absl::StatusOr<Subscription> Handle(std::string_view channel, RequestHandler handler);
  absl::Status Request(std::string_view channel, std::string_view payload,
                       const RequestOptions& options, bool waits, RequestCallback done);

  void OnView(const View& view);
  void OnMessage(const View& current, const engine::MessageUpcall& message);
  bool OnDone(const engine::DoneUpcall& done);  // False: no command of ours.
  void OnTimer(Instant now);
  // The process is gone: those that wait hear of it, nobody else does.
  void Kill();
  const messaging::Messenger& messenger() const { return messenger_; }

 private:
  struct Listener {
    std::function<void(const Message&)> on_message;
    RequestHandler on_request;
    bool cancelled = false;
  };
  using Listeners = std::list<std::shared_ptr<Listener>>;
  struct Completion {
    RequestCallback done;
    bool waits = false;
  };

  absl::StatusOr<Subscription> Add(std::string_view channel, Listener listener);
  void Update(const std::string& channel);
  void Finish(messaging::Messenger::Output& out);
  void Deliver(const engine::MessageUpcall& message);
  absl::Status Respond(const MemberId& asker, uint64_t number, uint8_t code,
                       std::string_view payload, bool always_room);

  const Host host_;
  messaging::Messenger messenger_;
  std::map<std::string, Listeners, std::less<>> listeners_;
  std::map<uint64_t, Completion> completions_;
  bool killed_ = false;
};

}  // namespace cohort::testing

#endif  // COHORT_TESTING_SIM_CHANNELS_H_
