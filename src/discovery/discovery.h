// Finds the members of a group among strangers, and says when there are none and this process may
// begin the group.
//
// A searcher says HELLO by multicast and to each configured or remembered address, at 0, 50, 150,
// 350 ms and so on up to every 2 s, as long as it searches. Members answer with an OFFER that names
// their coordinator. Silence proves nothing, so an empty answer does not make a searcher first:
// after 300 ms the searchers rank one another by what they heard, only the best begins a group, and
// the others go on asking until it answers them. Two that could not hear each other both begin one;
// since sides ANNOUNCE themselves for ever, the two sides meet later and merge.
//
// Everything here may be a replay of an old packet. So what it says about a foreign group
// (Output::sightings) is a hint to open a lifeline and ask, never a fact; and where forming needs a
// number of processes (Options:: initial_members), only those count that echoed a number drawn for
// this very search.
//
// Threads: none of its own; calls must not overlap. Time and randomness are passed in.
#ifndef COHORT_DISCOVERY_DISCOVERY_H_
#define COHORT_DISCOVERY_DISCOVERY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/group_sighting.h"
#include "base/random.h"
#include "base/timer_table.h"
#include "base/types.h"
#include "cohort/events.h"
#include "discovery/answer_limiter.h"
#include "discovery/candidate_table.h"
#include "discovery/message.h"

namespace cohort::discovery {

inline constexpr size_t kSeedsMax = 64;
inline constexpr size_t kRememberedMax = 64;  // Addresses of former fellow members.
inline constexpr size_t kUnicastsPerHello =
    16;  // Remembered addresses asked per HELLO, in turn; seeds always.

struct Options {
  std::string group;
  std::vector<Address> seeds;       // At most kSeedsMax are used.
  std::vector<Address> remembered;  // Of an earlier run; the last kRememberedMax are used.
  uint32_t initial_members =
      0;  // Distinct names, own included, that must answer before this one forms; 0: none.
  // False: it has no vote, so it is none of those that a searcher counts.
  bool votes = true;
  Duration formation_delay = milliseconds(300);
  Duration hello_interval_max = seconds(2);
  Duration announce_interval = seconds(1);
};

// Place of this member in its group, for OFFER and ANNOUNCE.
struct Standing {
  Rank rank = 0;
  GroupSighting side;  // The installed view as others shall see it.
};

struct Packet {
  bool multicast = false;
  Address to;   // When not multicast.
  Buffer body;  // Of a ControlFrame{kDiscovery} in a stranger packet.
};

struct Output {
  std::vector<Packet> packets;
  std::vector<GroupSighting>
      sightings;  // Foreign sides heard of, as they come in (membership judges and limits).
  std::vector<GroupSighting>
      elsewhere;  // Sides that answered AskWhere(); `address` is that of who answered.
  std::vector<Self> in_no_view;  // Who answered it, too: as they are now, they search.
  std::optional<Self> speaker;   // Of a message to a member, if it came from his own address.
  bool form_group =
      false;  // Nobody better is there: begin the group. Said again while the search lasts.
  std::vector<Event> events;
};

struct Stats {
  uint64_t hellos_sent = 0;
  uint64_t offers_sent = 0;
  uint64_t announces_sent = 0;
  uint64_t wheres_sent = 0;
  uint64_t malformed = 0;     // Undecodable, or of another group.
  uint64_t not_answered = 0;  // Beyond the rate.
};

class Discovery {
 public:
  // `random` must outlive this object.
  Discovery(const Options& options, Random& random);

  // Begins a search, or begins it anew (another join_no, other rights).
  void Search(Instant now, const Self& self, Output& out);
  // This process is in a view; again at each new view. `members`: addresses of its members,
  // remembered for later.
  void OnMember(Instant now, const Self& self, const Standing& standing,
                std::span<const Address> members, Output& out);
  // What others shall see of this side: again whenever it has changed inside the view (a member got
  // its state, the quorum was lost), or two sides would judge each other by old numbers.
  void SetSide(const GroupSighting& side) { standing_.side = side; }
  // Left for good, or shut down.
  void Stop();
  // Other seeds from now on: names stand for other addresses. Those that are new are asked at once
  // by a searcher, and told of its side within a second by a member.
  void SetSeeds(Instant now, std::span<const Address> seeds, Output& out);
  // A member of this view, at `fellow`, is silent here: it is asked in which view it is, since it
  // may have gone on to one in which it does not hear this member. Ignored unless this is a member.
  void AskWhere(const Address& fellow, Output& out);
  // Members other than the coordinator answer sooner while it is suspected.
  void SetCoordinatorSilent(bool silent) { coordinator_silent_ = silent; }

  // `from`: source address of the packet; `sender`: the instance whose key opened it.
  void OnMessage(Instant now, const Address& from, const InstanceId& sender, Bytes body,
                 Output& out);
  void OnTimer(Instant now, Output& out);
  Instant NextDeadline() const;

  bool searching() const { return mode_ == Mode::kSearching; }
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  enum class Mode : uint8_t { kIdle, kSearching, kMember };
  enum class Timer : uint8_t { kHello, kVerdict, kAnnounce, kDelayedOffer, kCount };
  struct DelayedOffer {
    Instant due;
    Address to;
    uint64_t nonce = 0;
  };

  void SayHello(Instant now, Output& out);
  void Judge(Instant now, Output& out);
  bool IsBest(Output& out);
  void Ask(const Address& whom, Output& out) const;
  bool EnoughNames(Instant now, Output& out);
  void Warn(Instant now, std::string text, size_t names, Output& out);
  void Announce(Instant now, Output& out);
  void AnnounceToSeedsSoon(Instant now);
  void AnnounceToSeedsLater(Instant now);
  void Remember(const Address& address);
  std::vector<Address> NextRemembered(size_t count);
  bool IsFellow(const Address& address) const;  // Of the view this is a member of.
  void OnHello(Instant now, const Address& from, const Message& hello, Output& out);
  void AnswerAsMember(Instant now, const Address& to, const Message& hello, Output& out);
  void OfferLater(Instant now, const Address& to, const Message& question);
  void OnWhere(Instant now, const Address& from, const Message& question, Output& out);
  void TellOtherSide(Instant now, const Message& message, Output& out);
  void SendOffer(const Address& to, uint64_t nonce, Output& out);
  void OnSighting(Instant now, const Message& message, Output& out);
  bool IsSeed(const Address& address) const;
  Buffer MakeHello() const;
  Message MakeMessage(MessageKind kind) const;
  void Send(const Address& to, const Message& message, Output& out) const;

  const Options options_;
  std::vector<Address> seeds_;
  Random& random_;
  Mode mode_ = Mode::kIdle;
  Self self_;
  Standing standing_;
  bool coordinator_silent_ = false;
  TimerTable<Timer> timers_;
  uint64_t nonce_ = 0;
  uint64_t where_nonce_ = 0;  // Of what AskWhere() has asked in this view; 0: nothing yet.
  uint32_t attempt_ = 0;
  Instant hold_until_;  // A living group answered: it gets this long before another one is begun.
  bool said_waiting_ = false;
  Duration hello_interval_{};
  CandidateTable candidates_;
  AnswerLimiter limiter_;
  AnswerLimiter where_limiter_;  // A thousand that ask where this one is keep no joiner out.
  std::vector<DelayedOffer> delayed_offers_;
  std::vector<Address> remembered_;       // Oldest first.
  std::vector<Address> current_members_;  // Sorted.
  size_t remembered_next_ = 0;
  Stats stats_;
};

}  // namespace cohort::discovery

#endif  // COHORT_DISCOVERY_DISCOVERY_H_
