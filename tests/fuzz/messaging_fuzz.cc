#include "fuzz/messaging_fuzz.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "lock/lock_table.h"
#include "messaging/frame.h"
#include "messaging/messenger.h"

namespace cohort::fuzz {
namespace {

using lock::LockTable;
using messaging::AnswerFrame;
using messaging::Frame;
using messaging::MessageFrame;
using messaging::Messenger;
using messaging::RequestFrame;

MemberId Id(uint64_t which) { return {{which, which}, 0}; }

class Script {
 public:
  explicit Script(Bytes input) : input_(input) {}
  bool empty() const { return input_.empty(); }
  uint8_t Take() {
    if (input_.empty()) return 0;
    const auto byte = std::to_integer<uint8_t>(input_.front());
    input_ = input_.subspan(1);
    return byte;
  }
  Bytes TakeBytes() {
    const size_t wanted = Take();
    const size_t size = std::min(wanted, input_.size());
    const Bytes taken = input_.first(size);
    input_ = input_.subspan(size);
    return taken;
  }
  // Of members 1 to 3; a few more are strangers to the view.
  MemberId TakeMember() { return Id(1 + Take() % 5); }
  View TakeView(uint64_t num) {
    View view;
    view.id = {num, num};
    const uint8_t who = Take();
    for (uint64_t which = 1; which <= 3; ++which) {
      if ((who >> which & 1) == 0)
        view.members.push_back({Id(which), "m", "", (who >> which & 8) == 0});
    }
    return view;
  }

 private:
  Bytes input_;
};

// ---- One frame, one entry.

void ParseFrame(Bytes input) {
  const std::optional<Frame> frame = messaging::Decode(input);
  if (!frame) return;
  Buffer again;
  if (const auto* message = std::get_if<MessageFrame>(&*frame)) {
    COHORT_CHECK(message->channel.size() <= kNameBytesMax);
    again = Encode(*message);
  } else if (const auto* request = std::get_if<RequestFrame>(&*frame)) {
    COHORT_CHECK(request->channel.size() <= kNameBytesMax);
    COHORT_CHECK(request->to.size() % 16 == 0 && request->to.size() / 16 <= kRequestTargetsMax);
    request->IsFor(Id(1).instance);
    if (!request->to.empty()) return;  // Encoded from another type than it is decoded to.
    again = Encode(*request, {});
    COHORT_CHECK(again.size() == input.size());
    again.Fill()[1] = input[1];  // Unknown flags are ignored, so they do not come back.
  } else {
    again = Encode(std::get<AnswerFrame>(*frame));
  }
  COHORT_CHECK(again.text() == AsText(input));
}

void ParseHolding(std::string_view value) {
  const std::optional<lock::Holding> holding = lock::Decode(value);
  if (holding) COHORT_CHECK(lock::Decode(lock::Encode(*holding)) == holding);
}

// ---- A member that asks and is asked.

class Asked {
 public:
  explicit Asked(Bytes input) : script_(input) {
    COHORT_CHECK(messenger_.Open("known").ok());
    messenger_.SetListeners("known", 1);
    messenger_.SetHandled("known", true);
    View view;
    for (uint64_t which = 1; which <= 3; ++which)
      view.members.push_back({Id(which), "m", "", true});
    view.id = {++views_, 1};
    messenger_.OnView(view, out_);
  }

  void Run() {
    while (!script_.empty()) {
      Step();
      for (const messaging::Requests::Done& done : out_.done) messenger_.Release(done);
      for (size_t i = 0; i < out_.refusals.size(); ++i) messenger_.OnRefused();
      out_ = {};
      COHORT_CHECK(messenger_.requests().IsConsistent());
      COHORT_CHECK(messenger_.requests().size() <= kLimits.asking.requests_max);
      COHORT_CHECK(messenger_.handling() <= kLimits.handled_max);
    }
    messenger_.FailAll(absl::CancelledError("left"), out_);
    for (const messaging::Requests::Done& done : out_.done) messenger_.Release(done);
    COHORT_CHECK(messenger_.requests().size() == 0 && messenger_.requests().IsConsistent());
  }

 private:
  static constexpr Messenger::Limits kLimits{.asking = {.requests_max = 8, .answer_bytes_max = 64},
                                             .channels_max = 2,
                                             .handled_max = 4,
                                             .refusals_max = 4};

  void Step() {
    now_ = now_ + microseconds(100);
    switch (script_.Take() % 8) {
      case 0:
        return messenger_.OnView(script_.TakeView(++views_), out_);
      case 1:
        return Ask();
      case 2:
        now_ = now_ + milliseconds(script_.Take());
        return messenger_.OnTimer(now_, out_);
      case 3:
        if (messenger_.handling() > 0) messenger_.OnHandled();
        return;
      case 4: {  // An answer that may be one.
        const Buffer answer = Encode(AnswerFrame{Id(1).instance, script_.Take() % 16u,
                                                 script_.Take(), AsText(script_.TakeBytes())});
        return Receive(script_.TakeMember(), answer);
      }
      case 5: {
        const size_t count = script_.Take() % 3;
        const std::vector<MemberId> to(count, script_.TakeMember());
        const uint8_t flags = script_.Take();
        const Buffer request = Encode(RequestFrame{.number = script_.Take(),
                                                   .wanted = (flags & 1) == 0,
                                                   .include_self = (flags & 2) == 0,
                                                   .channel = (flags & 4) == 0 ? "known" : "other",
                                                   .payload = "?"},
                                      to);
        return Receive(script_.TakeMember(), request);
      }
      default: {
        const Bytes frame = script_.TakeBytes();
        return Receive(script_.TakeMember(), Buffer::CopyOf(AsText(frame)));
      }
    }
  }
  void Receive(const MemberId& from, const Buffer& frame) {
    const auto verdict = messenger_.OnFrame(from, frame, out_);
    if (verdict != Messenger::Verdict::kRequest || script_.Take() % 2 == 0) return;
    messenger_.RefuseAccepted(from, 1, true, messaging::kCodeBusy, out_);
  }
  void Ask() {
    RequestOptions options;
    options.await = static_cast<Await>(script_.Take() % 3);
    const auto request =
        messenger_.Begin(now_ + milliseconds(script_.Take()), "known", "?", options);
    if (request.ok()) messenger_.OnFrame(Id(1), request->frame, out_);
  }

