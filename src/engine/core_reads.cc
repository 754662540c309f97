// Reads while this member has not got the state, and the answers to those of others (Spec 9.14).
#include <utility>

#include "engine/core.h"
#include "transfer/messages.h"

namespace cohort::engine {

absl::Status Engine::Core::ExecuteRead(Instant now, const ReadEntry& read) {
  const transfer::Reads::Waiting waiting{read.id, read.map, read.key, now + read.within};
  if (replica_.synced()) {
    AnswerHere(now, waiting);
    return absl::OkStatus();
  }
  if (read.within <= Duration())
    return absl::UnavailableError("this member has no complete state yet");
  return reads_.Add(waiting);
}

void Engine::Core::AnswerHere(Instant now, const transfer::Reads::Waiting& read) {
  TellRead(transfer::ReadHere(read, replica_.maps()->Find(read.map), clock_.NowMs(now)));
}

// False: it is of the transfer itself.
bool Engine::Core::HandleRead(Instant now, const MemberId& from, Bytes body) {
  const std::optional<transfer::Header> header = transfer::DecodeHeader(body);
  if (!header.has_value()) return false;
  if (header->type == transfer::MessageType::kRead)
    return OnReadQuestion(now, from, header->attempt, body);
  if (header->type != transfer::MessageType::kReadAnswer) return false;
  OnReadAnswer(now, from, body);
  return true;
}

// False: it is malformed.
bool Engine::Core::OnReadQuestion(Instant now, const MemberId& from, uint32_t number, Bytes body) {
  const std::optional<transfer::ReadQuestion> read = transfer::DecodeRead(body);
  if (!read.has_value()) return false;
  // Of a member of the view.
  if (!member_ || !RankOf(from.instance).has_value()) return true;
  const map::MapSet* maps = replica_.maps();
  if (maps == nullptr || !read_budget_.HasFor(now, from.instance)) {
    const transfer::ReadAnswer none{.code = transfer::ReadCode::kNoState, .value = {}};
    SendTransfer(now, {from, transfer::EncodeReadAnswer(number, none)});
    return true;
  }
  Buffer answer = transfer::AnswerRead(number, maps->Find(read->map), read->key, clock_.NowMs(now));
  read_budget_.Spend(from.instance, answer.size());
  SendTransfer(now, {from, std::move(answer)});
  return true;
}

void Engine::Core::OnReadAnswer(Instant now, const MemberId& from, Bytes body) {
  transfer::Output out;
  std::vector<transfer::Reads::Done> done;
  const std::optional<Rank> rank = RankOf(from.instance);
  if (rank.has_value()) reads_.OnAnswer(now, view_infos_[*rank].id, body, out, done);
  AfterReads(now, out, done);
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
    for (const transfer::Reads::Waiting& read : reads_.TakeAll()) AnswerHere(now, read);
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
  for (transfer::Reads::Done& one : done) TellRead(std::move(one));
}

void Engine::Core::TellRead(transfer::Reads::Done done) {
  AddUpcall(DoneUpcall{.command = done.id,
                       .status = std::move(done.status),
                       .version = done.version,
                       .value = std::move(done.value),
                       .ttl_ms = done.ttl_ms});
}

}  // namespace cohort::engine
