#include "engine/datagram_size.h"

#include <algorithm>
#include <utility>

#include "wire/limits.h"

namespace cohort::engine {

void DatagramSize::SetOwn(Instant now, size_t own) {
  has_offered_ |= own_ > wire::kDatagramMax;
  if (std::exchange(own_, own) != own) Update(now);
}

void DatagramSize::OnView(Instant now, Rank self, const std::vector<MemberInfo>& members) {
  std::vector<Peer> peers(members.size());
  for (size_t rank = 0; rank < members.size(); ++rank) {
    const auto known = std::find_if(peers_.begin(), peers_.end(),
                                    [&](const Peer& peer) { return peer.id == members[rank].id; });
    if (known != peers_.end()) peers[rank] = *known;
    peers[rank].id = members[rank].id;
    peers[rank].unanswered = 0;
  }
  peers_ = std::move(peers);
  self_ = self;
  waiting_ = false;
  next_ = Instant::Infinite();
  retry_ = kAnswerWithin;
  Update(now);
}

std::optional<wire::SizeOfferFrame> DatagramSize::Offer() const {
  if (peers_.size() < 2 || peers_.size() > kSizedMembersMax) return std::nullopt;
  if (own_ <= wire::kDatagramMax && !has_offered_) return std::nullopt;
  return wire::SizeOfferFrame{.bytes = static_cast<uint16_t>(own_)};
}

void DatagramSize::OnOffer(Instant now, Rank from, const wire::SizeOfferFrame& offer) {
  if (from >= peers_.size() || from == self_) return;
  if (std::exchange(peers_[from].offered, offer.bytes) != offer.bytes) Update(now);
}

// Spec 5.25: the least of what all take.
size_t DatagramSize::Target() const {
  if (peers_.size() < 2 || peers_.size() > kSizedMembersMax) return 0;
  size_t least = std::min(own_, wire::kJumboDatagramMax6);
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank != self_) least = std::min(least, peers_[rank].offered);
  }
  return least > wire::kDatagramMax ? least : 0;
}

bool DatagramSize::IsShown() const {
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank != self_ && peers_[rank].shown < target_) return false;
  }
  return target_ > 0;
}

void DatagramSize::Decide(Instant now) {
  bytes_ = IsShown() && now >= held_until_ ? target_ : wire::kDatagramMax6;
}

void DatagramSize::Update(Instant now) {
  const size_t before = std::exchange(target_, Target());
  Decide(now);
  if (target_ == 0) {
    waiting_ = false;
    next_ = Instant::Infinite();
  } else if (bytes_ != target_ && !waiting_ && (target_ != before || next_.is_infinite())) {
    // Also where all have shown it, and it is only held small: nothing else would end that.
    retry_ = kAnswerWithin;
    ProbeAt(now);
  }
}

void DatagramSize::ProbeAt(Instant at) {
  if (waiting_) return;  // What comes after it is decided then.
  next_ = std::min(next_, std::max({at, probed_at_ + kAnswerWithin, held_until_}));
}

void DatagramSize::OnSent() {
  used_ = true;
  if (next_.is_infinite()) ProbeAt(probed_at_ + kRepeatEvery);
}

void DatagramSize::OnAskedAgain(Instant now) {
  if (bytes_ <= wire::kDatagramMax6) return;
  asked_again_ = waiting_;  // What is under way may have passed before.
  ProbeAt(now);
}

void DatagramSize::OnAnswer(Instant now, Rank from, const wire::SizeAnswerFrame& answer) {
  if (from >= peers_.size() || from == self_) return;
  if (answer.nonce < oldest_nonce_ || answer.nonce > nonce_) return;
  Peer& peer = peers_[from];
  peer.answered = answer.nonce;
  peer.unanswered = 0;
  peer.shown = std::max<size_t>(peer.shown, answer.bytes);
  Decide(now);
}

// Spec 5.27: what the probe that is over has shown.
std::optional<DatagramSize::Fall> DatagramSize::Judge(Instant now,
                                                      absl::FunctionRef<bool(Rank)> is_heard) {
  bool all = true;
  std::optional<Fall> fall;
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    Peer& peer = peers_[rank];
    if (rank == self_ || peer.answered == nonce_) continue;
    all = false;
    if (!is_heard(rank) || ++peer.unanswered < kProbesUnanswered) continue;
    if (bytes_ > wire::kDatagramMax6 && !fall) fall = Fall{.member = rank, .bytes = bytes_};
    peer.shown = 0;
  }
  if (fall) {
    ++falls_;
    fall->held = flaps_.Note(now);
    fall->times = flaps_.times();
    held_until_ = now + fall->held;
    oldest_nonce_ = nonce_ + 1;
    retry_ = kAnswerWithin;
  }
  Decide(now);
  next_ = Instant::Infinite();
  const bool large = bytes_ > wire::kDatagramMax6;
  const bool asked_again = std::exchange(asked_again_, false);
  if (large && (!all || asked_again)) {
    ProbeAt(now);
  } else if (!large) {
    ProbeAt(now + retry_);
    retry_ = std::min<Duration>(2 * retry_, kRetryMax);
  } else if (std::exchange(used_, false)) {
    ProbeAt(probed_at_ + kRepeatEvery);
  }
  return fall;
}

std::optional<DatagramSize::Fall> DatagramSize::OnTimer(Instant now,
                                                        absl::FunctionRef<bool(Rank)> is_heard,
                                                        std::vector<wire::OutFrame>& frames) {
  if (now < next_) return std::nullopt;
  std::optional<Fall> fall;
  if (std::exchange(waiting_, false)) fall = Judge(now, is_heard);
  if (now < next_ || target_ == 0) return fall;
  waiting_ = true;
  if (nonce_ >= oldest_nonce_ + kProbesRemembered) ++oldest_nonce_;
  probed_at_ = now;
  next_ = now + kAnswerWithin;
  ++probes_;
  frames.push_back(
      {.frame = wire::SizeProbeFrame{.nonce = ++nonce_, .bytes = static_cast<uint16_t>(target_)}});
  return fall;
}

}  // namespace cohort::engine
