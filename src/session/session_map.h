// The map that holds the sessions of one application, with what a store needs to know of the member
// it is at. In earnest a ReplicatedMap and its Group (HomeIn); in the simulator the map of an
// engine in virtual time.
//
// Every call means what the call of its name in ReplicatedMap means, and has its statuses; those
// that write wait, but for those whose names say otherwise. Threads: any.
#ifndef COHORT_SESSION_SESSION_MAP_H_
#define COHORT_SESSION_SESSION_MAP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/group.h"
#include "cohort/replicated_map.h"
#include "cohort/subscription.h"
#include "cohort/view.h"
#include "cohort/write_batch.h"
#include "runtime/map_writes.h"

namespace cohort::session {

class SessionMap {
 public:
  virtual ~SessionMap() = default;

  // ---- The member.
  virtual MemberId self() const = 0;
  virtual bool left() const = 0;  // The group was left.
  virtual View view() const = 0;
  // What a side of a partition brings along is not all here yet: what is not found may come.
  virtual bool merging() const = 0;
  // Engine::settled(), as the time of a Version; UINT64_MAX where the group was left: nothing comes
  // any more.
  virtual uint64_t settled() const = 0;
  virtual bool Wrote(const Version& version) const = 0;  // This member.
  // Runs `task` where changes are told.
  virtual void Deliver(std::function<void()> task) const = 0;

  // ---- The map.
  virtual absl::StatusOr<Entry> Get(std::string_view key) const = 0;
  // What this member's side of a partition held of it is later, and not merged yet.
  virtual bool AwaitsMerge(std::string_view key) const = 0;
  virtual absl::StatusOr<std::vector<Attribute>> GetAttributes(std::string_view key) const = 0;
  virtual absl::StatusOr<Member> OwnerOf(std::string_view key) const = 0;
  virtual bool Exists(std::string_view key) const = 0;
  // Stays the same while the key is only written to by this member, and neither begins nor ends,
  // and its owner is the same. Costs little: takes no lock that others hold for long. Empty: not
  // known.
  virtual std::optional<uint64_t> CountChanges(std::string_view key) const = 0;
  virtual uint64_t Bytes() const = 0;
  virtual MapDigest Digest() const = 0;
  virtual void ForEach(
      const std::function<void(std::string_view key, const Entry& entry)>& visit) const = 0;
  // What `op` borrows is not copied but for its way into the message.
  virtual WriteResult PutAttributes(const map::AttributesOp& op, const WriteOptions& options) = 0;
  // `request`, and what it borrows, stay where they are until `done` is called, where changes are
  // told. An error is of this process, and `done` is not called.
  virtual absl::Status WriteAsync(const map::ConvergentRequest& request,
                                  const WriteOptions& options, WriteCallback done) = 0;
  // As PutAttributes, but large values that changed little travel as deltas (Spec 11.25), of which
  // `deltas` tells whether they did. Nothing that this member has written to the entry before may
  // be under way, nor have an outcome that is unknown.
  virtual WriteResult PutByDelta(const map::AttributesOp& op, const WriteOptions& options,
                                 bool& deltas) = 0;
  virtual WriteResult Write(const WriteBatch& batch, const WriteOptions& options) = 0;
  virtual WriteResult Erase(std::string_view key, const WriteOptions& options) = 0;
  virtual WriteResult Claim(std::string_view key, const WriteOptions& options) = 0;
  virtual absl::Status ExpireAsync(std::string_view key, absl::Duration ttl,
                                   const WriteOptions& options) = 0;
  // While `put_watchers` is 0, it is not told when another member goes on writing to an entry that
  // it owns.
  using Watchers = std::shared_ptr<const std::atomic<int>>;
  virtual Subscription Subscribe(std::function<void(const Change&)> on_change,
                                 const Watchers& put_watchers) = 0;
};

// Where a store can be: one member of one group. Equal keys are the same one.
struct Home {
  const void* key = nullptr;
  // Errors: those of Group::OpenMap.
  std::function<absl::StatusOr<std::shared_ptr<SessionMap>>(const std::string& name)> open;
  // Nobody else there can take `name` until what this returns is gone; null: somebody has it.
  // Empty: not to be asked for.
  std::function<std::shared_ptr<const void>(const std::string& name)> take{};
  std::string group{};  // Its name: the same when it is left and joined again.
};
// Used while `group` lives.
Home HomeIn(Group& group);

}  // namespace cohort::session

#endif  // COHORT_SESSION_SESSION_MAP_H_
