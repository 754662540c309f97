#include "messaging/requests.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "base/check.h"
#include "messaging/frame.h"
#include "wire/limits.h"

namespace cohort::messaging {
namespace {

constexpr size_t kNamedMax = 8;  // Members in the text of a status.
constexpr int kStatusCodeMax = 16;
// Instead of an answer there was no room for. Never sent; if it comes, it means the same.
constexpr uint8_t kCodeDropped = 253;

std::string NameOf(const Answer& answer) {
  return answer.name.empty() ? answer.from.ToString() : answer.name;
}

}  // namespace

absl::StatusOr<uint64_t> Requests::Begin(const RequestOptions& options, Instant deadline) {
  if (unreleased_ >= limits_.requests_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this member waits for ", unreleased_,
                     " requests: wait until some are over, or give them shorter time limits"));
  }
  const uint64_t number = next_++;
  One one;
  one.to = options.to;
  one.include_self = options.include_self;
  one.await = options.await;
  one.deadline = deadline;
  if (!deadline.is_infinite()) deadlines_.emplace(deadline, number);
  all_.emplace(number, std::move(one));
  ++unreleased_;
  ++stats_.begun;
  return number;
}

void Requests::Forget(uint64_t number) {
  const auto it = all_.find(number);
  if (it == all_.end()) return;
  deadlines_.erase({it->second.deadline, number});
  delivered_.erase(number);
  answer_bytes_ -= it->second.answer_bytes;
  all_.erase(it);
  --unreleased_;
}

void Requests::Add(One& one, const MemberId& id, std::string_view name, bool is_in_view) {
  Target target;
  target.answer.from = id;
  target.answer.name = name;
  one.targets.push_back(std::move(target));
  ++one.open;
  if (!is_in_view) Leave(one, one.targets.back(), "was not in the view");
}

void Requests::Leave(One& one, Target& target, const char* why) {
  target.over = true;
  target.answer.state = AnswerState::kLeft;
  target.answer.status = MakeStatus(
      absl::StatusCode::kUnavailable,
      absl::StrCat(NameOf(target.answer), " ", why, "; whether it handled the request is unknown"));
  --one.open;
}

void Requests::OnDelivered(uint64_t number, const View& view, const InstanceId& self,
                           std::vector<Done>& done) {
  const auto it = all_.find(number);
  if (it == all_.end() || it->second.delivered) return;  // Its time was up before it was sent.
  One& one = it->second;
  one.delivered = true;
  one.view = view.id;
  delivered_.insert(number);
  for (const Member& member : view.members) {
    const bool is_self = member.id.instance == self;
    const bool named = std::any_of(one.to.begin(), one.to.end(), [&](const MemberId& id) {
      return id.instance == member.id.instance;
    });
    const bool asked = one.to.empty() ? member.synced && (!is_self || one.include_self) : named;
    if (!asked) continue;
    Add(one, member.id, member.name, /*is_in_view=*/true);
  }
  for (const MemberId& id : one.to) {
    const bool known = std::any_of(
        one.targets.begin(), one.targets.end(),
        [&](const Target& target) { return target.answer.from.instance == id.instance; });
    if (!known) Add(one, id, "", /*is_in_view=*/false);
  }
  for (const Early& early : std::exchange(one.early, {})) {
    one.answer_bytes -= early.payload.size();
    answer_bytes_ -= early.payload.size();
    for (Target& target : one.targets) {
      if (target.answer.from.instance == early.from && !target.over)
        Apply(one, target, early.code, early.payload);
    }
  }
  EndIfOver(it, done);
}

void Requests::OnAnswer(uint64_t number, const InstanceId& from, uint8_t code,
                        std::string_view payload, std::vector<Done>& done) {
  const auto it = all_.find(number);
  if (it != all_.end() && !it->second.delivered) return Keep(it->second, from, code, payload);
  Target* target = nullptr;
  if (it != all_.end()) {
    for (Target& one : it->second.targets) {
      if (one.answer.from.instance == from && !one.over) target = &one;
    }
  }
  if (target == nullptr) {
    ++stats_.answers_late;
    return;
  }
  Apply(it->second, *target, code, payload);
  EndIfOver(it, done);
}

