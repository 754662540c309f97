#include "lock/lock_table.h"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace cohort::lock {
namespace {

// After a write that failed, or while there is nothing to read: soon enough for a user, rare enough
// for a member that is out for long.
constexpr Duration kRetryAfter = milliseconds(50);
constexpr size_t kHalfDigits = 16;

template <class Number>
bool ReadNumber(std::string_view& text, char end, Number& number, int base) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  if (end == '\0') return text.empty();
  if (text.empty() || text.front() != end) return false;
  text.remove_prefix(1);
  return true;
}

const Member* FindMember(const View& view, const MemberId& id) {
  for (const Member& member : view.members) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

const Member* FindInstance(const View& view, const InstanceId& instance) {
  for (const Member& member : view.members) {
    if (member.id.instance == instance) return &member;
  }
  return nullptr;
}

absl::Status NoLock(std::string_view name) {
  return absl::DataLossError(absl::StrCat("the entry ", std::string(name),
                                          " of this map is no lock: use a map of its own"));
}

absl::Status Out() {
  return absl::UnavailableError("this member cannot write now: it rejoins, or has no quorum");
}

// What a write cannot be expected to do better later.
bool IsFinal(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsFailedPrecondition(status) ||
         absl::IsInvalidArgument(status);
}

}  // namespace

std::string Encode(const Holding& holding) {
  return absl::StrCat(holding.owner.instance.ToString(), "/", holding.owner.join_no, "/",
                      holding.number);
}

std::optional<Holding> Decode(std::string_view value) {
  Holding holding;
  if (value.size() < 2 * kHalfDigits) return std::nullopt;
  std::string_view hi = value.substr(0, kHalfDigits);
  value.remove_prefix(kHalfDigits);
  if (!ReadNumber(hi, '\0', holding.owner.instance.hi, 16)) return std::nullopt;
  if (!ReadNumber(value, '/', holding.owner.instance.lo, 16)) return std::nullopt;
  if (!ReadNumber(value, '/', holding.owner.join_no, 10)) return std::nullopt;
  if (!ReadNumber(value, '\0', holding.number, 10)) return std::nullopt;
  return holding;
}

void LockTable::Acquire(Instant now, uint64_t id, std::string_view name, Instant deadline,
                        bool try_once, Output& out) {
  if (waiters_ >= options_.waiters_max) {
    out.answers.push_back(
        {.id = id, .status = absl::ResourceExhaustedError("too many calls wait for locks")});
    return;
  }
  // What is under way here may be so for as long as this member is out: no reason to wait.
  if (try_once && !read_(name).HasPlace()) {
    out.answers.push_back({.id = id, .status = Out()});
    return;
  }
  One& one = all_[std::string(name)];
  if (try_once && (one.hold || !one.waiters.empty())) {
    out.answers.push_back(
        {.id = id, .status = absl::AbortedError("held by another caller of this member")});
    return;
  }
  one.waiters.push_back({id, deadline, try_once});
  ++waiters_;
  Step(now, name, out);
}

void LockTable::Release(Instant now, uint64_t id, uint64_t hold, Output& out) {
  const auto known = holds_.find(hold);
  if (known == holds_.end()) {
    out.answers.push_back({.id = id, .status = absl::AbortedError("the lock had been lost")});
    return;
  }
  const std::string name = known->second;
  One& one = all_.find(name)->second;
  const Hold given_up = *one.hold;
  const Seen seen = read_(name);
  if (!IsGood(given_up, seen)) {
    one.hold.reset();
    holds_.erase(known);
    one.clean_up = true;
    out.answers.push_back(
        {.id = id,
         .status = seen.HasPlace() ? absl::AbortedError("the lock had been lost") : Out()});
    return Step(now, name, out);
  }
  one.hold.reset();
  holds_.erase(known);
  Erase(name, one, seen.version, id, out);
}

bool LockTable::IsGood(const Hold& hold, const Seen& seen) const {
  if (!seen.HasPlace() || !seen.value) return false;
  const std::optional<Holding> there = Decode(*seen.value);
  return there && *there == hold.holding && FindMember(seen.view, hold.holding.owner) != nullptr;
}

bool LockTable::IsHeld(uint64_t hold) const {
  const auto known = holds_.find(hold);
  if (known == holds_.end()) return false;
  return IsGood(*all_.find(known->second)->second.hold, read_(known->second));
}

