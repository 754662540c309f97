// Sessions in a real group.
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/group_impl.h"
#include "runtime/replicated_map_impl.h"
#include "session/record.h"
#include "session/session_map.h"

namespace cohort::session {
namespace {

class GroupMap final : public SessionMap {
 public:
  GroupMap(std::shared_ptr<Group::Impl> group, ReplicatedMap map)
      : group_(std::move(group)), map_(std::move(map)) {}

  MemberId self() const override { return group_->id(); }
  bool left() const override { return group_->left(); }
  View view() const override {
    return group_->driver().Read(
        [](const engine::Engine& engine, Instant) { return engine.view(); });
  }
  bool Wrote(const Version& version) const override { return group_->Wrote(version); }
  void Deliver(std::function<void()> task) const override {
    group_->queue.PushTask(std::move(task));
  }

  absl::StatusOr<Entry> Get(std::string_view key) const override { return map_.Get(key); }
  absl::StatusOr<std::vector<Attribute>> GetAttributes(std::string_view key) const override {
    return map_.GetAttributes(key);
  }
  absl::StatusOr<Member> OwnerOf(std::string_view key) const override { return map_.OwnerOf(key); }
  bool Exists(std::string_view key) const override { return map_.Exists(key); }
  uint64_t Bytes() const override { return map_.Bytes(); }
  MapDigest Digest() const override { return map_.Digest(); }
  void ForEach(
      const std::function<void(std::string_view key, const Entry& entry)>& visit) const override {
    map_.ForEach(visit);
  }
  WriteResult PutAttributes(const map::AttributesOp& op, const WriteOptions& options) override {
    return map_.impl()->WriteConvergent(op, options);
  }
  absl::Status WriteAsync(const map::ConvergentRequest& request, const WriteOptions& options,
                          WriteCallback done) override {
    const auto prepare = [impl = map_.impl(), &request, options](const engine::Engine& engine,
                                                                 Instant now) {
      return impl->NewConvergentWrite(engine, now, request, options);
    };
    return group_->CallSoon(prepare, options.timeout, std::move(done));
  }
  WriteResult PutByDelta(const map::AttributesOp& op, const WriteOptions& options,
                         bool& deltas) override {
    return map_.impl()->WriteByDelta(op, options, deltas);
  }
  WriteResult Write(const WriteBatch& batch, const WriteOptions& options) override {
    return map_.Write(batch, options);
  }
  WriteResult Erase(std::string_view key, const WriteOptions& options) override {
    return map_.Erase(key, options);
  }
  WriteResult Claim(std::string_view key, const WriteOptions& options) override {
    return map_.Claim(key, options);
  }
  absl::Status ExpireAsync(std::string_view key, absl::Duration ttl,
                           const WriteOptions& options) override {
    return map_.ExpireAsync(key, ttl, options, nullptr);
  }
  bool AwaitsMerge(std::string_view key) const override {
    if (left()) return false;  // Nothing is merged any more.
    return group_->driver().Read([&](const engine::Engine& engine, Instant) {
      return engine.AwaitsMerge(map_.name(), key);
    });
  }
  bool merging() const override {
    if (left()) return false;
    return group_->driver().Read(
        [](const engine::Engine& engine, Instant) { return engine.merging(); });
  }
  uint64_t settled() const override {
    if (left()) return UINT64_MAX;
    return group_->driver().Read(
        [](const engine::Engine& engine, Instant) { return engine.settled(); });
  }
  std::optional<uint64_t> CountChanges(std::string_view key) const override {
    const runtime::ChangeCounts* const counts = counts_;
    return counts == nullptr ? std::nullopt : std::optional(counts->Of(key));
  }
  Subscription Subscribe(std::function<void(const Change&)> on_change,
                         const Watchers& put_watchers) override {
    group_->WatchPuts(map_.impl()->map, put_watchers);
    Subscription subscription = map_.impl()->Subscribe(nullptr, std::move(on_change), IsEndKey);
    counts_ = &group_->CountChanges(map_.impl()->map);
    return subscription;
  }

 private:
  const std::shared_ptr<Group::Impl> group_;
  ReplicatedMap map_;
  std::atomic<const runtime::ChangeCounts*> counts_{nullptr};  // From the subscription on.
};

}  // namespace

Home HomeIn(Group& group) {
  return {group.impl().get(),
          [&group](const std::string& name) -> absl::StatusOr<std::shared_ptr<SessionMap>> {
            absl::StatusOr<ReplicatedMap> map = group.OpenMap(name, {.kind = MapKind::kConvergent});
            if (!map.ok()) return map.status();
            return std::make_shared<GroupMap>(group.impl(), *std::move(map));
          },
          [&group](const std::string& name) { return group.impl()->taken_names.Take(name); },
          group.impl()->group_name()};
}

}  // namespace cohort::session
