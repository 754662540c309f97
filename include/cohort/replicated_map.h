// ReplicatedMap: string keys to byte values, whole on every member of a group.
#ifndef COHORT_REPLICATED_MAP_H_
#define COHORT_REPLICATED_MAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/export.h"
#include "cohort/ids.h"
#include "cohort/options.h"
#include "cohort/subscription.h"
#include "cohort/view.h"
#include "cohort/write_batch.h"

namespace cohort {

struct Entry {
  std::string value;
  Version version;  // Grows with every write of this key, alike on all members.
  absl::Duration ttl = absl::InfiniteDuration();  // What is left of its lifetime.
};

// kMerge: from another side of a healed partition; an erasure is told also where the key was gone
// already, with its later version. kClear and kSync have no key. kSync: the whole state came from
// another member, or the map came into a state that did not have it, so read the map. Both are told
// to subscribers of a key or a prefix, too. kEvict: it went to make room (WhenFull).
enum class ChangeCause : uint8_t { kPut, kErase, kExpire, kMerge, kClear, kSync, kEvict };

// One applied change. Its views are valid only during the callback.
struct Change {
  ChangeCause cause = ChangeCause::kPut;
  std::string_view key;
  std::optional<std::string_view> value;  // Empty: the entry is gone.
  Version version;
  MemberId writer;
};

using ReadCallback = std::function<void(const absl::StatusOr<Entry>&)>;

struct ScanResult {
  struct Item {
    std::string key;
    Entry entry;
  };
  std::vector<Item> items;
  uint64_t cursor = 0;  // For the next call; 0: that was all.
};

// Fingerprint of a map's content. Two members that have applied the same writes have equal digests,
// or one of them is broken; compare where writing has paused.
struct MapDigest {
  uint64_t hi = 0;  // 128 bits over all keys, values, versions and lifetimes.
  uint64_t lo = 0;
  ViewId view;  // Installed when it was taken.
  uint64_t entries = 0;
  COHORT_EXPORT std::string ToString() const;  // The 128 bits as 32 hexadecimal digits.
};

// A replicated map. Every member of the group holds every entry. In an ordered map all apply the
// same writes in the same order; in a convergent one (MapKind::kConvergent) each applies a write
// when it arrives, and all come to hold the same.
//
// Reads are local and never touch the network, unless ReadOptions say so. A member reads its own
// acknowledged writes; writes of others appear as they are applied. Under Policy::kPrimary writes
// of an ordered map are linearizable.
//
// Every write has two forms. The plain one blocks until WriteOptions::ack is reached or `timeout`
// has passed; called from a callback (of any group of this process) it fails at once with
// kFailedPrecondition, since it would wait for its own thread. The Async one returns at once: OK
// means `done` will be called exactly once, on the delivery thread; any other status means that
// nothing was sent and `done` will not be called. An empty `done` is allowed. Errors of both are
// listed with WriteResult::status.
//
// What one member writes to one key takes effect in the order of its calls, and a write that was
// acknowledged comes before all that begin later. A write of more than kLargeOperationBytes (values
// up to kValueBytesMax, ordered maps only) goes out beside the small ones instead of before them:
// until it is acknowledged, later asynchronous writes of this member to other keys may come before
// it. It is applied as a whole or not at all. See docs/api.md, "Large values".
//
// Thread-safe; a cheap copyable handle. After its group was left, reads answer from the last state
// and writes fail with kCancelled.
//
// ```cpp
//   absl::StatusOr<cohort::Group> group =
//       cohort::Group::Join({.group = "shop", .key_file = "shop.key"});
//   if (!group.ok()) return group.status();
//   absl::StatusOr<cohort::ReplicatedMap> sessions = group->OpenMap("sessions");
//   if (!sessions.ok()) return sessions.status();
//   return sessions->Put(id, value, {.ttl = absl::Minutes(30)}).status;
// ```
class COHORT_EXPORT ReplicatedMap {
 public:
  ReplicatedMap(const ReplicatedMap&);
  ReplicatedMap(ReplicatedMap&&) noexcept;
  ReplicatedMap& operator=(const ReplicatedMap&);
  ReplicatedMap& operator=(ReplicatedMap&&) noexcept;
  ~ReplicatedMap();  // Closes this handle; the map lives on in the group.

  const std::string& name() const;
  MapKind kind() const;  // kOrdered also while this member has no complete state.

