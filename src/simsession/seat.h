// One process of the simulated group as a session store sees it: its engine's map, virtual time,
// and where changes are told. See session/session_map.h and session/environment.h.
//
// A call that waits is made on a fiber. Threads: one at a time.
#ifndef COHORT_SIMSESSION_SEAT_H_
#define COHORT_SIMSESSION_SEAT_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "engine/engine.h"
#include "runtime/change_counts.h"
#include "session/environment.h"
#include "session/session_map.h"
#include "sim/tenants.h"
#include "simsession/fibers.h"

namespace cohort::simsession {

using sim::ProcessNumber;
using sim::TenantWorld;

// Commands of sessions have numbers from here.
inline constexpr uint64_t kSessionCommands = uint64_t{1} << 62;
inline constexpr std::string_view kSessionMap = "session /shop";

// By its key: the number of a map may have changed since. Ids begin with '~' here.
bool IsOfSessions(const engine::ChangeUpcall& change);

class Seat final : public session::SessionMap, public session::Environment {
 public:
  Seat(TenantWorld& world, Fibers& fibers, HostIndex host, ProcessNumber process, uint64_t seed);

  // ---- The simulator's side.
  HostIndex host() const { return host_; }
  ProcessNumber process() const { return process_; }
  bool alive() const { return alive_; }
  bool merging() const override { return alive_ && world_.NodeOf(host_)->engine()->merging(); }
  uint64_t settled() const override {
    return alive_ ? world_.NodeOf(host_)->engine()->settled() : UINT64_MAX;
  }
  bool joined() const { return alive_ && world_.NodeOf(host_)->engine()->joined(); }
  void End();  // The process is gone.
  void OnUpcall(const engine::Upcall& upcall);
  // Tells what is due. False: there was nothing.
  bool Tell();
  Instant next_telling() const;
  absl::Status Open();
  void Sleep(Duration duration);
  // Commands that are not answered.
  size_t pending() const { return answers_.size(); }
  bool quiet() const { return answers_.empty() && told_.empty(); }

  // ---- session::Environment.
  absl::Time Now() const override;
  void Lock(session::TurnLock& order) override;
  bool Await(runtime::Mutex& mutex, const std::function<bool()>& is_so,
             absl::Duration timeout) override;

  // ---- session::SessionMap.
  // As it has joined last; at the end of the process, as it had.
  MemberId self() const override { return alive_ ? world_.NodeOf(host_)->self() : self_; }
  bool left() const override { return !alive_; }
  View view() const override;
  bool Wrote(const Version& version) const override;
  void Deliver(std::function<void()> task) const override;
  absl::StatusOr<Entry> Get(std::string_view key) const override;
  bool AwaitsMerge(std::string_view key) const override {
    return alive_ && world_.NodeOf(host_)->engine()->AwaitsMerge(kSessionMap, key);
  }
  absl::StatusOr<std::vector<Attribute>> GetAttributes(std::string_view key) const override;
  absl::StatusOr<Member> OwnerOf(std::string_view key) const override;
  bool Exists(std::string_view key) const override { return Get(key).ok(); }
  std::optional<uint64_t> CountChanges(std::string_view key) const override;
  uint64_t Bytes() const override;
  MapDigest Digest() const override;
  void ForEach(
      const std::function<void(std::string_view key, const Entry& entry)>& visit) const override;
  WriteResult PutAttributes(const map::AttributesOp& op, const WriteOptions& options) override;
  absl::Status WriteAsync(const map::ConvergentRequest& request, const WriteOptions& options,
                          WriteCallback done) override;
  WriteResult PutByDelta(const map::AttributesOp& op, const WriteOptions& options,
                         bool& deltas) override;
  WriteResult Write(const WriteBatch& batch, const WriteOptions& options) override;
  WriteResult Erase(std::string_view key, const WriteOptions& options) override;
  WriteResult Claim(std::string_view key, const WriteOptions& options) override;
  absl::Status ExpireAsync(std::string_view key, absl::Duration ttl,
                           const WriteOptions& options) override;
  Subscription Subscribe(std::function<void(const Change&)> on_change,
                         const Watchers& put_watchers) override;

 private:
  struct Telling {
    Instant at;
    std::function<void()> tell;
  };
  template <class Function>
  absl::Status Read(Function&& read) const;
  WriteResult WriteRequest(const absl::StatusOr<map::ConvergentRequest>& request,
                           const WriteOptions& options);
  absl::StatusOr<engine::Command> NewWrite(const absl::StatusOr<map::ConvergentRequest>& request,
                                           const WriteOptions& options) const;
  WriteResult Call(engine::Command command, absl::Duration timeout);
  // The same in two: the command leaves, and its answer is waited for. Its number; 0: see `result`.
  uint64_t Begin(engine::Command command, WriteResult& result);
  WriteResult Await(uint64_t id, absl::Duration timeout);

  TenantWorld& world_;
  Fibers& fibers_;
  const HostIndex host_;
  const ProcessNumber process_;
  MemberId self_;
  mutable Random random_;
  bool alive_ = true;
  uint64_t commands_ = 0;
  std::map<uint64_t, std::optional<engine::DoneUpcall>> answers_;
  std::function<void(const Change&)> on_change_;
  Watchers put_watchers_;
  runtime::ChangeCounts counts_;
  mutable std::deque<Telling> told_;  // Waits for the delivery thread.
};

}  // namespace cohort::simsession

#endif  // COHORT_SIMSESSION_SEAT_H_
