// SimMap: a map at one member of a SimGroup, with the calls of ReplicatedMap.
#ifndef COHORT_TESTING_SIM_MAP_H_
#define COHORT_TESTING_SIM_MAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/ids.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"
#include "cohort/subscription.h"
#include "cohort/view.h"
#include "cohort/write_batch.h"

namespace cohort::testing {

class SimWorld;  // Of the library.

// Every call means what the call of its name in ReplicatedMap means, and has its statuses. What
// differs: time is virtual; a member without a process answers kCancelled, a paused one
// kFailedPrecondition; the answers to Async calls, and subscriptions, end with the process; what
// waits, waits at most kSimWaitMax.
//
// A copyable handle, confined to the thread of its SimGroup.
inline constexpr absl::Duration kSimWaitMax = absl::Hours(1);

class SimMap {
 public:
  const std::string& name() const { return name_; }
  MapKind kind() const;

  absl::StatusOr<Entry> Get(std::string_view key) const;
  absl::StatusOr<Entry> Get(std::string_view key, const ReadOptions& options) const;
  absl::Status GetAsync(std::string_view key, const ReadOptions& options, ReadCallback done) const;
  bool Exists(std::string_view key) const;
  size_t Size() const;
  size_t Expiring() const;
  uint64_t Bytes() const;
  absl::StatusOr<std::string> GetAttribute(std::string_view key, std::string_view name) const;
  absl::StatusOr<std::vector<Attribute>> GetAttributes(std::string_view key) const;
  absl::StatusOr<Member> OwnerOf(std::string_view key) const;
  void ForEach(const std::function<void(std::string_view key, const Entry& entry)>& visit) const;
  bool ForEachWhile(
      const std::function<bool(std::string_view key, const Entry& entry)>& visit) const;
  ScanResult Scan(uint64_t cursor, size_t count = 100) const;
  MapDigest Digest() const;

  WriteResult Put(std::string_view key, std::string_view value, const WriteOptions& options = {});
  WriteResult PutIf(std::string_view key, Version expected, std::string_view value,
                    const WriteOptions& options = {});
  WriteResult PutIfAbsent(std::string_view key, std::string_view value,
                          const WriteOptions& options = {});
  WriteResult Erase(std::string_view key, const WriteOptions& options = {});
  WriteResult EraseIf(std::string_view key, Version expected, const WriteOptions& options = {});
  WriteResult Increment(std::string_view key, int64_t delta, const WriteOptions& options = {});
  WriteResult Append(std::string_view key, std::string_view suffix,
                     const WriteOptions& options = {});
  WriteResult Expire(std::string_view key, absl::Duration ttl, const WriteOptions& options = {});
  WriteResult Persist(std::string_view key, const WriteOptions& options = {});
  WriteResult Touch(std::string_view key, const WriteOptions& options = {});
  WriteResult PutAttributes(std::string_view key, const std::vector<Attribute>& attributes,
                            const WriteOptions& options = {});
  WriteResult EraseAttributes(std::string_view key, const std::vector<std::string>& names,
                              const WriteOptions& options = {});
  WriteResult Claim(std::string_view key, const WriteOptions& options = {});
  WriteResult Write(const WriteBatch& batch, const WriteOptions& options = {});
  WriteResult Clear(const WriteOptions& options = {});

  absl::Status PutAsync(std::string_view key, std::string_view value, const WriteOptions& options,
                        WriteCallback done);
  absl::Status PutIfAsync(std::string_view key, Version expected, std::string_view value,
                          const WriteOptions& options, WriteCallback done);
  absl::Status PutIfAbsentAsync(std::string_view key, std::string_view value,
                                const WriteOptions& options, WriteCallback done);
  absl::Status EraseAsync(std::string_view key, const WriteOptions& options, WriteCallback done);
  absl::Status EraseIfAsync(std::string_view key, Version expected, const WriteOptions& options,
                            WriteCallback done);
  absl::Status IncrementAsync(std::string_view key, int64_t delta, const WriteOptions& options,
                              WriteCallback done);
  absl::Status AppendAsync(std::string_view key, std::string_view suffix,
                           const WriteOptions& options, WriteCallback done);
  absl::Status ExpireAsync(std::string_view key, absl::Duration ttl, const WriteOptions& options,
                           WriteCallback done);
  absl::Status PersistAsync(std::string_view key, const WriteOptions& options, WriteCallback done);
  absl::Status TouchAsync(std::string_view key, const WriteOptions& options, WriteCallback done);
  absl::Status PutAttributesAsync(std::string_view key, const std::vector<Attribute>& attributes,
                                  const WriteOptions& options, WriteCallback done);
  absl::Status EraseAttributesAsync(std::string_view key, const std::vector<std::string>& names,
                                    const WriteOptions& options, WriteCallback done);
  absl::Status ClaimAsync(std::string_view key, const WriteOptions& options, WriteCallback done);
  absl::Status WriteAsync(const WriteBatch& batch, const WriteOptions& options, WriteCallback done);
  absl::Status ClearAsync(const WriteOptions& options, WriteCallback done);

  Subscription Subscribe(std::function<void(const Change&)> on_change);
  Subscription SubscribePrefix(std::string_view prefix,
                               std::function<void(const Change&)> on_change);
  Subscription SubscribeKey(std::string_view key, std::function<void(const Change&)> on_change);

 private:
  friend class SimGroup;
  SimMap(std::shared_ptr<SimWorld> world, size_t member, std::string_view name)
      : world_(std::move(world)), member_(member), name_(name) {}
  absl::Status Ask(std::string_view key, const ReadOptions& options, bool waits,
                   ReadCallback done) const;

  std::shared_ptr<SimWorld> world_;
  size_t member_;
  std::string name_;
};

}  // namespace cohort::testing

#endif  // COHORT_TESTING_SIM_MAP_H_
