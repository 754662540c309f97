// A group's map that holds what a test says, and tells of it when the test says so: for what a
// store makes of news that comes late, or in another order.
#ifndef COHORT_TESTS_SESSION_FAKE_MAP_H_
#define COHORT_TESTS_SESSION_FAKE_MAP_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session/record.h"
#include "session/session_map.h"

namespace cohort::session {

class FakeMap final : public SessionMap {
 public:
  static MemberId Self() { return {{1, 1}, 1}; }
  static MemberId Other() { return {{2, 2}, 1}; }

  // Of a store that is in a group of this map alone.
  static Home HomeOf(const std::shared_ptr<FakeMap>& map) {
    return {map.get(), [map](const std::string&) -> absl::StatusOr<std::shared_ptr<SessionMap>> {
              return std::static_pointer_cast<SessionMap>(map);
            }};
  }

  // ---- The test's side.
  absl::Status answer;                   // Of all writes, which change nothing by themselves ...
  absl::Status claim_answer;             // (of claims)
  absl::Status begin_answer;             // Of this process, to writes that are not waited for, ...
  std::vector<WriteCallback> under_way;  // ... and who is to be told of each.
  std::string answer_begins;             // ... but for the next one, by which this session begins.
  bool is_merging = false;
  bool is_settled = true;
  bool is_awaited = false;                                  // A merge brings what is later.
  bool is_ready = true;                                     // Its state is here.
  absl::Duration orphan_time;                               // Of sessions that begin.
  bool wrote_it = false;                                    // This member, whatever it is.
  mutable std::function<void()> when_looked;                // Once, at a look that finds nothing.
  std::function<void()> in_write;                           // Once, while a batch is written.
  std::optional<uint64_t> changes;                          // As often as this has changed any key.
  MemberId owner = Self();                                  // Of all keys.
  absl::Duration lifetime_left = absl::InfiniteDuration();  // Of the lifetimes of all keys.
  std::vector<absl::Duration> lifetimes;                    // That were asked for.
  mutable int times_asked_for_owner = 0;
  int batches = 0;  // That were written.
  // The first key of the latest of them: where it ends a session, that of the end's record.
  std::string first_key;
  int claims = 0;
  void Begin(std::string_view id, absl::Duration max_inactive = absl::InfiniteDuration(),
             absl::Time created = absl::FromUnixSeconds(1'700'000'000)) {
    InfoRecord info;
    info.created = created;
    info.max_inactive = max_inactive;
    info.orphan_time = orphan_time;
    entries_[SessionKey(id)] = {{std::string(kInfoName), Encode(info)}};
    ++version_.time;
  }
  // The record of an end of a session.
  void PutRecord(const std::string& key) { entries_[key] = {}; }
  void EraseRecord(const std::string& key) { entries_.erase(key); }
  std::string RecordOf(const std::string& key) { return records_[key]; }  // As it was written.
  void GoBack() { --version_.time; }  // To a state without the last write.
  void End(std::string_view id) { entries_.erase(SessionKey(id)); }
  Version version() const { return version_; }
  void Tell(ChangeCause cause, const std::string& key, const MemberId& writer) {
    Tell(cause, key, writer, version_);
  }
  void Tell(ChangeCause cause, const std::string& key, const MemberId& writer,
            const Version& version) {
    Change change;
    change.cause = cause;
    change.key = key;
    if (cause == ChangeCause::kPut || cause == ChangeCause::kMerge) change.value = records_[key];
    change.version = version;
    change.writer = writer;
    if (on_change_) on_change_(change);
    for (std::vector<std::function<void()>> due = TakeTasks(); !due.empty(); due = TakeTasks()) {
      for (const std::function<void()>& task : due) task();
    }
  }

  // ---- SessionMap.
  MemberId self() const override { return Self(); }
  bool left() const override { return false; }
  View view() const override { return {}; }
  bool Wrote(const Version&) const override { return wrote_it; }
  void Deliver(std::function<void()> task) const override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  absl::StatusOr<Entry> Get(std::string_view key) const override {
    if (!is_ready) return absl::UnavailableError("the state is on its way");
    const auto found = entries_.find(std::string(key));
    if (found != entries_.end()) return Entry{"", version_, lifetime_left};
    if (const auto looked = std::exchange(when_looked, nullptr)) looked();
    return absl::NotFoundError("no such key");
  }
  absl::StatusOr<std::vector<Attribute>> GetAttributes(std::string_view key) const override {
    const auto found = entries_.find(std::string(key));
    if (found == entries_.end()) return absl::NotFoundError("no such key");
    return found->second;
  }
  absl::StatusOr<Member> OwnerOf(std::string_view key) const override {
    ++times_asked_for_owner;
    if (!Exists(key)) return absl::NotFoundError("no such key");
    return Member{owner, "a", "", true};
  }
  bool Exists(std::string_view key) const override {
    return is_ready && entries_.contains(std::string(key));
  }
  std::optional<uint64_t> CountChanges(std::string_view) const override { return changes; }
  uint64_t Bytes() const override { return 0; }
  MapDigest Digest() const override { return {}; }
  void ForEach(
      const std::function<void(std::string_view key, const Entry& entry)>& visit) const override {
    for (const auto& [key, attributes] : entries_) visit(key, *Get(key));
  }
  WriteResult PutAttributes(const map::AttributesOp&, const WriteOptions&) override {
    return Answer();
  }
  // Answered when the test says so.
  absl::Status WriteAsync(const map::ConvergentRequest&, const WriteOptions&,
                          WriteCallback done) override {
    if (!begin_answer.ok()) return begin_answer;
    under_way.push_back(std::move(done));
    return absl::OkStatus();
  }
  WriteResult PutByDelta(const map::AttributesOp&, const WriteOptions&, bool&) override {
    return Answer();
  }
  WriteResult Write(const WriteBatch& batch, const WriteOptions&) override {
    ++batches;
    first_key = batch.empty() ? "" : batch.operations().front().key;
    if (!batch.empty()) records_[first_key] = batch.operations().front().value;
    if (const auto then = std::exchange(in_write, nullptr)) then();
    if (!answer_begins.empty()) Begin(std::exchange(answer_begins, {}));
    return Answer();
  }
  WriteResult Erase(std::string_view, const WriteOptions&) override { return Answer(); }
  bool merging() const override { return is_merging; }
  uint64_t settled() const override { return is_settled && !is_merging ? UINT64_MAX : 0; }
  bool AwaitsMerge(std::string_view key) const override { return is_awaited && Exists(key); }
  WriteResult Claim(std::string_view, const WriteOptions&) override {
    ++claims;
    return Answer(answer.ok() ? claim_answer : answer);
  }
  absl::Status ExpireAsync(std::string_view, absl::Duration ttl, const WriteOptions&) override {
    lifetimes.push_back(ttl);
    return answer;
  }
  Subscription Subscribe(std::function<void(const Change&)> on_change, const Watchers&) override {
    on_change_ = std::move(on_change);
    return {};
  }

 private:
  WriteResult Answer() const { return Answer(answer); }
  WriteResult Answer(const absl::Status& status) const {
    WriteResult result;
    result.status = status;
    result.version = version_;
    result.replicas = 1;
    return result;
  }

  std::vector<std::function<void()>> TakeTasks() {
    const std::lock_guard lock(mutex_);
    return std::exchange(tasks_, {});
  }

  Version version_{1, 1};
  std::map<std::string, std::vector<Attribute>> entries_;
  std::map<std::string, std::string> records_;  // The values of keys that batches begin with.
  std::function<void(const Change&)> on_change_;
  mutable std::mutex mutex_;  // A store's calls may come from several threads.
  mutable std::vector<std::function<void()>> tasks_;
};

}  // namespace cohort::session

#endif  // COHORT_TESTS_SESSION_FAKE_MAP_H_
