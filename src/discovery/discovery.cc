#include "discovery/discovery.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cohort::discovery {
namespace {

constexpr Duration kHelloIntervalMin = milliseconds(50);
constexpr Duration kVerdictInterval = milliseconds(200);
constexpr Duration kHoldAfterOffer = seconds(2);
constexpr Duration kAnnounceAfterView = milliseconds(100);
constexpr Duration kAnnounceIntervalMax = seconds(10);  // Of who does not coordinate.
constexpr Duration kOfferDelayMin = milliseconds(10);
constexpr Duration kOfferDelayMax = milliseconds(100);
constexpr uint32_t kAttemptsUnanswered = 3;  // From this HELLO on its sender found no coordinator.
constexpr uint32_t kOfferersWanted = 3;      // So many of the others shall answer it, on average.
constexpr size_t kDelayedOffersMax = 32;
constexpr size_t kRememberedPerAnnounce = 4;

Duration Jitter(Duration interval, Random& random) {
  return random.Between(interval - interval / 10, interval + interval / 10);
}

}  // namespace

Discovery::Discovery(const Options& options, Random& random)
    : options_(options),
      seeds_(options.seeds.begin(),
             options.seeds.begin() + std::min(options.seeds.size(), kSeedsMax)),
      random_(random) {
  for (const Address& address : options.remembered) Remember(address);
}

void Discovery::Search(Instant now, const Self& self, Output& out) {
  const bool anew = mode_ == Mode::kSearching && self_.id.instance == self.id.instance;
  mode_ = Mode::kSearching;
  self_ = self;
  nonce_ = random_.Next();
  attempt_ = 0;
  hello_interval_ = kHelloIntervalMin;
  said_waiting_ = false;
  delayed_offers_.clear();
  timers_ = {};
  // A search begun anew keeps what it knows of the others, so that failed joins do not lead to
  // hasty groups.
  if (!anew) {
    candidates_.Clear();
    hold_until_ = now;
  }
  timers_.Set(Timer::kVerdict, now + options_.formation_delay);
  SayHello(now, out);
}

void Discovery::OnMember(Instant now, const Self& self, const Standing& standing,
                         std::span<const Address> members, Output& out) {
  const bool first = mode_ != Mode::kMember;
  const bool changed = first || standing.side.view != standing_.side.view;
  if (first) timers_ = {};
  mode_ = Mode::kMember;
  self_ = self;
  standing_ = standing;
  if (changed) where_nonce_ = 0;
  candidates_.Clear();
  current_members_.assign(members.begin(), members.end());
  std::sort(current_members_.begin(), current_members_.end());
  for (const Address& address : members) Remember(address);
  if (standing.rank != 0) {
    if (seeds_.empty()) {
      timers_.Stop(Timer::kAnnounce);
    } else if (first) {
      AnnounceToSeedsSoon(now);
    } else if (changed) {
      AnnounceToSeedsLater(now);  // A small view does so more often.
    }
  } else if (first) {
    Announce(now, out);  // Searchers who ranked this one best wait for it.
  } else if (changed) {
    timers_.SetEarlier(Timer::kAnnounce,
                       now + random_.Between(Duration::zero(), kAnnounceAfterView));
  }
}

void Discovery::Stop() {
  mode_ = Mode::kIdle;
  timers_ = {};
  candidates_.Clear();
  delayed_offers_.clear();
}

void Discovery::Remember(const Address& address) {
  if (address.IsNone() || address == self_.address) return;
  std::erase(remembered_, address);
  remembered_.push_back(address);
  if (remembered_.size() > kRememberedMax) remembered_.erase(remembered_.begin());
}

std::vector<Address> Discovery::NextRemembered(size_t count) {
  std::vector<Address> next;
  for (size_t i = 0; i < remembered_.size() && next.size() < count; ++i) {
    const Address& address = remembered_[remembered_next_++ % remembered_.size()];
    if (!IsSeed(address) && !IsFellow(address)) next.push_back(address);
  }
  return next;
}

Message Discovery::MakeMessage(MessageKind kind) const {
  Message message;
  message.kind = kind;
  message.sender = self_;
  message.nonce = nonce_;
  return message;
}

void Discovery::Send(const Address& to, const Message& message, Output& out) const {
  out.packets.push_back({false, to, Encode(message, options_.group)});
}

bool Discovery::IsSeed(const Address& address) const {
  return std::find(seeds_.begin(), seeds_.end(), address) != seeds_.end();
}

bool Discovery::IsFellow(const Address& address) const {
  return mode_ == Mode::kMember &&
         std::binary_search(current_members_.begin(), current_members_.end(), address);
}

