// What EngineNet keeps of each host, and what travels between hosts.
#ifndef COHORT_TESTS_SUPPORT_ENGINE_NET_HOST_H_
#define COHORT_TESTS_SUPPORT_ENGINE_NET_HOST_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/engine.h"

namespace cohort::testing_support {

struct NetArrival {
  size_t to = 0;
  Address from;
  bool multicast = false;
  std::string datagram;
  std::optional<engine::StreamEvent> stream;
  std::string bytes;
};
struct NetHost {
  std::unique_ptr<engine::Engine> engine;
  Address address;
  std::vector<View> views;
  std::vector<Event> events;
  std::vector<engine::MessageUpcall> messages;
  std::vector<engine::ChangeUpcall> changes;
  std::map<uint64_t, engine::DoneUpcall> done;
  bool alive = true;
  bool is_paused = false;
  // For tests to set: what comes waits, then all in one batch; so do stream events; stream events
  // are lost; so is what it sends, but for streams; so is what is multicast to it.
  bool holds_datagrams = false, holds_streams = false, drops_streams = false, is_mute = false,
       drops_multicast = false;
  size_t datagram_max = 65536;  // What is larger does not reach it.
  std::vector<NetArrival> held;
  std::vector<NetArrival> held_streams;

  // As SIGSTOP does: what comes waits in the sockets.
  void Pause() { is_paused = holds_datagrams = holds_streams = true; }
  void Keep(const engine::Upcall& upcall) {
    if (const auto* view = std::get_if<engine::ViewUpcall>(&upcall)) views.push_back(view->view);
    if (const auto* event = std::get_if<engine::EventUpcall>(&upcall))
      events.push_back(event->event);
    if (const auto* message = std::get_if<engine::MessageUpcall>(&upcall))
      messages.push_back(*message);
    if (const auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) changes.push_back(*change);
    if (const auto* of_command = std::get_if<engine::DoneUpcall>(&upcall))
      done[of_command->command] = *of_command;
  }
};

// Sees every call of an engine, and what came of it.
class NetObserver {
 public:
  virtual ~NetObserver() = default;
  virtual void OnEnter(size_t index) = 0;
  virtual void OnLeave(size_t index, const engine::Output& out) = 0;
};

inline Address NetAddressOf(size_t index) {
  Address address;
  address.family = 4;
  address.ip[0] = 10;
  address.ip[3] = static_cast<uint8_t>(index + 1);
  address.port = 7600;
  return address;
}

inline engine::EngineOptions NetOptions(const std::string& name) {
  engine::EngineOptions options;
  options.group = "test";
  options.name = name;
  options.key.emplace();
  (*options.key)[0] = std::byte{42};
  return options;
}

}  // namespace cohort::testing_support

#endif  // COHORT_TESTS_SUPPORT_ENGINE_NET_HOST_H_