std::optional<LockOwner> LockTable::Owner(std::string_view name) const {
  const Seen seen = read_(name);
  const std::optional<Holding> holding = seen.value ? Decode(*seen.value) : std::nullopt;
  const Member* owner = holding ? FindMember(seen.view, holding->owner) : nullptr;
  if (owner == nullptr) return std::nullopt;
  return LockOwner{owner->id, owner->name, seen.version};
}

void LockTable::Lose(One& one, absl::Status why, Output& out) {
  out.lost.push_back({one.hold->number, std::move(why)});
  holds_.erase(one.hold->number);
  one.hold.reset();
}

void LockTable::Take(const std::string& name, One& one, const Seen& seen, Output& out) {
  const Member* self = FindInstance(seen.view, self_);
  const Holding holding{self->id, next_number_++};
  one.pending = {.ticket = next_ticket_++, .taking = holding};
  tickets_[one.pending->ticket] = name;
  out.writes.push_back({.ticket = one.pending->ticket,
                        .name = name,
                        .expected = seen.value ? seen.version : Version::None(),
                        .value = Encode(holding)});
}

void LockTable::Erase(const std::string& name, One& one, const Version& version,
                      uint64_t release_id, Output& out) {
  one.pending = {.ticket = next_ticket_++, .taking = std::nullopt, .release_id = release_id};
  tickets_[one.pending->ticket] = name;
  out.writes.push_back({.ticket = one.pending->ticket, .name = name, .expected = version});
}

void LockTable::FailWaiters(One& one, const absl::Status& status, bool only_try_once, Output& out) {
  for (auto it = one.waiters.begin(); it != one.waiters.end();) {
    if (only_try_once && !it->try_once) {
      ++it;
      continue;
    }
    out.answers.push_back({.id = it->id, .status = status});
    it = one.waiters.erase(it);
    --waiters_;
  }
}

void LockTable::Step(Instant now, std::string_view name, Output& out) {
  auto it = all_.find(name);
  if (it == all_.end()) it = all_.emplace(std::string(name), One()).first;
  if (!it->second.pending) StepOne(now, it->first, it->second, out);
  ForgetIfIdle(it);
}

void LockTable::StepOne(Instant now, const std::string& name, One& one, Output& out) {
  one.retry_at = Instant::Infinite();
  const Seen seen = read_(name);
  const Member* self = FindInstance(seen.view, self_);
  if (!seen.HasPlace() || self == nullptr) {
    // A hold stays until OnOut or a view says more: being between two views is no loss.
    FailWaiters(one, Out(), /*only_try_once=*/true, out);
    if (!one.waiters.empty() || one.clean_up) one.retry_at = now + kRetryAfter;
    return;
  }
  if (seen.draining) {
    FailWaiters(one,
                absl::FailedPreconditionError("this member is draining: it takes no more locks"),
                /*only_try_once=*/false, out);
  }
  one.clean_up = false;
  if (one.hold && !IsGood(*one.hold, seen)) {
    Lose(one,
         absl::AbortedError(seen.value ? "another member has the lock: " + *seen.value
                                       : "the lock was taken away"),
         out);
  }
  if (one.hold) return;
  if (seen.value) return StepTaken(name, one, seen, out);
  if (!one.waiters.empty()) Take(name, one, seen, out);
}

bool LockTable::IsOldestWithData(const View& view) const {
  const auto oldest = std::find_if(view.members.begin(), view.members.end(),
                                   [](const Member& member) { return !member.without_data; });
  return oldest != view.members.end() && oldest->id.instance == self_;
}

// There is an entry, and it is no hold that this member counts on.
void LockTable::StepTaken(const std::string& name, One& one, const Seen& seen, Output& out) {
  const std::optional<Holding> there = Decode(*seen.value);
  if (!there) return FailWaiters(one, NoLock(name), /*only_try_once=*/false, out);
  const Member* owner = FindMember(seen.view, there->owner);
  const bool is_own = there->owner.instance == self_;
  if (!one.waiters.empty() && (owner == nullptr || is_own)) return Take(name, one, seen, out);
  if (owner != nullptr && !is_own) {
    return FailWaiters(one, absl::AbortedError("held by " + owner->name), /*only_try_once=*/true,
                       out);
  }
  // Nobody here wants it: removed by who left it there, or by the oldest member that can write.
  if (is_own || IsOldestWithData(seen.view)) Erase(name, one, seen.version, 0, out);
}

