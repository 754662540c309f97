// Verifications: what is asked, what is answered, and the marks between (Spec 8.30).
#include <algorithm>
#include <utility>

#include "engine/core.h"

namespace cohort::engine {

// A question that must wait for holders is asked as soon as there are enough.
void Engine::Core::AskForProofs() {
  if (!member_ || HoldsMessages()) return;
  // Who drains would leave on the answer, and with it what it alone brought along.
  if (draining_ > 0 && replica_.has_to_merge()) return;
  const size_t holders = replica_.synced_ranks().size();
  while (const std::optional<uint64_t> number = verifications_.TakeAskable(holders)) {
    // The others say soon that they have come to its place.
    static_cast<void>(Queue(MessageKind::kVerify, DeliveryClass::kAgreed,
                            Encode(VerifyMessage{*number}),
                            {.ack = AckLevel::kAll, .is_own = true}));
  }
}

void Engine::Core::DeliverVerify(Instant now, const DeliveredMessage& message,
                                 const MemberId& writer) {
  const std::optional<VerifyMessage> question = DecodeVerify(Bytes(message.payload).subspan(1));
  // Only in the total order is this the same place everywhere.
  if (!question.has_value() || message.cls == DeliveryClass::kConv) {
    ++messages_malformed_;
    return;
  }
  const bool own = writer == self_.id;
  // The order that ends a view is that of those who go on together only; a side that was cut off
  // may have delivered the question before, elsewhere.
  if (closing_ && own) verifications_.AskAgain(question->number);
  if (own) plane_.WantStatus();
  if (closing_ || !replica_.synced()) return;
  const Marks::Question place{writer.instance, question->number};
  const Proof at{view_.id, replica_.position(), replica_.maps()->digest(), {}};
  std::vector<Rank> holders = replica_.synced_ranks();
  if (!replica_.maps()->HasConvergent()) return Answer(now, {place, std::move(holders), at});
  if (own) verifications_.OnPlaced(question->number);
  marks_.OnQuestion(place, message.cut, at, std::move(holders), *replica_.maps());
}

// Spec 8.32
void Engine::Core::DeliverMark(const DeliveredMessage& message) {
  const std::optional<wire::MarkRecord> mark = wire::ParseMarkRecord(message.payload);
  if (!mark.has_value()) {
    ++messages_malformed_;
    return;
  }
  marks_.OnMark(message.origin, *mark);
}

void Engine::Core::NoteForMarks(Rank from, Bytes message) {
  marks_.OnOperation(from, message, {view_infos_[from].id, view_.id});
}

void Engine::Core::AdvanceMarks(Instant now) {
  if (marks_.empty() || plane_.wedged()) return;
  for (const Marks::Question& due : marks_.TakeDue(plane_.order().applied_by_all()))
    plane_.PushRecord(wire::EncodeMarkRecord(due));
  for (const Marks::Answer& answer : marks_.TakeAnswers()) Answer(now, answer);
}

void Engine::Core::Answer(Instant now, const Marks::Answer& answer) {
  const Marks::Question& question = answer.question;
  if (question.asker != self_.id.instance) {
    const ProofMessage message{question.asker, question.number, answer.proof};
    static_cast<void>(
        Queue(MessageKind::kProof, DeliveryClass::kConv, Encode(message), {.is_own = true}));
    return;
  }
  if (!answer.proof.has_value()) return verifications_.OnRefused(now, question.number, self_.id);
  std::vector<MemberId> others;
  for (const Rank rank : answer.holders) {
    if (rank != rank_) others.push_back(view_infos_[rank].id);
  }
  verifications_.OnAsked(question.number, self_.id, *answer.proof, std::move(others),
                         turn_.upcalls);
}

// Spec 8.33
void Engine::Core::TellWhoIsWrong() {
  Verifications::Answers answers = verifications_.TakeDifferent();
  if (answers.empty() || options_.policy == Policy::kPrimary) return;
  if (answers[0].second.view != view_.id) return;  // It is told, and may be asked for again.
  std::sort(answers.begin(), answers.end(), [this](const auto& a, const auto& b) {
    return RankOf(a.first.instance) < RankOf(b.first.instance);
  });
  const RepairMessage verdict = Judge(answers);
  static_cast<void>(
      Queue(MessageKind::kRepair, DeliveryClass::kAgreed, Encode(verdict), {.is_own = true}));
}

void Engine::Core::DeliverRepair(Instant now, const DeliveredMessage& message,
                                 const MemberId& writer) {
  const std::optional<RepairMessage> verdict = DecodeRepair(Bytes(message.payload).subspan(1));
  if (!verdict.has_value() || message.cls == DeliveryClass::kConv) {
    ++messages_malformed_;
    return;
  }
  // Who was found wrong in another view may have a whole state again; in the order that ends this
  // one nobody knows whether those who are right go on. Where votes count nobody
  // steps aside, whatever one member says.
  if (verdict->view != view_.id || closing_ || options_.policy == Policy::kPrimary) return;
  for (const MemberId& wrong : verdict->wrong) {
    const std::optional<Rank> rank = RankOf(wrong.instance);
    if (!rank.has_value() || view_infos_[*rank].id != wrong) continue;
    const std::string& name = view_infos_[*rank].name;
    Report(
        now, EventKind::kWarning,
        absl::StrCat(name, " held another state than most members at position ", verdict->position,
                     " of this view; it leaves the view and comes back for "
                     "what differs. This is a bug of Cohort, please report it"),
        wrong, name);
    if (*rank == rank_ && replica_.synced()) found_wrong_by_ = writer;
  }
}

// Not while messages are being delivered.
void Engine::Core::StepAsideIfWrong(Instant now) {
  const MemberId by = std::exchange(found_wrong_by_, {});
  if (by == MemberId{} || !member_) return;
  const std::optional<Rank> rank = RankOf(by.instance);
  replica_.Distrust();
  membership_.OnFoundWrong(now, rank.has_value() ? view_infos_[*rank].name : by.ToString(),
                           membership_out_);
  ApplyMembership(now);
}

void Engine::Core::DeliverProof(Instant now, const DeliveredMessage& message,
                                const MemberId& writer) {
  const std::optional<ProofMessage> answer = DecodeProof(Bytes(message.payload).subspan(1));
  if (!answer.has_value()) {
    ++messages_malformed_;
  } else if (answer->asker != self_.id.instance) {
    return;
  } else if (answer->proof.has_value()) {
    verifications_.OnProof(answer->number, writer, *answer->proof, turn_.upcalls);
  } else {
    verifications_.OnRefused(now, answer->number, writer);
  }
}

}  // namespace cohort::engine
