#include "event_log.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/absl_bridge.h"
#include "nlohmann/json.hpp"

namespace cohort::tools {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string Timestamp() {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
}

std::string Dump(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

OrderedJson ToJson(const ViewId& id) { return {{"num", id.num}, {"id", id.ToString()}}; }

OrderedJson ToJson(const std::vector<MemberChange>& changes) {
  OrderedJson list = OrderedJson::array();
  for (const MemberChange& change : changes) {
    list.push_back({{"name", change.member.name},
                    {"cause", ToString(change.cause)},
                    {"evidence", change.evidence}});
  }
  return list;
}

const char* CauseOf(const View& view) {
  if (!view.left.empty()) return ToString(view.left.front().cause);
  if (!view.joined.empty()) return ToString(view.joined.front().cause);
  return ToString(view.previous.IsZero() ? ViewCause::kFormed : ViewCause::kSynced);
}

// Of Event::number.
const char* UnitOf(EventKind kind) {
  switch (kind) {
    case EventKind::kSuspected:
    case EventKind::kMulticastLost:
    case EventKind::kDegraded:
    case EventKind::kCaughtUp:
    case EventKind::kBackPressure:
      return " ms";
    case EventKind::kTransferStarted:
    case EventKind::kTransferDone:
    case EventKind::kTransferFailed:
    case EventKind::kConflict:
    case EventKind::kSmallDatagrams:
      return " bytes";
    case EventKind::kSynced:
      return " entries";
    case EventKind::kMerged:
      return " conflicts";
    case EventKind::kDropped:
      return " packets";
    default:
      return "";
  }
}

// Whether the text has the number as a word of its own.
bool SaysNumber(const Event& event) {
  const std::string number = std::to_string(event.number);
  const auto is_digit = [&](size_t at) {
    return at < event.text.size() && event.text[at] >= '0' && event.text[at] <= '9';
  };
  for (size_t at = event.text.find(number); at != std::string::npos;
       at = event.text.find(number, at + 1)) {
    const bool begins = at == 0 || !is_digit(at - 1);
    if (begins && !is_digit(at + number.size())) return true;
  }
  return false;
}

void Describe(const char* sign, const std::vector<MemberChange>& changes, std::string& text) {
  for (const MemberChange& change : changes) {
    absl::StrAppend(&text, " ", sign, change.member.name, " (", ToString(change.cause));
    if (!change.evidence.empty()) absl::StrAppend(&text, ": ", change.evidence);
    absl::StrAppend(&text, ")");
  }
}

}  // namespace

EventLog::EventLog(EventFormat format) : format_(format), shared_(std::make_shared<Shared>()) {
  std::thread writer([shared = shared_] {
    pthread_setname_np(pthread_self(), "cohort-events");
    Write(shared);
  });
  writer.detach();
}

EventLog::~EventLog() {
  std::unique_lock lock(shared_->mutex);
  shared_->ended = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, std::chrono::seconds(1), [&] { return shared_->finished; });
}

void EventLog::Write(std::shared_ptr<Shared> shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->changed.wait(lock, [&] { return shared->ended || !shared->waiting.empty(); });
    if (shared->waiting.empty()) break;
    const std::deque<std::string> lines = std::exchange(shared->waiting, {});
    const uint64_t dropped = std::exchange(shared->dropped, 0);
    lock.unlock();
    if (dropped > 0)
      std::fprintf(stderr, "cohort: %llu event lines dropped: standard output is not read\n",
                   static_cast<unsigned long long>(dropped));
    for (const std::string& line : lines) std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
    lock.lock();
  }
  shared->finished = true;
  shared->changed.notify_all();
}

void EventLog::Line(std::string json, std::string text) {
  const std::lock_guard lock(shared_->mutex);
  recent_.push_back(text);
  if (recent_.size() > kRecentMax) recent_.pop_front();
  if (format_ == EventFormat::kNone) return;
  if (shared_->waiting.size() >= kLinesMax) {
    shared_->waiting.pop_front();
    ++shared_->dropped;
  }
  shared_->waiting.push_back((format_ == EventFormat::kJson ? json : text) + "\n");
  shared_->changed.notify_all();
}

void EventLog::Add(const View& view) {
  const std::string at = Timestamp();
  OrderedJson members = OrderedJson::array();
  std::string text = absl::StrCat(at, " view ", view.id.ToString(), ":");
  for (const Member& member : view.members) {
    members.push_back(member.name);
    absl::StrAppend(&text, " ", member.name);
  }
  Describe("+", view.joined, text);
  Describe("-", view.left, text);
  if (!view.primary) absl::StrAppend(&text, " [no quorum]");
  const OrderedJson json = {{"event", "view"},           {"at", at},
                            {"view", ToJson(view.id)},   {"members", members},
                            {"cause", CauseOf(view)},    {"joined", ToJson(view.joined)},
                            {"left", ToJson(view.left)}, {"primary", view.primary}};
  Line(Dump(json), text);
}

void EventLog::Add(const Event& event) {
  if (event.kind == EventKind::kView) return;  // The view itself tells more.
  const std::string at = Timestamp();
  OrderedJson json = {{"event", ToString(event.kind)}, {"at", at}, {"view", ToJson(event.view)}};
  std::string text = absl::StrCat(at, " ", ToString(event.kind));
  if (!event.subject_name.empty()) {
    json["member"] = event.subject_name;
    absl::StrAppend(&text, " ", event.subject_name);
  }
  if (!event.key.empty()) {
    json["key"] = event.key;
    absl::StrAppend(&text, " key ", event.key);
  }
  if (event.number != 0) {
    json["number"] = event.number;
    // Some say it in their text already.
    if (!SaysNumber(event)) absl::StrAppend(&text, " ", event.number, UnitOf(event.kind));
  }
  if (!event.text.empty()) {
    json["text"] = event.text;
    absl::StrAppend(&text, ": ", event.text);
  }
  if (event.kind == EventKind::kLeft) {
    const std::lock_guard lock(shared_->mutex);
    if (seen_.size() < kLinesMax) seen_.emplace(event.kind, event.subject_name);
  }
  Line(Dump(json), text);
}

void EventLog::Add(std::string_view event, std::string_view member, std::string_view text) {
  const std::string at = Timestamp();
  OrderedJson json = {{"event", event}, {"at", at}, {"member", member}};
  if (!text.empty()) json["text"] = text;
  Line(Dump(json), absl::StrCat(at, " ", ToAbsl(event), " ", ToAbsl(member),
                                text.empty() ? "" : ": ", ToAbsl(text)));
}

bool EventLog::Saw(EventKind kind, std::string_view member) const {
  const std::lock_guard lock(shared_->mutex);
  return seen_.count({kind, std::string(member)}) > 0;
}

std::vector<std::string> EventLog::Recent(size_t count) const {
  const std::lock_guard lock(shared_->mutex);
  const size_t skip = recent_.size() - std::min(count, recent_.size());
  return {recent_.begin() + static_cast<std::ptrdiff_t>(skip), recent_.end()};
}

}  // namespace cohort::tools