void LockTable::OnWritten(Instant now, uint64_t ticket, const absl::Status& status,
                          const Version& version, Output& out) {
  const auto written = tickets_.find(ticket);
  if (written == tickets_.end()) return;
  const std::string name = written->second;
  tickets_.erase(written);
  const auto it = all_.find(name);
  COHORT_CHECK(it != all_.end() && it->second.pending);
  One& one = it->second;
  const Pending pending = *std::exchange(one.pending, std::nullopt);
  if (pending.release_id != 0) {
    // Who wrote over it meanwhile did it because this member was gone: it is free of it, too.
    const bool gone = status.ok() || absl::IsAborted(status);
    out.answers.push_back({.id = pending.release_id, .status = gone ? absl::OkStatus() : status});
  }
  if (status.ok() && pending.taking && !one.waiters.empty()) {
    const Hold hold{pending.taking->number, *pending.taking, version};
    if (IsGood(hold, read_(name))) {
      one.hold = hold;
      holds_[hold.number] = name;
      out.answers.push_back({.id = one.waiters.front().id,
                             .status = absl::OkStatus(),
                             .hold = hold.number,
                             .fence = version});
      one.waiters.pop_front();
      --waiters_;
      return;
    }
  }
  if (status.ok() || absl::IsAborted(status)) return Step(now, name, out);
  if (IsFinal(status)) FailWaiters(one, status, /*only_try_once=*/false, out);
  one.clean_up = true;
  one.retry_at = now + kRetryAfter;
}

void LockTable::OnChangeOfAll(Instant now, Output& out) {
  std::vector<std::string> names;
  names.reserve(all_.size());
  for (const auto& [name, one] : all_) names.push_back(name);
  for (const std::string& name : names) Step(now, name, out);
}

void LockTable::OnOut(Instant now, const absl::Status& why, Output& out) {
  for (auto& [name, one] : all_) {
    FailWaiters(one, why, /*only_try_once=*/true, out);
    if (!one.pending || one.pending->release_id == 0) continue;
    out.answers.push_back({.id = std::exchange(one.pending->release_id, 0), .status = why});
  }
  std::vector<std::string> held;
  held.reserve(holds_.size());
  for (const auto& [hold, name] : holds_) held.push_back(name);
  for (const std::string& name : held) {
    One& one = all_.find(name)->second;
    Lose(one, why, out);
    one.clean_up = true;
    Step(now, name, out);
  }
}

void LockTable::OnTimer(Instant now, Output& out) {
  std::vector<std::string> due;
  for (auto& [name, one] : all_) {
    for (auto waiter = one.waiters.begin(); waiter != one.waiters.end();) {
      if (waiter->deadline > now) {
        ++waiter;
        continue;
      }
      out.answers.push_back(
          {.id = waiter->id,
           .status = absl::DeadlineExceededError("the lock was not free in time")});
      waiter = one.waiters.erase(waiter);
      --waiters_;
    }
    if (one.retry_at <= now || one.IsIdle()) due.push_back(name);
  }
  for (const std::string& name : due) Step(now, name, out);
}

Instant LockTable::NextDeadline() const {
  Instant next = Instant::Infinite();
  for (const auto& [name, one] : all_) {
    next = std::min(next, one.retry_at);
    for (const Waiter& waiter : one.waiters) next = std::min(next, waiter.deadline);
  }
  return next;
}

void LockTable::FailAll(const absl::Status& status, Output& out) {
  for (auto& [name, one] : all_) {
    FailWaiters(one, status, /*only_try_once=*/false, out);
    if (one.pending && one.pending->release_id != 0)
      out.answers.push_back({.id = one.pending->release_id, .status = status});
    if (one.hold) Lose(one, status, out);
  }
  all_.clear();
  tickets_.clear();
}

bool LockTable::HasLoose() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& entry) {
    return entry.second.clean_up || entry.second.pending.has_value();
  });
}

void LockTable::ForgetIfIdle(All::iterator it) {
  if (it->second.IsIdle()) all_.erase(it);
}

bool LockTable::IsConsistent() const {
  size_t waiters = 0;
  size_t holds = 0;
  size_t pending = 0;
  for (const auto& [name, one] : all_) {
    waiters += one.waiters.size();
    pending += one.pending ? 1 : 0;
    if (one.hold) ++holds;
    if (one.hold && one.pending) return false;
  }
  return waiters == waiters_ && holds == holds_.size() && pending == tickets_.size();
}

}  // namespace cohort::lock
