#include "transfer/donor.h"

#include <algorithm>
#include <utility>

#include "transfer/donor_session.h"
#include "transfer/limits.h"
#include "transfer/messages.h"

namespace cohort::transfer {

Donor::Donor(const Options& options) : options_(options), pace_(options.pace) {}
Donor::~Donor() = default;

void Donor::OnMessage(Instant now, const MemberId& from, Bytes body, const map::MapSet& maps,
                      bool serving, Output& out) {
  const std::optional<Header> header = DecodeHeader(body);
  if (header.has_value() && header->type == MessageType::kRequest) {
    const std::optional<RequestMessage> request = DecodeRequest(body);
    if (request.has_value()) {
      OnRequest(now, from, {request->view, header->attempt, request->helps}, maps, serving, out);
      return;
    }
  }
  if (header.has_value() && header->type == MessageType::kWant &&
      OnWant(now, from, header->attempt, body, out)) {
    return;
  }
  if (header.has_value() && header->type == MessageType::kAck) {
    const std::optional<AckMessage> ack = DecodeAck(body);
    if (ack.has_value()) {
      OnAck(now, from, header->attempt, ack->chunks, out);
      return;
    }
  }
  if (header.has_value() && header->type == MessageType::kDone) {
    const std::optional<DoneMessage> done = DecodeDone(body);
    if (done.has_value()) {
      OnDone(from, header->attempt, done->whole, out);
      return;
    }
  }
  ++stats_.malformed;
}

// Spec 9.2
void Donor::OnRequest(Instant now, const MemberId& joiner, const Waiting& request,
                      const map::MapSet& maps, bool serving, Output& out) {
  ++stats_.requests;
  if (sessions_.erase(joiner) > 0) ++stats_.given_up;  // It asks anew.
  waiting_.erase(joiner);
  if (request.view.num > maps.view().num) {
    // The joiner installed the view that admits it before this member did.
    if (waiting_.size() >= kWaitingMax) {
      Refuse(joiner, request.attempt, {"too many requests wait for a view", true}, out);
      return;
    }
    waiting_[joiner] = request;
    return;
  }
  Begin(now, joiner, request, maps, serving, out);
}

// False if it is malformed or wants too much. Of an attempt that is over it is neither.
bool Donor::OnWant(Instant now, const MemberId& joiner, uint32_t attempt, Bytes body, Output& out) {
  std::optional<std::vector<Want>> wants = DecodeWant(body);
  if (!wants.has_value()) return false;
  const auto found = sessions_.find(joiner);
  if (found == sessions_.end() || found->second->attempt() != attempt) return true;
  if (!found->second->OnWant(now, *std::move(wants))) return false;
  Fill(now, out);
  return true;
}

void Donor::OnAck(Instant now, const MemberId& joiner, uint32_t attempt, uint32_t chunks,
                  Output& out) {
  const auto found = sessions_.find(joiner);
  if (found == sessions_.end() || found->second->attempt() != attempt) return;
  if (!found->second->OnAck(now, chunks)) ++stats_.malformed;
  Fill(now, out);
}

// Spec 9.6
void Donor::OnDone(const MemberId& joiner, uint32_t attempt, bool whole, Output& out) {
  const auto waiting = waiting_.find(joiner);
  if (waiting != waiting_.end() && waiting->second.attempt == attempt) waiting_.erase(waiting);
  const auto found = sessions_.find(joiner);
  if (found == sessions_.end() || found->second->attempt() != attempt) return;
  const DonorSession& session = *found->second;
  ++(whole ? stats_.completed : stats_.let_go);
  stats_.chunks += session.chunks();
  stats_.bytes += session.bytes();
  if (whole) out.notes.push_back({Output::Note::Kind::kDone, joiner, session.bytes(), {}});
  sessions_.erase(found);
}

bool Donor::HasRoom(bool helps, Output& out) {
  if (sessions_.size() + (helps ? 1 : 0) < options_.sessions_max) return true;
  const auto helped = std::find_if(sessions_.begin(), sessions_.end(),
                                   [](const auto& session) { return session.second->helps(); });
  if (helps || helped == sessions_.end()) return false;
  ++stats_.given_up;
  Refuse(helped->first, helped->second->attempt(), {"another joiner needs the place", true}, out);
  sessions_.erase(helped);
  return true;
}

// Spec 9.12, 9.13. Members that may send to one joiner, this one included.
size_t Donor::Senders(const map::MapSet& maps) const {
  uint64_t bytes = 0;
  for (size_t map = 0; map < maps.size(); ++map) bytes += maps.Get(map)->Bytes();
  if (bytes < options_.helped_bytes_min) return 1;
  return std::clamp(holders_, size_t{1}, 1 + kHelpersMax);
}

void Donor::Begin(Instant now, const MemberId& joiner, const Waiting& request,
                  const map::MapSet& maps, bool serving, Output& out) {
  if (!serving) {
    Refuse(joiner, request.attempt, {"this member does not hold the whole state itself"}, out);
    return;
  }
  if (!HasRoom(request.helps, out)) {
    Refuse(joiner, request.attempt, {"this member serves as many joiners as it may", true}, out);
    return;
  }
  std::optional<map::MapSetSnapshot> snapshot = maps.TakeSnapshot();
  if (!snapshot.has_value()) {
    Refuse(joiner, request.attempt, {"too many snapshots are alive", true}, out);
    return;
  }
  out.notes.push_back({Output::Note::Kind::kStarted, joiner, 0, {}});
  pace_.SetSenders(Senders(maps));
  if (sessions_.empty()) pace_.Begin();
  auto session =
      std::make_unique<DonorSession>(DonorSession::Start{now, written_}, joiner, request.attempt,
                                     request.helps, options_.chunk_bytes, *std::move(snapshot));
  session->Begin(maps.options().settings, maps.HasConvergent() ? received_ : std::vector<SeqNo>(),
                 sides_, out);
  sessions_[joiner] = std::move(session);
}

void Donor::Refuse(const MemberId& joiner, uint32_t attempt, const RefusedMessage& refusal,
                   Output& out) {
  ++stats_.refused;
  out.messages.push_back({joiner, EncodeRefused(attempt, refusal)});
}

void Donor::OnView(Instant now, const map::MapSet& maps, bool serving, Output& out) {
  pace_.OnView();
  pace_.SetSenders(Senders(maps));
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& [joiner, request] : waiting) {
    if (request.view.num > maps.view().num) {
      waiting_[joiner] = request;
    } else {
      Begin(now, joiner, request, maps, serving, out);
    }
  }
}