void Requests::Keep(One& one, const InstanceId& from, uint8_t code, std::string_view payload) {
  const bool again = std::any_of(one.early.begin(), one.early.end(),
                                 [&](const Early& early) { return early.from == from; });
  if (again || one.early.size() >= wire::kMembersMax) {
    ++stats_.answers_late;
  } else if (payload.size() > limits_.answer_bytes_max - answer_bytes_) {
    one.early.push_back({from, kCodeDropped, {}});
  } else {
    one.early.push_back({from, code, std::string(payload)});
    one.answer_bytes += payload.size();
    answer_bytes_ += payload.size();
  }
}

void Requests::Apply(One& one, Target& target, uint8_t code, std::string_view payload) {
  ++stats_.answers;
  target.over = true;
  --one.open;
  Answer& answer = target.answer;
  answer.state = AnswerState::kFailed;
  if (code == kCodeNoHandler) {
    answer.state = AnswerState::kNoHandler;
    answer.status = MakeStatus(absl::StatusCode::kUnimplemented,
                               NameOf(answer) + " has no handler for this channel");
  } else if (code == kCodeBusy) {
    answer.status = MakeStatus(absl::StatusCode::kResourceExhausted,
                               NameOf(answer) + " has too many requests to handle: retry later");
  } else if (code == kCodeDropped ||
             (code == kCodeAnswered && payload.size() > limits_.answer_bytes_max - answer_bytes_)) {
    ++stats_.answers_dropped;
    answer.status = MakeStatus(
        absl::StatusCode::kResourceExhausted,
        absl::StrCat("the answer of ", NameOf(answer), " was dropped: this member holds ",
                     answer_bytes_, " bytes of answers to requests that are not over"));
  } else if (code != kCodeAnswered) {
    const int known = code <= kStatusCodeMax ? code : static_cast<int>(absl::StatusCode::kUnknown);
    answer.status = MakeStatus(static_cast<absl::StatusCode>(known), payload);
  } else {
    answer.state = AnswerState::kAnswered;
    answer.payload = payload;
    one.answer_bytes += payload.size();
    answer_bytes_ += payload.size();
    ++one.answered;
  }
}

void Requests::OnView(const View& view, const InstanceId& self, bool fresh,
                      std::vector<Done>& done) {
  const std::vector<uint64_t> concerned(delivered_.begin(), delivered_.end());
  for (const uint64_t number : concerned) {
    const auto it = all_.find(number);
    for (Target& target : it->second.targets) {
      if (target.over || target.answer.from.instance == self) continue;
      if (fresh) {
        Leave(it->second, target, "is lost: the asker lost its place in the group");
        continue;
      }
      const bool stays =
          std::any_of(view.members.begin(), view.members.end(),
                      [&](const Member& member) { return member.id == target.answer.from; });
      if (!stays) Leave(it->second, target, "left the view");
    }
    EndIfOver(it, done);
  }
}

void Requests::OnFailed(uint64_t number, const absl::Status& status, std::vector<Done>& done) {
  const auto it = all_.find(number);
  if (it == all_.end() || it->second.delivered) return;
  for (const MemberId& id : it->second.to) Add(it->second, id, "", /*is_in_view=*/false);
  // The engine's word for an exclusion in between; the interface has another one for it.
  const bool unknown = absl::IsUnknown(status);
  End(it, unknown ? absl::UnavailableError(status.message()) : status, done);
}

void Requests::OnTimer(Instant now, std::vector<Done>& done) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto it = all_.find(deadlines_.begin()->second);
    COHORT_CHECK(it != all_.end());
    One& one = it->second;
    const bool sent = one.delivered;
    if (!sent) {
      for (const MemberId& id : one.to) Add(one, id, "", /*is_in_view=*/true);
    }
    for (Target& target : one.targets) {
      if (target.over) continue;
      target.over = true;
      target.answer.state = AnswerState::kTimedOut;
      target.answer.status = MakeStatus(absl::StatusCode::kDeadlineExceeded,
                                        NameOf(target.answer) + " has not answered in time");
      --one.open;
    }
    End(it,
        sent ? StatusOf(one)
             : absl::DeadlineExceededError(
                   "the request was not sent in time; it may still be sent and handled"),
        done);
  }
}

