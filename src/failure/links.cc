// FailureDetector: links between members that are both alive (class D).
#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "failure/failure_detector.h"

namespace cohort::failure {
namespace {

// Under load a heartbeat with its bitmap leaves twice a second; after three missed ones the bitmap
// says nothing.
constexpr Duration kHearsLifetime = milliseconds(1700);

}  // namespace

bool FailureDetector::HasFreshHears(Rank rank) const {
  const Peer& peer = peers_[rank];
  return peer.has_hears && IsLive(rank) && !IsFresh(peer) &&
         fd_now_ - peer.hears_at <= kHearsLifetime;
}

// Alive is who is heard by us or by somebody we hear.
std::vector<uint64_t> FailureDetector::HeardByAnybody() const {
  const auto own = Hears();
  std::vector<uint64_t> heard(own.begin(), own.end());
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank == self_ || !HasFreshHears(rank)) continue;
    // A member always hears itself; that says nothing new.
    for (size_t word = 0; word < heard.size(); ++word) heard[word] |= peers_[rank].hears[word];
  }
  for (Rank rank = 0; rank < peers_.size(); ++rank) {  // Newcomers have not been heard by all yet.
    if (rank != self_ && IsFresh(peers_[rank])) heard[rank / 64] &= ~(uint64_t{1} << (rank % 64));
  }
  if (peers_.size() % 64 != 0) heard.back() &= (uint64_t{1} << (peers_.size() % 64)) - 1;
  return heard;
}

// Spec 7.6.
void FailureDetector::JudgeLinks() {
  link_victim_ = kNoRank;
  if (!MayAccuse()) return;
  const std::vector<uint64_t> heard = HeardByAnybody();
  const auto own = Hears();
  links_.Begin();
  for (Rank observer = 0; observer < peers_.size(); ++observer) {
    if (observer != self_ && !HasFreshHears(observer)) continue;
    const auto& hears = observer == self_ ? own : peers_[observer].hears;
    for (size_t word = 0; word < heard.size(); ++word) {
      for (uint64_t missing = heard[word] & ~hears[word]; missing != 0; missing &= missing - 1) {
        const auto other =
            static_cast<Rank>(word * 64 + static_cast<size_t>(std::countr_zero(missing)));
        if (other != observer) links_.See(fd_now_, observer, other);
      }
    }
  }
  links_.End();
  std::vector<MemberInfo> members;
  if (links_.size() == 0) return;
  members.reserve(peers_.size());
  for (const Peer& peer : peers_) members.push_back(peer.info);
  link_victim_ = links_.Victim(fd_now_ - options_.link_after, members);
  // Two members: the one that is not heard knows it, and goes its own way. Of more, the others
  // decide.
  if (link_victim_ != kNoRank && peers_.size() == 2) link_victim_ = static_cast<Rank>(1 - self_);
  if (link_victim_ == self_) link_victim_ = kNoRank;
}

std::string FailureDetector::LinkText(Rank rank) const {
  const Duration link_after = options_.link_after;
  return absl::StrCat(links_.CountBad(fd_now_ - link_after, rank),
                      " of its links did not carry packets for ", link_after / milliseconds(1),
                      " ms while both ends were heard by others");
}

}  // namespace cohort::failure