// Spec 3.9.
void Discovery::SetSeeds(Instant now, std::span<const Address> seeds, Output& out) {
  const std::vector<Address> before = std::exchange(seeds_, {});
  seeds_.assign(seeds.begin(), seeds.begin() + std::min(seeds.size(), kSeedsMax));
  std::vector<Address> added;
  std::copy_if(seeds_.begin(), seeds_.end(), std::back_inserter(added), [&](const Address& seed) {
    return std::find(before.begin(), before.end(), seed) == before.end();
  });
  if (mode_ == Mode::kMember) {
    if (!added.empty()) AnnounceToSeedsSoon(now);
    if (standing_.rank != 0 && seeds_.empty()) timers_.Stop(Timer::kAnnounce);
  }
  if (mode_ != Mode::kSearching) return;
  const Buffer body = MakeHello();
  for (const Address& seed : added) {
    if (seed != self_.address) out.packets.push_back({false, seed, body});
  }
}

Buffer Discovery::MakeHello() const {
  Message hello = MakeMessage(MessageKind::kHello);
  hello.attempt = attempt_;
  hello.wants_echo = options_.initial_members > 1 && self_.may_form;
  return Encode(hello, options_.group);
}

// Spec 3.2.
void Discovery::SayHello(Instant now, Output& out) {
  const Buffer body = MakeHello();
  ++attempt_;
  out.packets.push_back({true, {}, body});
  for (const Address& seed : seeds_) {
    if (seed != self_.address) out.packets.push_back({false, seed, body});
  }
  for (const Address& address : NextRemembered(kUnicastsPerHello)) {
    out.packets.push_back({false, address, body});
  }
  ++stats_.hellos_sent;
  // The schedule up to 350 ms is exact so that searchers started together hear one another before
  // any of them judges.
  const bool opening = attempt_ <= 3;
  timers_.Set(Timer::kHello, now + (opening ? hello_interval_ : Jitter(hello_interval_, random_)));
  hello_interval_ = std::min(hello_interval_ * 2, options_.hello_interval_max);
}

// Spec 3.5: nothing better answers, so the best of the searchers begins the group; the others ask
// it.
void Discovery::Judge(Instant now, Output& out) {
  timers_.Set(Timer::kVerdict, now + kVerdictInterval);
  if (!self_.may_form || now < hold_until_) return;
  if (IsBest(out) && EnoughNames(now, out)) out.form_group = true;
}

bool Discovery::IsBest(Output& out) {
  while (const CandidateTable::Candidate* best = candidates_.Best()) {
    if (RanksBefore(self_, best->self)) return true;
    const Self whom = best->self;
    if (!candidates_.NoteAsked(whom.id.instance)) continue;
    Ask(whom.address, out);
    return false;
  }
  return true;
}

void Discovery::Ask(const Address& whom, Output& out) const {
  Message ask = MakeMessage(MessageKind::kHello);
  ask.attempt = attempt_;
  ask.wants_echo = true;
  Send(whom, ask, out);
}

// Spec 3.6.
bool Discovery::EnoughNames(Instant now, Output& out) {
  if (options_.initial_members == 0) return true;
  const Duration fresh =
      std::max<Duration>(kEchoCountsFor, options_.initial_members * kEchoCountsForEach);
  const size_t names = 1 + candidates_.EchoedNames(now - fresh, self_.name);
  // Of several that carry state, the best may begin the group with its own.
  const CandidateTable::Candidate* carrier =
      self_.carries_state ? nullptr : candidates_.EchoedCarrier(now);
  if (carrier != nullptr) {
    Ask(carrier->self.address, out);  // It may be gone, as the text advises.
    Warn(now,
         carrier->self.name +
             " is here with the state of an earlier group, which has lost its "
             "quorum: start the members that are missing. To begin again without that state, end " +
             carrier->self.name + ", or start a member with --bootstrap",
         names, out);
    return false;
  }
  if (names >= options_.initial_members) return true;
  Warn(now,
       "no group found; it is begun once " + std::to_string(options_.initial_members) +
           " members answer, " + std::to_string(names) +
           " did so far. Start the others, or start one with --bootstrap",
       names, out);
  return false;
}

// Once a search.
void Discovery::Warn(Instant now, std::string text, size_t names, Output& out) {
  if (std::exchange(said_waiting_, true)) return;
  Event event;
  event.kind = EventKind::kWarning;
  event.at_ns = now.nanos();
  event.number = static_cast<int64_t>(names);
  event.text = std::move(text);
  out.events.push_back(std::move(event));
}