Instant Requests::NextDeadline() const {
  return deadlines_.empty() ? Instant::Infinite() : deadlines_.begin()->first;
}

void Requests::FailAll(const absl::Status& status, std::vector<Done>& done) {
  std::vector<uint64_t> numbers;
  for (auto it = all_.begin(); it != all_.end(); ++it) numbers.push_back(it->first);
  std::sort(numbers.begin(), numbers.end());  // The table's own order means nothing.
  for (const uint64_t number : numbers) End(all_.find(number), status, done);
}

void Requests::Release(const Done& done) {
  answer_bytes_ -= done.answer_bytes;
  --unreleased_;
}

size_t Requests::Needed(const One& one) {
  switch (one.await) {
    case Await::kAll:
      return one.targets.size();
    case Await::kMajority:
      return one.targets.size() / 2 + 1;
    case Await::kFirst:
      return 1;
    case Await::kNone:
      return 0;
  }
  return 0;
}

bool Requests::IsOver(const One& one) {
  if (one.open == 0) return true;
  if (one.await == Await::kAll) return false;  // Who asks all wants to know of all.
  const size_t needed = Needed(one);
  return one.answered >= needed || one.answered + one.open < needed;
}

absl::Status Requests::StatusOf(const One& one) {
  const size_t needed = Needed(one);
  if (one.answered >= needed) return absl::OkStatus();
  if (one.targets.empty()) return absl::UnavailableError("there was nobody to ask");
  bool timed_out = false;
  size_t missing = 0;
  std::string words;
  for (const Target& target : one.targets) {
    const Answer& answer = target.answer;
    if (answer.state == AnswerState::kAnswered) continue;
    timed_out |= answer.state == AnswerState::kTimedOut;
    if (++missing > kNamedMax) continue;
    absl::StrAppend(&words, missing == 1 ? "" : ", ", NameOf(answer), " ", ToString(answer.state));
  }
  if (missing > kNamedMax) absl::StrAppend(&words, " and ", missing - kNamedMax, " more");
  const std::string text = absl::StrCat(one.answered, " of ", one.targets.size(), " answered, ",
                                        needed, " were needed: ", words);
  return timed_out ? absl::DeadlineExceededError(text) : absl::UnavailableError(text);
}

void Requests::EndIfOver(All::iterator it, std::vector<Done>& done) {
  if (IsOver(it->second)) End(it, StatusOf(it->second), done);
}

void Requests::End(All::iterator it, absl::Status status, std::vector<Done>& done) {
  One& one = it->second;
  Done over;
  over.number = it->first;
  over.answer_bytes = one.answer_bytes;
  over.result.status = std::move(status);
  over.result.view = one.view;
  over.result.answers.reserve(one.targets.size());
  for (Target& target : one.targets) {
    if (!target.over)
      target.answer.status = absl::UnknownError("not waited for: enough others had answered");
    over.result.answers.push_back(std::move(target.answer));
  }
  deadlines_.erase({one.deadline, it->first});
  delivered_.erase(it->first);
  all_.erase(it);
  done.push_back(std::move(over));
}

bool Requests::IsConsistent() const {
  size_t timed = 0;
  size_t delivered = 0;
  for (auto it = all_.begin(); it != all_.end(); ++it) {
    const One& one = it->second;
    timed += one.deadline.is_infinite() ? 0 : 1;
    delivered += one.delivered ? 1 : 0;
    const auto open = std::count_if(one.targets.begin(), one.targets.end(),
                                    [](const Target& target) { return !target.over; });
    if (static_cast<size_t>(open) != one.open) return false;
  }
  return timed == deadlines_.size() && delivered == delivered_.size() &&
         all_.size() <= unreleased_ && answer_bytes_ <= limits_.answer_bytes_max;
}

}  // namespace cohort::messaging
