// Reads while this member has not got the state, and the answers to those of others (Spec 9.14).
#include <utility>

#include "engine/core.h"
#include "transfer/messages.h"

namespace cohort::engine {

namespace {

// Answers in one turn, to all: who asks more is told to ask another member, or later.
constexpr size_t kReadsAnsweredMax = size_t{4} << 20;

}  // namespace

absl::Status Engine::Core::ExecuteRead(Instant now, const ReadEntry& read) {
  const transfer::Reads::Waiting waiting{read.id, read.map, read.key, now + read.within};
  if (replica_.synced()) {
    AddUpcall(ReadHere(now, waiting));
    return absl::OkStatus();
  }
  if (read.within <= Duration())
    return absl::UnavailableError("this member has no complete state yet");
  return reads_.Add(waiting);
}

DoneUpcall Engine::Core::ReadHere(Instant now, const transfer::Reads::Waiting& read) const {
  DoneUpcall done{.command = read.id};
  const map::Map* map = replica_.maps()->Find(read.map);
  const map::GroupTime time = clock_.NowMs(now);
  const auto reading = map == nullptr ? std::nullopt : map->GetWithMeta(read.key, time);
  if (!reading.has_value()) {
    done.status = absl::NotFoundError(map == nullptr ? "no such map" : "no such key");
    return done;
  }
  done.value = reading->value;
  done.version = reading->version;
  if (reading->expires_at != 0) done.ttl_ms = reading->expires_at - time;
  return done;
}

// False: it is of the transfer itself.
bool Engine::Core::HandleRead(Instant now, const MemberId& from, Bytes body) {
  const std::optional<transfer::Header> header = transfer::DecodeHeader(body);
  if (!header.has_value()) return false;
  transfer::Output out;
  std::vector<transfer::Reads::Done> done;
  if (header->type == transfer::MessageType::kRead) {
    const std::optional<transfer::ReadQuestion> read = transfer::DecodeRead(body);
    if (!read.has_value()) return false;
    // Of a member of the view, and no more in one turn than it may carry on.
    if (!member_ || !RankOf(from.instance).has_value()) return true;
    const bool may_answer = reads_answered_bytes_ < kReadsAnsweredMax;
    const map::MapSet* maps = may_answer ? replica_.maps() : nullptr;
    Buffer answer = maps == nullptr
                        ? transfer::EncodeReadAnswer(
                              header->attempt, {.code = transfer::ReadCode::kNoState, .value = {}})
                        : transfer::AnswerRead(header->attempt, maps->Find(read->map), read->key,
                                               clock_.NowMs(now));
    reads_answered_bytes_ += answer.size();
    out.messages.push_back({from, std::move(answer)});
  } else if (header->type == transfer::MessageType::kReadAnswer) {
    const std::optional<Rank> rank = RankOf(from.instance);
    if (rank.has_value()) reads_.OnAnswer(now, view_infos_[*rank].id, body, out, done);
  } else {
    return false;
  }
  AfterReads(now, out, done);
  return true;
}

void Engine::Core::OnHolderGone(Instant now, const MemberId& member) {
  transfer::Output out;
  std::vector<transfer::Reads::Done> none;
  reads_.OnGone(now, member, out);
  AfterReads(now, out, none);
}

// At the end of each turn.
void Engine::Core::AdvanceReads(Instant now) {
  transfer::Output out;
  std::vector<transfer::Reads::Done> done;
  if (replica_.synced()) {
    for (const transfer::Reads::Waiting& read : reads_.TakeAll()) AddUpcall(ReadHere(now, read));
    return;
  }
  std::vector<MemberId> donors;
  for (Rank rank = 0; member_ && rank < members(); ++rank) {
    if (rank != rank_ && view_.members[rank].synced) donors.push_back(view_infos_[rank].id);
  }
  reads_.SetDonors(std::move(donors), out);
  if (reads_.NextDeadline() <= now) reads_.OnTimer(now, out, done);
  AfterReads(now, out, done);
}

void Engine::Core::AfterReads(Instant now, transfer::Output& out,
                              std::vector<transfer::Reads::Done>& done) {
  for (const transfer::Output::Message& message : out.messages) SendTransfer(now, message);
  for (transfer::Reads::Done& one : done) {
    AddUpcall(DoneUpcall{.command = one.id,
                         .status = std::move(one.status),
                         .version = one.version,
                         .value = std::move(one.value),
                         .ttl_ms = one.ttl_ms});
  }
}

}  // namespace cohort::engine