// Spec 3.7.
void Discovery::Announce(Instant now, Output& out) {
  std::vector<Address> to;
  std::copy_if(seeds_.begin(), seeds_.end(), std::back_inserter(to),
               [&](const Address& seed) { return seed != self_.address && !IsFellow(seed); });
  const bool coordinates = standing_.rank == 0;
  if (coordinates) {
    timers_.Set(Timer::kAnnounce, now + Jitter(options_.announce_interval, random_));
    for (const Address& address : NextRemembered(kRememberedPerAnnounce)) to.push_back(address);
  } else {
    AnnounceToSeedsLater(now);
    if (to.empty()) return;
  }
  Message announce = MakeMessage(MessageKind::kAnnounce);
  announce.sighting = standing_.side;
  const Buffer body = Encode(announce, options_.group);
  if (coordinates) out.packets.push_back({true, {}, body});
  for (const Address& address : to) out.packets.push_back({false, address, body});
  ++stats_.announces_sent;
}

void Discovery::AnnounceToSeedsSoon(Instant now) {
  timers_.SetEarlier(Timer::kAnnounce,
                     now + random_.Between(Duration::zero(), options_.announce_interval));
}

// The coordinator may have other seeds, or none. Of a large group a few do in each interval.
void Discovery::AnnounceToSeedsLater(Instant now) {
  const Duration interval =
      std::clamp(options_.announce_interval * standing_.side.members / kOfferersWanted,
                 options_.announce_interval, kAnnounceIntervalMax);
  timers_.SetEarlier(Timer::kAnnounce, now + random_.Between(interval / 2, interval * 3 / 2));
}

// Spec 3.11.
void Discovery::AskWhere(const Address& fellow, Output& out) {
  if (mode_ != Mode::kMember) return;
  while (where_nonce_ == 0) where_nonce_ = random_.Next();
  Message question = MakeMessage(MessageKind::kWhere);
  question.nonce = where_nonce_;
  question.sighting = standing_.side;
  Send(fellow, question, out);
  ++stats_.wheres_sent;
}

// Spec 3.11. Any member answers: the coordinator may be the one who does not.
void Discovery::OnWhere(Instant now, const Address& from, const Message& question, Output& out) {
  if (mode_ == Mode::kMember && question.sighting.view == standing_.side.view) return;
  if (!where_limiter_.Take(now, question.sender.id.instance)) {
    ++stats_.not_answered;
    return;
  }
  if (mode_ == Mode::kMember) return SendOffer(from, question.nonce, out);
  Message echo = MakeMessage(MessageKind::kEcho);
  echo.nonce = question.nonce;
  Send(from, echo, out);
}

void Discovery::OnMessage(Instant now, const Address& from, const InstanceId& sender, Bytes body,
                          Output& out) {
  const std::optional<Message> message = Decode(body, options_.group);
  // The key that opened the packet proves its instance; a message that claims another one lies.
  if (!message || message->sender.id.instance != sender) {
    ++stats_.malformed;
    return;
  }
  if (mode_ == Mode::kIdle || sender == self_.id.instance) return;
  if (mode_ == Mode::kMember && from == message->sender.address) out.speaker = message->sender;
  switch (message->kind) {
    case MessageKind::kHello:
      OnHello(now, from, *message, out);
      return;
    case MessageKind::kEcho:
      if (mode_ == Mode::kSearching && message->nonce == nonce_) {
        candidates_.Heard(now, message->sender, true);
      } else if (mode_ == Mode::kMember && where_nonce_ != 0 && message->nonce == where_nonce_) {
        out.in_no_view.push_back(message->sender);
      }
      return;
    case MessageKind::kOffer:
    case MessageKind::kAnnounce:
      OnSighting(now, *message, out);
      return;
    case MessageKind::kWhere:
      OnWhere(now, from, *message, out);
      return;
  }
}

void Discovery::OnHello(Instant now, const Address& from, const Message& hello, Output& out) {
  if (mode_ == Mode::kMember) {
    AnswerAsMember(now, from, hello, out);
    return;
  }
  candidates_.Heard(now, hello.sender, false);
  if (!hello.wants_echo || !options_.votes) return;
  if (!limiter_.Take(now, hello.sender.id.instance)) {
    ++stats_.not_answered;
    return;
  }
  Message echo = MakeMessage(MessageKind::kEcho);
  echo.nonce = hello.nonce;
  Send(from, echo, out);
}

