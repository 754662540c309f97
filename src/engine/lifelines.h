// The lifelines of this member: one authenticated stream to each other member, and passing ones to
// strangers (joins, merges). Dials when there is something to say, introduces both ends (HELLO),
// cuts bytes into messages, and tells when the last stream to a peer has ended, which is where
// evidence of death begins.
//
// A stream counts as up once the peer's HELLO has arrived. Streams to peers that are not retained
// (not in the view) are closed after kIdleMax without a message. Limits: kLifelinesMax streams,
// kQueuedBytesMax for each while it opens.
//
// Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_LIFELINES_H_
#define COHORT_ENGINE_LIFELINES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "engine/io.h"
#include "wire/stream_framer.h"

namespace cohort::engine {

inline constexpr size_t kLifelinesMax = 1024;
inline constexpr size_t kLifelineQueuedBytesMax = size_t{4} << 20;
inline constexpr Duration kLifelineHelloMax = seconds(3);
inline constexpr Duration kLifelineIdleMax = seconds(5);

class Lifelines {
 public:
  struct Peer {
    MemberId id;
    Address address;  // Where it listens.
    std::string name;
  };
  struct Message {
    Peer from;
    wire::StreamMessage type = wire::StreamMessage::kHello;
    Buffer body;
  };
  struct Down {
    Peer peer;
    bool said_bye = false;
    bool reset = false;
  };
  struct ProbeAnswer {
    Address address;
    StreamEvent::Kind verdict = StreamEvent::Kind::kFailed;  // kAnswered, kRefused or kFailed.
  };
  struct Unreachable {  // A dial came to nothing; what was queued for it is lost.
    Address address;
    std::string text;
    bool refused = false;
  };
  struct Output {
    std::vector<Message> messages;
    std::vector<Peer> up;
    std::vector<Down> down;
    std::vector<ProbeAnswer> probes;
    std::vector<Unreachable> unreachable;
    bool IsEmpty() const {
      return messages.empty() && up.empty() && down.empty() && probes.empty() &&
             unreachable.empty();
    }
  };
  struct Stats {
    uint64_t opened = 0;
    uint64_t accepted = 0;
    uint64_t refused_limit = 0;
    uint64_t broken =
        0;  // Peers that broke the framing, never introduced themselves or were ourselves.
  };

  // Introduces this member from now on as `self`, also to those who know it by an older join_no.
  void SetSelf(Peer self, std::vector<StreamAction>& actions);
  // Sends over an open stream to `to`, or dials.
  void SendTo(Instant now, const Address& to, wire::StreamMessage type, Bytes body,
              std::vector<StreamAction>& actions);
  // As SendTo, by instance; false when no stream to it is up.
  bool SendToInstance(Instant now, const InstanceId& to, wire::StreamMessage type, Bytes body,
                      std::vector<StreamAction>& actions);
  // Makes sure there is, or will be, a stream to `to`.
  void Dial(Instant now, const Address& to, std::vector<StreamAction>& actions);
  bool IsUp(const InstanceId& instance) const;
  void Probe(const Address& to, std::vector<StreamAction>& actions);
  // The peers whose streams are to be kept.
  void Retain(std::vector<InstanceId> instances);
  // Says BYE to everybody and ends all streams.
  void CloseAll(std::vector<StreamAction>& actions);

  void OnStream(Instant now, const StreamEvent& event, std::vector<StreamAction>& actions,
                Output& out);
  void OnTimer(Instant now, std::vector<StreamAction>& actions, Output& out);
  Instant NextDeadline() const;
  const Stats& stats() const { return stats_; }

 private:
  struct Stream {
    Address address;  // Dialled, or as the peer's HELLO says.
    bool dialled = false;
    bool open = false;
    bool introduced = false;       // The peer's HELLO is here.
    uint64_t introduction_no = 0;  // The n-th of all; 0 before.
    bool said_bye = false;
    Peer peer;
    Instant since;
    Instant used;
    wire::StreamFramer framer;
    std::vector<Buffer> queued;  // Until it opens.
    size_t queued_bytes = 0;
  };
  using Streams = std::map<StreamId, Stream>;

  Streams::iterator FindByAddress(const Address& address);
  Buffer HelloMessage() const;
  void OnOpened(Instant now, StreamId id, Stream& stream, std::vector<StreamAction>& actions);
  void OnBytes(Instant now, Streams::iterator it, Bytes bytes, std::vector<StreamAction>& actions,
               Output& out);
  void OnHello(Streams::iterator it, Bytes body, Output& out);
  void OnEnded(Streams::iterator it, bool reset, Output& out);
  bool IsRetained(const Stream& stream) const;

  Peer self_;
  Streams streams_;
  std::map<StreamId, Address> probes_;
  std::vector<InstanceId> retained_;  // Sorted.
  StreamId next_id_ = 1;
  uint64_t introductions_ = 0;
  Instant next_check_ = Instant::Infinite();
  Stats stats_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_LIFELINES_H_
