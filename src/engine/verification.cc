#include "engine/verification.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::engine {
namespace {

constexpr size_t kVerifyBytes = 8;
constexpr size_t kRefusalBytes = 1 + 16 + 8;
constexpr size_t kProofBytes = kRefusalBytes + 16 + 8 + 16 + 16;
constexpr size_t kNamedMax = 8;  // Of members that differ, in the text of an error.

}  // namespace

// Spec 8.30
Buffer Encode(const VerifyMessage& message) {
  Buffer body = Buffer::Allocate(kVerifyBytes);
  wire::ByteWriter writer(body.Fill());
  writer.WriteU64(message.number);
  return body;
}

Buffer Encode(const ProofMessage& message) {
  Buffer body = Buffer::Allocate(message.proof.has_value() ? kProofBytes : kRefusalBytes);
  wire::ByteWriter writer(body.Fill());
  writer.WriteU8(message.proof.has_value() ? 1 : 0);
  writer.WriteU64(message.asker.hi);
  writer.WriteU64(message.asker.lo);
  writer.WriteU64(message.number);
  if (!message.proof.has_value()) return body;
  const Proof& proof = *message.proof;
  for (const uint64_t word : {proof.view.num, proof.view.cid, proof.position, proof.digest.hi,
                              proof.digest.lo, proof.convergent.hi, proof.convergent.lo})
    writer.WriteU64(word);
  return body;
}

std::optional<VerifyMessage> DecodeVerify(Bytes body) {
  wire::ByteReader reader(body);
  VerifyMessage message;
  message.number = reader.ReadU64();
  if (!reader.AtEnd()) return std::nullopt;
  return message;
}

std::optional<ProofMessage> DecodeProof(Bytes body) {
  wire::ByteReader reader(body);
  const uint8_t told = reader.ReadU8();
  ProofMessage message;
  message.asker.hi = reader.ReadU64();
  message.asker.lo = reader.ReadU64();
  message.number = reader.ReadU64();
  if (told > 1) return std::nullopt;
  if (told == 1) {
    Proof& proof = message.proof.emplace();
    for (uint64_t* word : {&proof.view.num, &proof.view.cid, &proof.position, &proof.digest.hi,
                           &proof.digest.lo, &proof.convergent.hi, &proof.convergent.lo})
      *word = reader.ReadU64();
  }
  if (!reader.AtEnd()) return std::nullopt;
  return message;
}

absl::Status Verifications::Add(Instant now, uint64_t id, uint16_t holders_min, Duration within) {
  if (all_.size() >= kVerificationsMax)
    return absl::ResourceExhaustedError("too many verifications at once");
  One one;
  one.id = id;
  one.number = next_number_++;
  one.holders_min = holders_min;
  one.give_up_at = now + within;
  all_.push_back(std::move(one));
  return absl::OkStatus();
}

std::optional<uint64_t> Verifications::TakeAskable(size_t holders) {
  for (One& one : all_) {
    if (one.step != Step::kWaits || one.ask_at.has_value() || holders < one.holders_min) continue;
    one.step = Step::kAsking;
    return one.number;
  }
  return std::nullopt;
}

Verifications::One* Verifications::Find(uint64_t number) {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [number](const One& one) { return one.number == number; });
  return found == all_.end() ? nullptr : &*found;
}

void Verifications::OnPlaced(uint64_t number) {
  One* one = Find(number);
  if (one == nullptr || one->step != Step::kAsking) return;
  one->step = Step::kPlaced;
  one->by_marks = true;
}

void Verifications::OnAsked(uint64_t number, const MemberId& self, const Proof& own,
                            std::vector<MemberId> holders, std::vector<Upcall>& upcalls) {
  One* one = Find(number);
  if (one == nullptr || (one->step != Step::kAsking && one->step != Step::kPlaced)) return;
  one->step = Step::kAsked;
  one->own = own;
  one->answers = {{self, own}};
  one->awaited = std::move(holders);
  one->equal = 1;
  for (const auto& [from, proof] : std::exchange(one->early, {})) Count(*one, from, proof);
  FinishIfComplete(*one, upcalls);
}

void Verifications::AskAgain(uint64_t number) {
  One* one = Find(number);
  if (one == nullptr || one->step == Step::kWaits) return;
  one->step = Step::kWaits;
  one->by_marks = false;
  one->number = next_number_++;
  one->early.clear();
  one->awaited.clear();
  one->different.clear();
}

void Verifications::OnRefused(Instant now, uint64_t number, const MemberId& from) {
  One* one = Find(number);
  if (one == nullptr || one->step == Step::kWaits) return;
  const bool is_awaited =
      std::find(one->awaited.begin(), one->awaited.end(), from) != one->awaited.end();
  // A difference is told, whatever others say.
  if (one->step == Step::kAsked && (!is_awaited || !one->different.empty())) return;
  AskAgain(number);
  one->ask_at = now + kAskAgainAfter;
}