// Spec 3.4: the coordinator at once; a few of the others, a little later, when it seems not to
// answer.
void Discovery::AnswerAsMember(Instant now, const Address& to, const Message& hello, Output& out) {
  // Nobody has to wait for a side that only somebody without a vote is left of.
  if (!options_.votes && !standing_.side.primary) return;
  if (standing_.rank != 0) {
    if (!coordinator_silent_ && hello.attempt < kAttemptsUnanswered) return;
    if (random_.Below(standing_.side.members) < kOfferersWanted) OfferLater(now, to, hello);
    return;
  }
  if (!limiter_.Take(now, hello.sender.id.instance)) {
    ++stats_.not_answered;
    return;
  }
  SendOffer(to, hello.nonce, out);
}

void Discovery::OfferLater(Instant now, const Address& to, const Message& question) {
  if (!limiter_.Take(now, question.sender.id.instance)) {
    ++stats_.not_answered;
    return;
  }
  if (delayed_offers_.size() >= kDelayedOffersMax) return;
  const Instant due = now + random_.Between(kOfferDelayMin, kOfferDelayMax);
  delayed_offers_.push_back({due, to, question.nonce});
  timers_.SetEarlier(Timer::kDelayedOffer, due);
}

void Discovery::SendOffer(const Address& to, uint64_t nonce, Output& out) {
  Message offer = MakeMessage(MessageKind::kOffer);
  offer.nonce = nonce;
  offer.sighting = standing_.side;
  Send(to, offer, out);
  ++stats_.offers_sent;
}

void Discovery::OnSighting(Instant now, const Message& message, Output& out) {
  candidates_.Forget(message.sender.id.instance);
  if (message.sighting.coordinator.instance == self_.id.instance) return;
  if (mode_ == Mode::kMember && message.sighting.view == standing_.side.view) return;
  if (mode_ == Mode::kSearching && message.kind == MessageKind::kOffer) {
    if (message.nonce != nonce_) return;  // An answer to another search, or a replay.
    hold_until_ = now + kHoldAfterOffer;
  }
  const bool answers_where = mode_ == Mode::kMember && message.kind == MessageKind::kOffer &&
                             where_nonce_ != 0 && message.nonce == where_nonce_;
  if (answers_where) {
    out.elsewhere.push_back(message.sighting);
    out.elsewhere.back().address = message.sender.address;
    return;
  }
  if (mode_ == Mode::kMember) TellOtherSide(now, message, out);
  out.sightings.push_back(message.sighting);
}

// Spec 3.8: of two sides the weaker must hear the stronger; the announcement may pass one way only,
// or to one member only.
void Discovery::TellOtherSide(Instant now, const Message& message, Output& out) {
  const bool is_announce = message.kind == MessageKind::kAnnounce;
  if (standing_.rank != 0) {
    if (is_announce && random_.Below(standing_.side.members) < kOfferersWanted)
      OfferLater(now, message.sighting.address, message);
    return;
  }
  const bool is_told_by_another =
      message.sender.id.instance != message.sighting.coordinator.instance;
  if (!is_announce && !is_told_by_another) return;
  if (!limiter_.Take(now, message.sender.id.instance)) return;
  SendOffer(message.sighting.address, message.nonce, out);
}

void Discovery::OnTimer(Instant now, Output& out) {
  if (timers_.TakeExpired(Timer::kHello, now)) SayHello(now, out);
  if (timers_.TakeExpired(Timer::kVerdict, now)) Judge(now, out);
  if (timers_.TakeExpired(Timer::kAnnounce, now)) Announce(now, out);
  if (!timers_.TakeExpired(Timer::kDelayedOffer, now)) return;
  std::erase_if(delayed_offers_, [&](const DelayedOffer& offer) {
    if (offer.due > now) {
      timers_.SetEarlier(Timer::kDelayedOffer, offer.due);
      return false;
    }
    if (mode_ == Mode::kMember) SendOffer(offer.to, offer.nonce, out);
    return true;
  });
}

Instant Discovery::NextDeadline() const { return timers_.Next(); }

bool Discovery::IsConsistent() const {
  if (candidates_.size() > kCandidatesMax || remembered_.size() > kRememberedMax) return false;
  if (delayed_offers_.size() > kDelayedOffersMax) return false;
  const bool searches = mode_ == Mode::kSearching;
  if (searches != timers_.IsSet(Timer::kHello)) return false;
  const bool announces = mode_ == Mode::kMember && (standing_.rank == 0 || !seeds_.empty());
  return timers_.IsSet(Timer::kAnnounce) == announces;
}

}  // namespace cohort::discovery
