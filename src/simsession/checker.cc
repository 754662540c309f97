#include "simsession/checker.h"

#include <algorithm>
#include <utility>

#include "sim/words.h"

namespace cohort::simsession {
namespace {

using sim::Words;

// Longer than a store waits for a write, and for its event to be told.
constexpr Duration kWriteMax = seconds(8);

}  // namespace

void SessionChecker::OnView(ProcessNumber process, Instant at, const View& view) {
  Process& state = processes_[process];
  if (state.view.id != view.id) state.since = at;
  state.view = view;
}

void SessionChecker::OnSynced(ProcessNumber process, const MemberId& subject) {
  for (Member& member : processes_[process].view.members) member.synced |= member.id == subject;
}

// Who has what is acknowledged to all.
std::set<ProcessNumber> SessionChecker::HoldersNow(ProcessNumber process) const {
  std::set<ProcessNumber> holders;
  const auto found = processes_.find(process);
  if (found == processes_.end()) return holders;
  for (const Member& member : found->second.view.members) {
    const auto known = members_.find(member.id);
    if (member.synced && known != members_.end()) holders.insert(known->second);
  }
  return holders;
}

bool SessionChecker::AnyAlive(const std::set<ProcessNumber>& processes) const {
  return std::any_of(processes.begin(), processes.end(),
                     [this](ProcessNumber one) { return processes_.at(one).alive; });
}

SessionChecker::Write SessionChecker::Begin(const Moment& moment, const std::string& id,
                                            Write base) {
  Node node;
  node.id = id;
  node.base = base;
  node.process = moment.process;
  node.begun = moment.at;
  node.view = processes_[moment.process].view.id;
  writes_.push_back(std::move(node));
  return writes_.size() - 1;
}

SessionChecker::Write SessionChecker::BeginRename(const Moment& moment, const std::string& id,
                                                  const std::string& new_id, Write base) {
  const Write write = Begin(moment, id, base);
  writes_[write].renames = true;
  sessions_[id].renames_away.push_back(write);
  Session& renamed = sessions_[new_id];
  renamed.renamed_from = write;
  renamed.may_end = sessions_[id].may_end;
  renamed.excused = sessions_[id].excused;
  return write;
}

void SessionChecker::Answered(const Moment& moment, Write write, Outcome outcome) {
  Node& node = writes_[write];
  node.answered = moment.at;
  node.answered_view = processes_[moment.process].view.id;
  stats_.refused += outcome == Outcome::kRefused ? 1 : 0;
  stats_.unknown += outcome == Outcome::kUnknown ? 1 : 0;
  node.refused = outcome == Outcome::kRefused;
  if (outcome != Outcome::kOk) return;
  ++stats_.acknowledged;
  stats_.takeovers += node.base != 0 && writes_[node.base].process != node.process ? 1 : 0;
  node.ok = true;
  node.holders = HoldersNow(moment.process);
  if (!node.renames) sessions_[node.id].acknowledged.push_back(write);
}

bool SessionChecker::IsIn(Write write, Write chain) const {
  while (chain > write) chain = writes_[chain].base;
  return chain == write;
}

bool SessionChecker::MayBoth(const Node& one, const Node& other) const {
  // The end of the other was not seen, so it may have been made on any side.
  if (!one.ok || !other.ok) return true;
  const bool one_view =
      one.view == other.view && one.answered_view == one.view && other.answered_view == other.view;
  const auto was_there = [](const Node& first, const Node& later) {
    return first.answered <= later.begun && first.holders.contains(later.process);
  };
  return !one_view && !was_there(one, other) && !was_there(other, one);
}

const char* SessionChecker::Lack(Write seen, Write write, Write renamed) const {
  // Up from both to where they part: the numbers of a chain grow.
  Write here = seen;
  Write there = write;
  Write above_here = renamed;
  Write above_there = 0;
  while (here != there) {
    if (here > there) {
      above_here = here;
      here = writes_[here].base;
    } else {
      above_there = there;
      there = writes_[there].base;
    }
  }
  if (above_here == 0) return "S1";  // Older than the write itself.
  return MayBoth(writes_[above_here], writes_[above_there]) ? nullptr : "S2";
}

std::string SessionChecker::Describe(Write write) const {
  const Node& node = writes_[write];
  std::string text = "write " + std::to_string(write) + " (on " + std::to_string(node.base) +
                     ", process " + std::to_string(node.process) + ", " + Words(node.begun) +
                     " in " + Words(node.view);
  if (node.answered.is_infinite()) return text + ", not answered)";
  return text + ", " + (node.ok ? "acknowledged " : "not acknowledged ") + Words(node.answered) +
         " in " + Words(node.answered_view) + ")";
}

// It was over, which all who knew have forgotten; a side that had not heard of it brings what it
// has.
bool SessionChecker::MayHaveComeBack(const Session& session) const {
  return ends_forgotten_after_ != Duration() &&
         (session.end_begun || !session.renames_away.empty());
}

void SessionChecker::Read(const Moment& moment, Instant since, const std::string& id, Write write,
                          Write torn) {
  ++stats_.reads;
  const Session& session = sessions_[id];
  if (session.excused) return;
  if (write >= writes_.size() || torn != write) {
    violations_.Add("S5", moment,
                    "session " + id + " holds values of the writes " + std::to_string(write) +
                        " and " + std::to_string(torn));
    return;
  }
  if (writes_[write].refused) {
    violations_.Add("S6", moment,
                    "session " + id + " holds " + Describe(write) + ", which was refused");
  }
  const bool was_over = session.ended <= since && session.end_holders.contains(moment.process);
  if (was_over && ends_forgotten_after_ == Duration()) {
    violations_.Add("S3", moment,
                    "session " + id + " is read, which had ended " + Words(session.ended));
  }
  if (MayHaveComeBack(session)) return;
  for (auto it = session.acknowledged.rbegin(); it != session.acknowledged.rend(); ++it) {
    const Node& node = writes_[*it];
    if (node.answered > since || !node.holders.contains(moment.process)) continue;
    if (IsIn(*it, write)) return;
    const char* const lack = Lack(write, *it, session.renamed_from);
    if (lack == nullptr) return;
    violations_.Add(
        lack, moment,
        "session " + id + " is read as of " + Describe(write) + ", and lacks " + Describe(*it));
    return;
  }
}

void SessionChecker::ReadNothing(const Moment& moment, Instant since, const std::string& id) {
  ++stats_.reads;
  const Session& session = sessions_[id];
  if (session.excused || session.may_end || session.end_begun || !session.renames_away.empty())
    return;
  for (const Write write : session.acknowledged) {
    const Node& node = writes_[write];
    if (node.answered > since || !node.holders.contains(moment.process)) continue;
    violations_.Add("S3", moment,
                    "session " + id + " is not there, and nobody has ended it; " + Describe(write));
    return;
  }
}

void SessionChecker::BeginEnd(const Moment&, const std::string& id) {
  sessions_[id].end_begun = true;
}

void SessionChecker::EndAnswered(const Moment& moment, const std::string& id, Outcome outcome) {
  if (outcome != Outcome::kOk) return;
  ++stats_.ends;
  Session& session = sessions_[id];
  if (!session.ended.is_infinite()) return;  // On another side, too.
  session.ended = moment.at;
  session.ended_by = moment.process;
  session.end_holders = HoldersNow(moment.process);
}

void SessionChecker::Told(const Moment& moment, const std::string& id, const std::string& told) {
  Session& session = sessions_[id];
  session.end_begun = true;
  const Process& process = processes_[moment.process];
  if (session.excused) return;
  for (const TellingHere& before : session.told) {
    const bool is_here = before.moment.process == moment.process;
    const bool in_one_view = before.view == process.view.id &&
                             before.since + kWriteMax < before.moment.at &&
                             process.since + kWriteMax < moment.at;
    if (!is_here && !in_one_view) continue;
    // A side that has forgotten the end takes the session back from one that has not heard of it.
    const bool was_forgotten =
        ends_forgotten_after_ != Duration() && before.moment.at + ends_forgotten_after_ < moment.at;
    if (was_forgotten) continue;
    violations_.Add("S4", moment,
                    "the end of session " + id + " (" + told + ") is told here, after process " +
                        std::to_string(before.moment.process) + " was told so " +
                        Words(before.moment.at));
  }
  session.told.push_back({moment, process.view.id, process.since});
}

// ---- At the end.

void SessionChecker::CheckLacking(const Moment& moment, const std::string& id,
                                  const Session& session, Write seen) {
  if (MayHaveComeBack(session)) return;
  for (const Write write : session.acknowledged) {
    if (IsIn(write, seen)) continue;
    const char* const lack = Lack(seen, write, session.renamed_from);
    if (!AnyAlive(writes_[write].holders)) {
      ++stats_.void_promises;
    } else if (lack == nullptr) {
      ++stats_.lost_by_sides;
    } else {
      violations_.Add(
          lack, moment,
          "session " + id + " ends as of " + Describe(seen) + ", and lacks " + Describe(write));
    }
  }
}

void SessionChecker::CheckGone(const Moment& moment, const std::string& id, const Session& session,
                               const std::map<std::string, Write>& there) {
  if (session.end_begun || session.may_end) return;
  // Under another id?
  for (const Write away : session.renames_away) {
    if (writes_[away].ok) return;
    for (const auto& [other, seen] : there) {
      if (sessions_[other].renamed_from == away) return;
    }
  }
  if (!session.renames_away.empty()) return;
  for (const Write write : session.acknowledged) {
    if (!AnyAlive(writes_[write].holders)) continue;
    violations_.Add("S3", moment,
                    "session " + id + " is gone, and nobody has ended it; " + Describe(write));
    return;
  }
  stats_.void_promises += session.acknowledged.empty() ? 0 : 1;
}

void SessionChecker::CheckSession(const Moment& moment, const std::string& id,
                                  const Session& session,
                                  const std::map<std::string, Write>& there) {
  if (session.excused) return;
  const auto found = there.find(id);
  if (found == there.end()) {
    CheckGone(moment, id, session, there);
  } else if (!session.ended.is_infinite() && AnyAlive(session.end_holders)) {
    if (ends_forgotten_after_ == Duration())
      violations_.Add("S3", moment,
                      "session " + id + " is there, which had ended " + Words(session.ended));
  } else if (session.ended.is_infinite()) {
    CheckLacking(moment, id, session, found->second);
  }
  const bool is_owed = !session.ended.is_infinite() && processes_[session.ended_by].alive;
  const auto was_told = [&](const TellingHere& told) {
    return told.moment.process == session.ended_by;
  };
  if (is_owed && std::none_of(session.told.begin(), session.told.end(), was_told)) {
    violations_.Add("S4", moment,
                    "the end of session " + id + " was acknowledged " + Words(session.ended) +
                        " to process " + std::to_string(session.ended_by) + ", which was not told");
  }
}

void SessionChecker::AtEnd(const Moment& moment, const std::map<std::string, Write>& there) {
  for (const auto& [id, session] : sessions_) CheckSession(moment, id, session, there);
}

}  // namespace cohort::simsession