void Donor::OnGone(const MemberId& member) {
  waiting_.erase(member);
  if (sessions_.erase(member) > 0) ++stats_.given_up;
}

bool Donor::IsPaced(Instant now, const DonorSession& session) const {
  return now - session.start().at < kPacedFor &&
         written_ - session.start().written < kPacedWritesBytesMax;
}

bool Donor::SendOne(Instant now, DonorSession& session, Output& out) {
  if (!session.HasToSend()) return false;
  const bool paced = IsPaced(now, session);
  if (paced && !pace_.MaySend(now)) return false;
  const uint64_t before = session.bytes();
  session.SendOne(out);
  if (paced) pace_.OnSent(now, session.bytes() - before);
  return true;
}

// Spec 9.13. One of each in turn: none of them takes all that the pace allows.
void Donor::Fill(Instant now, Output& out) {
  for (size_t idle = 0; idle < sessions_.size();) {
    auto session = sessions_.upper_bound(last_served_);
    if (session == sessions_.end()) session = sessions_.begin();
    last_served_ = session->first;
    idle = SendOne(now, *session->second, out) ? 0 : idle + 1;
  }
}

Instant Donor::NextDeadline() const {
  Instant next = Instant::Infinite();
  for (const auto& [joiner, session] : sessions_) {
    next = std::min(next, session->last_heard() + options_.silence_max);
    if (session->HasToSend()) next = std::min(next, pace_.next());
  }
  return next;
}

void Donor::OnTimer(Instant now, Output& out) {
  Fill(now, out);
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