void Verifications::OnProof(uint64_t number, const MemberId& from, const Proof& proof,
                            std::vector<Upcall>& upcalls) {
  One* one = Find(number);
  if (one == nullptr || one->step == Step::kWaits) return;
  if (one->step != Step::kAsked) {
    const bool is_new = std::none_of(one->early.begin(), one->early.end(),
                                     [&](const auto& early) { return early.first == from; });
    if (is_new) one->early.emplace_back(from, proof);
    return;
  }
  Count(*one, from, proof);
  FinishIfComplete(*one, upcalls);
}

void Verifications::Count(One& one, const MemberId& from, const Proof& proof) {
  if (std::erase(one.awaited, from) == 0) return;
  one.answers.emplace_back(from, proof);
  if (proof == one.own) {
    ++one.equal;
  } else {
    one.different.push_back(from);
  }
}

void Verifications::OnView(const std::vector<MemberInfo>& members, std::vector<Upcall>& upcalls) {
  for (size_t i = 0; i < all_.size();) {
    const size_t before = all_.size();
    if (all_[i].step == Step::kPlaced) AskAgain(all_[i].number);
    std::erase_if(all_[i].awaited, [&](const MemberId& id) {
      return std::none_of(members.begin(), members.end(),
                          [&](const MemberInfo& member) { return member.id == id; });
    });
    // Who goes on has given up what it had gathered; but a difference that was seen is told.
    const bool waits_in_vain = all_[i].by_marks && !all_[i].awaited.empty();
    if (waits_in_vain && all_[i].different.empty()) AskAgain(all_[i].number);
    if (waits_in_vain) all_[i].awaited.clear();
    FinishIfComplete(all_[i], upcalls);
    if (all_.size() == before) ++i;
  }
}

void Verifications::FinishIfComplete(One& one, std::vector<Upcall>& upcalls) {
  if (one.step != Step::kAsked || !one.awaited.empty()) return;
  if (one.different.empty() && one.equal < one.holders_min) {
    AskAgain(one.number);  // Others left before they answered.
    return;
  }
  DoneUpcall done;
  done.command = one.id;
  done.number = one.equal;
  done.replicas = one.equal;
  done.view = one.own.view;
  done.position = one.own.position;
  if (!one.different.empty()) {
    std::string text =
        absl::StrCat("replicas differ at view ", one.own.view.ToString(), " position ",
                     one.own.position, ": not as here is the state of");
    for (size_t i = 0; i < std::min(one.different.size(), kNamedMax); ++i)
      absl::StrAppend(&text, " ", one.different[i].ToString());
    absl::StrAppend(&text, "; this is a bug of Cohort, please report it");
    done.status = absl::DataLossError(text);
    found_different_ = std::move(one.answers);
  }
  upcalls.emplace_back(std::move(done));
  std::erase_if(all_, [id = one.id](const One& other) { return other.id == id; });
}

void Verifications::OnExcluded(std::vector<Upcall>& upcalls) {
  for (const One& one : all_) {
    if (one.step == Step::kWaits) continue;
    upcalls.emplace_back(DoneUpcall{
        .command = one.id,
        .status = absl::UnavailableError("this member left its view before all had answered")});
  }
  std::erase_if(all_, [](const One& one) { return one.step != Step::kWaits; });
}

void Verifications::OnTimer(Instant now, std::vector<Upcall>& upcalls) {
  for (One& one : all_) {
    if (one.give_up_at > now) {
      if (one.ask_at.has_value() && *one.ask_at <= now) one.ask_at.reset();
      continue;
    }
    std::string text =
        "too few members hold the whole state, or this one has to merge first what it brought "
        "along";
    if (one.step == Step::kAsking) text = "the question has not come to its place in the order yet";
    if (one.ask_at.has_value())
      text =
          "members were busy with other verifications, or with more writes than they can compare";
    if (one.step == Step::kPlaced)
      text = "what the others had written to convergent maps is not here yet";
    if (one.step == Step::kAsked)
      text = absl::StrCat(one.awaited.size(), " members have not answered yet");
    upcalls.emplace_back(
        DoneUpcall{.command = one.id, .status = absl::DeadlineExceededError(text)});
  }
  std::erase_if(all_, [now](const One& one) { return one.give_up_at <= now; });
}

Instant Verifications::NextDeadline() const {
  Instant next = Instant::Infinite();
  for (const One& one : all_)
    next = std::min({next, one.give_up_at, one.ask_at.value_or(Instant::Infinite())});
  return next;
}

void Verifications::FailAll(const absl::Status& status, std::vector<Upcall>& upcalls) {
  for (const One& one : all_) upcalls.emplace_back(DoneUpcall{.command = one.id, .status = status});
  all_.clear();
}

}  // namespace cohort::engine
