#include "transfer/reads.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "map/limits.h"
#include "transfer/limits.h"
#include "transfer/messages.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace cohort::transfer {
namespace {

constexpr Duration kAskAgain = milliseconds(100);  // Whoever went, or has lost the state.
constexpr size_t kAnswerHeaderBytes = kMessageHeaderBytes + 1 + 8 + 8 + 8;

Buffer Begin(MessageType type, uint32_t number, size_t body) {
  Buffer message = Buffer::Allocate(kMessageHeaderBytes + body);
  wire::ByteWriter writer(message.Fill());
  writer.WriteU8(static_cast<uint8_t>(type));
  writer.WriteU32(number);
  return message;
}

absl::Status StatusOf(ReadCode code) {
  switch (code) {
    case ReadCode::kFound:
      return absl::OkStatus();
    case ReadCode::kNoKey:
      return absl::NotFoundError("no such key");
    case ReadCode::kNoMap:
      return absl::NotFoundError("no such map");
    case ReadCode::kNoState:
      return absl::UnavailableError("the member that was asked has no complete state either");
    case ReadCode::kTooLarge:
      break;
  }
  return absl::OutOfRangeError(
      "the value is too large to be read at another member; it comes with the state");
}

// What a map, or null, has of an entry.
struct Found {
  ReadCode code = ReadCode::kNoKey;
  Buffer value;
  Version version;
  int64_t ttl_ms = -1;
};

Found LookUp(const map::Map* map, std::string_view key, map::GroupTime now) {
  if (map == nullptr) return {.code = ReadCode::kNoMap};
  std::optional<map::Reading> reading = map->GetWithMeta(key, now);
  if (!reading.has_value()) return {.code = ReadCode::kNoKey};
  return {.code = ReadCode::kFound,
          .value = std::move(reading->value),
          .version = reading->version,
          .ttl_ms = reading->expires_at == 0 ? -1 : reading->expires_at - now};
}

}  // namespace

// ---- Messages.

Buffer EncodeRead(uint32_t number, const ReadQuestion& question) {
  Buffer message = Begin(MessageType::kRead, number, 2 + question.map.size() + question.key.size());
  wire::ByteWriter writer(message.Fill().subspan(kMessageHeaderBytes));
  writer.WriteU16(static_cast<uint16_t>(question.map.size()));
  writer.WriteBytes(AsBytes(question.map));
  writer.WriteBytes(AsBytes(question.key));
  COHORT_CHECK(writer.ok() && writer.room() == 0);
  return message;
}

Buffer EncodeReadAnswer(uint32_t number, const ReadAnswer& answer) {
  Buffer message = Begin(MessageType::kReadAnswer, number,
                         kAnswerHeaderBytes - kMessageHeaderBytes + answer.value.size());
  wire::ByteWriter writer(message.Fill().subspan(kMessageHeaderBytes));
  writer.WriteU8(static_cast<uint8_t>(answer.code));
  writer.WriteU64(answer.version.time);
  writer.WriteU64(answer.version.writer);
  writer.WriteU64(static_cast<uint64_t>(answer.ttl_ms));
  writer.WriteBytes(answer.value);
  COHORT_CHECK(writer.ok() && writer.room() == 0);
  return message;
}

std::optional<ReadQuestion> DecodeRead(Bytes message) {
  wire::ByteReader reader(message);
  reader.ReadBytes(kMessageHeaderBytes);
  const std::string_view map = AsText(reader.ReadBytes(reader.ReadU16()));
  const std::string_view key = AsText(reader.ReadBytes(reader.left()));
  if (!reader.AtEnd() || map.size() > map::kMapNameBytesMax || key.size() > map::kKeyBytesMax)
    return std::nullopt;
  return ReadQuestion{map, key};
}

std::optional<ReadAnswer> DecodeReadAnswer(Bytes message) {
  wire::ByteReader reader(message);
  reader.ReadBytes(kMessageHeaderBytes);
  const uint8_t code = reader.ReadU8();
  ReadAnswer answer;
  answer.version.time = reader.ReadU64();
  answer.version.writer = reader.ReadU64();
  answer.ttl_ms = static_cast<int64_t>(reader.ReadU64());
  answer.value = reader.ReadBytes(reader.left());
  if (!reader.AtEnd() || code > static_cast<uint8_t>(ReadCode::kTooLarge) || answer.ttl_ms < -1 ||
      answer.value.size() > kReadValueBytesMax) {
    return std::nullopt;
  }
  answer.code = static_cast<ReadCode>(code);
  return answer;
}

// ---- Who answers.

Buffer AnswerRead(uint32_t number, const map::Map* map, std::string_view key, map::GroupTime now) {
  const Found found = LookUp(map, key, now);
  if (found.value.size() > kReadValueBytesMax)
    return EncodeReadAnswer(number, {.code = ReadCode::kTooLarge, .value = {}});
  return EncodeReadAnswer(
      number,
      {.code = found.code, .version = found.version, .ttl_ms = found.ttl_ms, .value = found.value});
}

DoneRead ReadHere(const WaitingRead& read, const map::Map* map, map::GroupTime now) {
  Found found = LookUp(map, read.key, now);
  return {.id = read.id,
          .status = StatusOf(found.code),
          .value = std::move(found.value),
          .version = found.version,
          .ttl_ms = found.ttl_ms};
}

