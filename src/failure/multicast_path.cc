// FailureDetector: members that are heard, but not by multicast (Spec 7.7).
#include "failure/failure_detector.h"

namespace cohort::failure {

void FailureDetector::JudgeMulticast(Output& out) {
  if (fd_now_ < hold_until_ || !interface_up_) return;  // Its mail is not read yet.
  const bool uses = UsesMulticast();
  bool any_lost = false;
  bool changed = false;
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (rank == self_) continue;
    Peer& peer = peers_[rank];
    const Duration silence = fd_now_ - peer.multicast_at;
    if (peer.multicast_lost) {
      const bool back =
          peer.multicast_packets >= kMulticastBackPackets && fd_now_ >= peer.multicast_held_until;
      if (!uses || back) {
        peer.multicast_lost = false;
        peer.multicast_at = fd_now_;
        changed = true;
        out.multicast_changes.push_back({.peer = rank, .lost = false});
      }
    } else if (uses && silence >= options_.multicast_lost_after && IsLive(rank) && !IsFresh(peer)) {
      peer.multicast_lost = true;
      peer.multicast_packets = 0;
      changed = true;
      ++stats_.multicast_lost;
      const Duration held = peer.multicast_flaps.Note(fd_now_);
      peer.multicast_held_until = fd_now_ + held;
      out.multicast_changes.push_back({.peer = rank,
                                       .lost = true,
                                       .silence = silence,
                                       .held = held,
                                       .times = peer.multicast_flaps.times()});
    }
    any_lost |= peer.multicast_lost;
  }
  if (changed) heartbeat_wanted_ = true;
  if (!any_lost) return;
  const Duration wait = changed ? options_.multicast_lost_after : options_.rejoin_every;
  if (rejoined_at_ && fd_now_ - *rejoined_at_ < wait) return;
  rejoined_at_ = fd_now_;
  out.rejoin_multicast = true;
}

std::vector<uint64_t> FailureDetector::LostMulticast() const {
  std::vector<uint64_t> words;
  for (Rank rank = 0; rank < peers_.size(); ++rank) {
    if (!peers_[rank].multicast_lost) continue;
    if (words.empty()) words.resize((peers_.size() + 63) / 64, 0);
    words[rank / 64] |= uint64_t{1} << (rank % 64);
  }
  return words;
}

void FailureDetector::UpdateCopies(Output& out) {
  std::vector<Rank> copies;
  for (Rank rank = 0; rank < peers_.size() && UsesMulticast(); ++rank) {
    if (rank != self_ && peers_[rank].wants_copies) copies.push_back(rank);
  }
  // Ranks may have changed their meaning: the engine forgets its copies with each view.
  out.copies_changed |= copies != copies_ || !copies.empty();
  copies_ = std::move(copies);
}

}  // namespace cohort::failure
