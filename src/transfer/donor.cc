#include "transfer/donor.h"

#include <algorithm>
#include <utility>

#include "transfer/donor_session.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {

Donor::Donor(const Options& options) : options_(options) {}
Donor::~Donor() = default;

void Donor::OnMessage(Instant now, const MemberId& from, Bytes body, const map::MapSet& maps,
                      bool serving, Output& out) {
  const std::optional<Header> header = DecodeHeader(body);
  if (header.has_value() && header->type == MessageType::kRequest) {
    const std::optional<RequestMessage> request = DecodeRequest(body);
    if (request.has_value()) {
      OnRequest(now, from, header->attempt, request->view, maps, serving, out);
      return;
    }
  }
  if (header.has_value() && header->type == MessageType::kAck) {
    const std::optional<AckMessage> ack = DecodeAck(body);
    if (ack.has_value()) {
      OnAck(now, from, header->attempt, ack->chunks, out);
      return;
    }
  }
  ++stats_.malformed;
}

// Spec 9.2
void Donor::OnRequest(Instant now, const MemberId& joiner, uint32_t attempt, const ViewId& view,
                      const map::MapSet& maps, bool serving, Output& out) {
  ++stats_.requests;
  if (sessions_.erase(joiner) > 0) ++stats_.given_up;  // It starts over.
  waiting_.erase(joiner);
  if (view.num > maps.view().num) {
    // The joiner installed the view that admits it before this member did.
    if (waiting_.size() >= kWaitingMax) {
      Refuse(joiner, attempt, {"too many requests wait for a view", true}, out);
      return;
    }
    waiting_[joiner] = {view, attempt};
    return;
  }
  Begin(now, joiner, attempt, maps, serving, out);
}

void Donor::OnAck(Instant now, const MemberId& joiner, uint32_t attempt, uint32_t chunks,
                  Output& out) {
  const auto found = sessions_.find(joiner);
  if (found == sessions_.end() || found->second->attempt() != attempt) return;
  DonorSession& session = *found->second;
  if (!session.OnAck(now, chunks, out)) ++stats_.malformed;
  if (session.done()) Complete(joiner, out);
}

void Donor::Complete(const MemberId& joiner, Output& out) {
  const auto found = sessions_.find(joiner);
  const DonorSession& session = *found->second;
  ++stats_.completed;
  stats_.chunks += session.chunks();
  stats_.bytes += session.bytes();
  out.notes.push_back({Output::Note::Kind::kDone, joiner, session.bytes(), {}});
  sessions_.erase(found);
}

void Donor::Begin(Instant now, const MemberId& joiner, uint32_t attempt, const map::MapSet& maps,
                  bool serving, Output& out) {
  if (!serving) {
    Refuse(joiner, attempt, {"this member does not hold the whole state itself"}, out);
    return;
  }
  if (sessions_.size() >= options_.sessions_max) {
    Refuse(joiner, attempt, {"this member serves as many joiners as it may", true}, out);
    return;
  }
  std::optional<map::MapSetSnapshot> snapshot = maps.TakeSnapshot();
  if (!snapshot.has_value()) {
    Refuse(joiner, attempt, {"too many snapshots are alive", true}, out);
    return;
  }
  out.notes.push_back({Output::Note::Kind::kStarted, joiner, 0, {}});
  auto session = std::make_unique<DonorSession>(now, joiner, attempt, options_.chunk_bytes,
                                                *std::move(snapshot));
  session->Begin(maps.options().settings, maps.HasConvergent() ? received_ : std::vector<SeqNo>(),
                 out);
  const bool done = session->done();
  sessions_[joiner] = std::move(session);
  if (done) Complete(joiner, out);
}

void Donor::Refuse(const MemberId& joiner, uint32_t attempt, const RefusedMessage& refusal,
                   Output& out) {
  ++stats_.refused;
  out.messages.push_back({joiner, EncodeRefused(attempt, refusal)});
}

void Donor::OnView(Instant now, const map::MapSet& maps, bool serving, Output& out) {
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& [joiner, request] : waiting) {
    if (request.view.num > maps.view().num) {
      waiting_[joiner] = request;
    } else {
      Begin(now, joiner, request.attempt, maps, serving, out);
    }
  }
}

void Donor::OnGone(const MemberId& member) {
  waiting_.erase(member);
  if (sessions_.erase(member) > 0) ++stats_.given_up;
}

Instant Donor::NextDeadline() const {
  Instant next = Instant::Infinite();
  for (const auto& [joiner, session] : sessions_) {
    next = std::min(next, session->last_heard() + options_.silence_max);
  }
  return next;
}

void Donor::OnTimer(Instant now, Output& out) {
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    if (session->second->last_heard() + options_.silence_max > now) {
      ++session;
      continue;
    }
    ++stats_.given_up;
    out.notes.push_back({Output::Note::Kind::kFailed, session->first, session->second->bytes(),
                         "the joiner acknowledged nothing for too long"});
    session = sessions_.erase(session);
  }
}

bool Donor::IsConsistent() const {
  if (sessions_.size() > options_.sessions_max || waiting_.size() > kWaitingMax) return false;
  return std::all_of(sessions_.begin(), sessions_.end(),
                     [](const auto& session) { return session.second->IsConsistent(); });
}

}  // namespace cohort::transfer