  Script script_;
  Messenger messenger_{kLimits, Id(1).instance};
  Messenger::Output out_;
  Instant now_ = Instant::Zero() + seconds(1);
  uint64_t views_ = 0;
};

// ---- A member that holds locks, in a map that others write.

class Holder {
 public:
  explicit Holder(Bytes input) : script_(input) { NextView(); }

  void Run() {
    while (!script_.empty()) {
      Step();
      Look();
      COHORT_CHECK(table_.IsConsistent() && table_.waiters() <= kWaitersMax);
    }
    table_.FailAll(absl::CancelledError("left"), out_);
    Look();
    COHORT_CHECK(asked_.empty() && table_.waiters() == 0 && !table_.HasLoose());
  }

 private:
  static constexpr size_t kWaitersMax = 4;

  void Step() {
    now_ = now_ + milliseconds(1);
    const std::string name(1, static_cast<char>('l' + script_.Take() % 3));
    switch (script_.Take() % 9) {
      case 0:
        return Put(name, std::string(AsText(script_.TakeBytes())));
      case 1:
        return Put(name, lock::Encode({script_.TakeMember(), script_.Take()}));
      case 2:
        map_.erase(name);
        return table_.OnChange(now_, name, out_);
      case 3: {
        asked_.insert(++ids_);
        const Instant deadline = now_ + milliseconds(script_.Take());
        return table_.Acquire(now_, ids_, name, deadline, script_.Take() % 2 == 0, out_);
      }
      case 4:
        asked_.insert(++ids_);
        return table_.Release(now_, ids_, script_.Take() % 8u, out_);
      case 5:
        NextView();
        return table_.OnChangeOfAll(now_, out_);
      case 6:
        in_place_ = script_.Take() % 4 != 0;
        draining_ = script_.Take() % 4 == 0;
        if (in_place_) return table_.OnChangeOfAll(now_, out_);
        return table_.OnOut(now_, absl::UnavailableError("out"), out_);
      case 7:
        now_ = now_ + milliseconds(script_.Take());
        return table_.OnTimer(now_, out_);
      default:
        return Write();
    }
  }
  void NextView() { view_ = script_.TakeView(++views_); }
  void Put(const std::string& name, std::string value) {
    map_[name] = {std::move(value), {++time_, 0}};
    table_.OnChange(now_, name, out_);
  }
  // The oldest write of the table: takes effect, comes too late, or nobody knows.
  void Write() {
    if (writes_.empty()) return;
    const LockTable::Write write = writes_.front();
    writes_.erase(writes_.begin());
    const auto there = map_.find(write.name);
    const Version version = there == map_.end() ? Version::None() : there->second.second;
    const uint8_t fate = script_.Take() % 8;
    if (fate == 0)
      return table_.OnWritten(now_, write.ticket, absl::UnknownError("excluded"), {}, out_);
    if (version != write.expected)
      return table_.OnWritten(now_, write.ticket, absl::AbortedError("changed"), version, out_);
    if (write.value) map_[write.name] = {*write.value, {++time_, 0}};
    if (!write.value) map_.erase(write.name);
    const absl::Status status = fate == 1 ? absl::UnavailableError("who knows") : absl::OkStatus();
    table_.OnWritten(now_, write.ticket, status, {time_, 0}, out_);
  }
  // Each call is answered once, and nobody is told of a lock that it has not.
  void Look() {
    for (const LockTable::Write& write : out_.writes) writes_.push_back(write);
    for (const LockTable::Answer& answer : out_.answers) {
      COHORT_CHECK(asked_.erase(answer.id) == 1);
      if (answer.hold != 0) COHORT_CHECK(answer.status.ok() && held_.insert(answer.hold).second);
    }
    for (const LockTable::Lost& lost : out_.lost) COHORT_CHECK(held_.erase(lost.hold) == 1);
    out_ = {};
  }

  Script script_;
  std::map<std::string, std::pair<std::string, Version>> map_;
  View view_;
  bool in_place_ = true;
  bool draining_ = false;
  LockTable table_{Id(1).instance,
                   [this](std::string_view name) {
                     LockTable::Seen seen{true, in_place_, view_, std::nullopt, {}, draining_};
                     const auto there = map_.find(std::string(name));
                     if (there != map_.end()) {
                       seen.value = there->second.first;
                       seen.version = there->second.second;
                     }
                     return seen;
                   },
                   {.waiters_max = kWaitersMax}};
  LockTable::Output out_;
  std::vector<LockTable::Write> writes_;
  std::set<uint64_t> asked_;
  std::set<uint64_t> held_;
  Instant now_ = Instant::Zero() + seconds(1);
  uint64_t ids_ = 0;
  uint64_t time_ = 0;
  uint64_t views_ = 0;
};

}  // namespace

void FuzzMessaging(Bytes input) {
  ParseFrame(input);
  ParseHolding(AsText(input));
  Asked(input).Run();
  Holder(input).Run();
}

}  // namespace cohort::fuzz