bool ReadBudget::HasFor(Instant now, const InstanceId& member) {
  if (now >= begun_ + seconds(1)) {
    begun_ = now;
    spent_.clear();
  }
  const auto spent = spent_.find(member);
  const bool has = spent_in_turn_ < kReadBytesPerTurnMax &&
                   (spent == spent_.end() || spent->second < kReadBytesPerSecondMax);
  if (!has) ++turned_away_;
  return has;
}

void ReadBudget::Spend(const InstanceId& member, size_t bytes) {
  spent_in_turn_ += bytes;
  spent_[member] += std::max(bytes, kReadBytesCountedMin);
}

// ---- Who asks.

absl::Status Reads::Add(Waiting read) {
  if (all_.size() >= kReadsMax) {
    return absl::ResourceExhaustedError(
        "too many reads wait for members that have the state; retry later");
  }
  all_[next_++] = {std::move(read), std::nullopt};
  return absl::OkStatus();
}

// Spec 9.14
void Reads::Ask(Output& out) {
  for (auto& [number, read] : all_) {
    if (read.asked.has_value()) continue;
    const MemberId* donor = DonorWithRoom();
    if (donor == nullptr) return;
    read.asked = *donor;
    ++asked_[*donor];
    out.messages.push_back({*donor, EncodeRead(number, {read.what.map, read.what.key})});
  }
}

const MemberId* Reads::DonorWithRoom() {
  for (size_t i = 0; i < donors_.size(); ++i) {
    const MemberId& donor = donors_[next_donor_++ % donors_.size()];
    const auto found = asked_.find(donor);
    if (found == asked_.end() || found->second < kReadsAskedMax) return &donor;
  }
  return nullptr;
}

Reads::All::iterator Reads::LetGo(All::iterator it) {
  const auto found = asked_.find(*it->second.asked);
  if (--found->second == 0) asked_.erase(found);
  it->second.asked.reset();
  return it->second.told ? all_.erase(it) : std::next(it);
}

void Reads::LeaveOut(Instant now, const MemberId& donor) {
  std::erase(donors_, donor);
  again_ = std::min(again_, now + kAskAgain);
  for (auto it = all_.begin(); it != all_.end();)
    it = it->second.asked == donor ? LetGo(it) : std::next(it);
}

void Reads::SetDonors(std::vector<MemberId> donors, Output& out) {
  if (donors == given_) return Ask(out);
  given_ = donors;
  donors_ = std::move(donors);
  again_ = Instant::Infinite();
  for (auto it = all_.begin(); it != all_.end();) {
    const std::optional<MemberId>& asked = it->second.asked;
    const bool is_lost =
        asked.has_value() && std::find(donors_.begin(), donors_.end(), *asked) == donors_.end();
    it = is_lost ? LetGo(it) : std::next(it);
  }
  Ask(out);
}

void Reads::OnGone(Instant now, const MemberId& member, Output& out) {
  LeaveOut(now, member);
  Ask(out);
}

void Reads::End(const Read& read, Done result, std::vector<Done>& done) {
  if (read.told) return;
  result.id = read.what.id;
  done.push_back(std::move(result));
}

void Reads::OnAnswer(Instant now, const MemberId& from, Bytes message, Output& out,
                     std::vector<Done>& done) {
  const std::optional<Header> header = DecodeHeader(message);
  const std::optional<ReadAnswer> answer = DecodeReadAnswer(message);
  if (!header.has_value() || !answer.has_value()) return;
  const auto it = all_.find(header->attempt);
  if (it == all_.end() || it->second.asked != from) return;
  if (answer->code == ReadCode::kNoState) return OnGone(now, from, out);
  Done result;
  result.status = StatusOf(answer->code);
  if (result.status.ok()) {
    result.value = Buffer::CopyOf(AsText(answer->value));
    result.version = answer->version;
    result.ttl_ms = answer->ttl_ms;
  }
  End(it->second, std::move(result), done);
  it->second.told = true;
  LetGo(it);
  Ask(out);
}

void Reads::OnTimer(Instant now, Output& out, std::vector<Done>& done) {
  if (again_ <= now) {
    again_ = Instant::Infinite();
    donors_ = given_;
  }
  for (auto it = all_.begin(); it != all_.end();) {
    Read& read = it->second;
    if (read.told || read.what.deadline > now) {
      ++it;
      continue;
    }
    Done result;
    result.status =
        read.asked.has_value()
            ? absl::DeadlineExceededError("the member that was asked has not answered in time")
            : absl::UnavailableError(
                  "this member has no complete state yet, and has found none to ask that has");
    End(read, std::move(result), done);
    read.told = true;
    it = read.asked.has_value() ? std::next(it) : all_.erase(it);
  }
  Ask(out);
}

Instant Reads::NextDeadline() const {
  Instant next = all_.empty() ? Instant::Infinite() : again_;
  for (const auto& [number, read] : all_) {
    if (!read.told) next = std::min(next, read.what.deadline);
  }
  return next;
}

std::vector<Reads::Waiting> Reads::TakeAll() {
  std::vector<Waiting> waiting;
  for (auto& [number, read] : all_) {
    if (!read.told) waiting.push_back(std::move(read.what));
  }
  all_.clear();
  asked_.clear();
  given_.clear();
  donors_.clear();
  again_ = Instant::Infinite();
  return waiting;
}

}  // namespace cohort::transfer