  // ---- Reads. An entry whose lifetime is over is not there, even before its expiry has been
  // replicated.
  // Errors: kNotFound; kUnavailable while this member has no complete state (it rejoins), or one
  // that has no such map until a merge brings it or it is opened again (kSync is told both times).
  absl::StatusOr<Entry> Get(std::string_view key) const;
  // As Get; while this member has no complete state, another one that has is asked (blocks). Two
  // such reads may be answered by two members, so the later one may tell the older value. Errors:
  //   kNotFound            no such key, or no such map.
  //   kUnavailable         no member that has the state was found in time.
  //   kDeadlineExceeded    the one that was asked has not answered in time.
  //   kOutOfRange          the value has more than kReadElsewhereBytesMax.
  //   kResourceExhausted   kReadsElsewhereMax reads wait already.
  //   kFailedPrecondition  in a callback.
  //   kCancelled           the group was left meanwhile.
  absl::StatusOr<Entry> Get(std::string_view key, const ReadOptions& options) const;
  // The same without blocking: if it returns OK, `done` is called exactly once, on the delivery
  // thread.
  absl::Status GetAsync(std::string_view key, const ReadOptions& options, ReadCallback done) const;
  bool Exists(std::string_view key) const;
  size_t Size() const;      // Entries; may count some whose lifetime has just ended.
  size_t Expiring() const;  // Entries of Size() that have a lifetime.
  uint64_t Bytes() const;   // Of keys and values.
  // Visits every entry of one consistent snapshot, in no particular order, on the caller's thread
  // and without a lock; writes meanwhile are not seen. While four snapshots are being visited or
  // sent to joiners, a fifth visit sees entries as they are when it comes to them.
  void ForEach(const std::function<void(std::string_view key, const Entry& entry)>& visit) const;
  // The same until `visit` returns false: little of the rest is looked at. True if it has seen all.
  bool ForEachWhile(
      const std::function<bool(std::string_view key, const Entry& entry)>& visit) const;
  // Of a convergent map. An entry without attributes has none to return. Errors: as Get, kNotFound
  // also when the attribute is not there; kFailedPrecondition in an ordered map.
  absl::StatusOr<std::string> GetAttribute(std::string_view key, std::string_view name) const;
  absl::StatusOr<std::vector<Attribute>> GetAttributes(std::string_view key) const;  // By name.
  // Some entries, about `count`, and where to go on. Start with cursor 0. An entry that is there
  // from the first call to the last is returned at least once; others may or may not be.
  ScanResult Scan(uint64_t cursor, size_t count = 100) const;
  MapDigest Digest() const;

  // ---- Writes.
  WriteResult Put(std::string_view key, std::string_view value, const WriteOptions& options = {});
  // If the entry is at `expected` (Version::None(): absent); else kAborted.
  WriteResult PutIf(std::string_view key, Version expected, std::string_view value,
                    const WriteOptions& options = {});
  WriteResult PutIfAbsent(std::string_view key, std::string_view value,
                          const WriteOptions& options = {});
  // OK if it was absent; `number` tells whether it was there (1) or not (0).
  WriteResult Erase(std::string_view key, const WriteOptions& options = {});
  WriteResult EraseIf(std::string_view key, Version expected, const WriteOptions& options = {});
  // Adds `delta` to the decimal 64-bit number in the entry; absent counts as 0. Keeps the lifetime.
  // Fails with kFailedPrecondition if the value is no such number, kOutOfRange if the sum is none.
  WriteResult Increment(std::string_view key, int64_t delta, const WriteOptions& options = {});
  // Appends to the value; absent counts as empty. Keeps the lifetime.
  WriteResult Append(std::string_view key, std::string_view suffix,
                     const WriteOptions& options = {});
  // Sets what is left of the entry's lifetime (options.ttl is not used); ends it. Errors:
  // kNotFound.
  WriteResult Expire(std::string_view key, absl::Duration ttl, const WriteOptions& options = {});
  WriteResult Persist(std::string_view key, const WriteOptions& options = {});
  // The entry's lifetime begins again; nothing if it has none, but a map that evicts notes the use.
  // In a convergent map an access within 5 s, or a tenth of the lifetime, of the one before is not
  // sent. Errors: kNotFound.
  WriteResult Touch(std::string_view key, const WriteOptions& options = {});

  // ---- Attributes: in a convergent map an entry has any number of named parts besides its value.
  // Of writes to one attribute the later stays; those of different attributes, made at once on
  // several members, all stay. Put replaces the whole entry, attributes too; Erase ends it, with
  // what others write to it at the same moment. The lifetime begins again at each write
  // (options.ttl sets another one); keep_ttl leaves it as it is. The value of an entry that was
  // made by PutAttributes is empty. Errors: kFailedPrecondition in an ordered map.
  WriteResult PutAttributes(std::string_view key, const std::vector<Attribute>& attributes,
                            const WriteOptions& options = {});
  // OK where an attribute was absent; kNotFound if the entry is.
  WriteResult EraseAttributes(std::string_view key, const std::vector<std::string>& names,
                              const WriteOptions& options = {});

  // ---- Ownership, in a convergent map. An entry belongs to the member that put it last or began
  // it, until one claims it; then to the last that did, also if it is erased and put again soon.
  // Writes with WriteOptions::by_owner hold only while their member owns the entry, or it is not
  // there and nobody else has claimed it: so a member that was thought dead, and is not, changes
  // nothing more. Makes this member the owner. When it is answered, all that the owner before has
  // written by right is here, unless that member is dead and nobody has it. `number`: how often the
  // key was claimed. Errors: kNotFound, no such entry; kAborted, another member was faster;
  // kFailedPrecondition in an ordered map.
  WriteResult Claim(std::string_view key, const WriteOptions& options = {});
  // The owner. Errors: kNotFound, no such entry; kUnavailable, the owner is not in the view.
  absl::StatusOr<Member> OwnerOf(std::string_view key) const;

  // All operations of `batch` at one place of the order, or, if the condition of any does not hold,
  // none (kAborted).
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

  // ---- Changes. Calls `on_change` for each change applied from now on: in group order, one at a
  // time, on the group's delivery thread, holding no lock. It may call any Async method and any
  // read here. To have the content as well, subscribe first and read then: nothing is missed, and
  // what comes twice carries the same version.
  Subscription Subscribe(std::function<void(const Change&)> on_change);
  Subscription SubscribePrefix(std::string_view prefix,
                               std::function<void(const Change&)> on_change);
  Subscription SubscribeKey(std::string_view key, std::function<void(const Change&)> on_change);

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit ReplicatedMap(std::shared_ptr<Impl> impl);
  COHORT_HIDDEN const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace cohort

#endif  // COHORT_REPLICATED_MAP_H_
