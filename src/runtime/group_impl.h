// What stands behind a Group: the driver, the calls that wait, the delivery queue, the subscribers.
//
// Lifetime: shared by the Group, its maps, its subscriptions and calls under way. Leave() ends the
// threads; what is left then answers reads only. Threads: any.
#ifndef COHORT_RUNTIME_GROUP_IMPL_H_
#define COHORT_RUNTIME_GROUP_IMPL_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cohort/group.h"
#include "runtime/answer_watch.h"
#include "runtime/asio_driver.h"
#include "runtime/call_errand.h"
#include "runtime/call_table.h"
#include "runtime/change_counts.h"
#include "runtime/channels.h"
#include "runtime/delivery_queue.h"
#include "runtime/member_settings.h"
#include "runtime/mutex.h"
#include "runtime/peer_cache.h"
#include "runtime/seed_finder.h"
#include "runtime/subscribers.h"
#include "runtime/taken_names.h"

namespace cohort {

namespace runtime {

// What is built on a group and lives with it (locks). Called without a lock.
class GroupService {
 public:
  virtual ~GroupService() = default;
  virtual Instant Housekeep(Instant now) = 0;  // On the I/O thread; returns when it is wanted next.
  // This member takes no more writes, but still has its place.
  virtual void OnDraining() = 0;
  virtual void OnLeft(const absl::Status& status) = 0;
};

}  // namespace runtime

struct Group::Impl : public std::enable_shared_from_this<Group::Impl> {
 public:
  using KeyFilter = bool (*)(std::string_view key);
  // A map that was opened here. Lives as long as the Impl.
  struct OpenedMap {
    OpenedMap(std::string map_name, const runtime::DeliveryQueue& queue)
        : name(std::move(map_name)),
          subscribers(std::make_shared<runtime::Subscribers<Change>>(queue)) {}
    const std::string name;
    const std::shared_ptr<runtime::Subscribers<Change>> subscribers;
    // Subscribers to whom all writes of this member are news, and which of their keys are to the
    // others; the beginning of an entry is to all. Where nobody asks for one it does not wake the
    // delivery thread.
    std::atomic<size_t> want_own{0};
    std::atomic<KeyFilter> own_keys{nullptr};
    // Who wants to be told of it, while one of these is not 0, when another member that owns an
    // entry goes on writing to it; to those who want all writes of this member it is always told.
    // Guarded by maps_mutex_.
    std::vector<std::weak_ptr<const std::atomic<int>>> put_watchers;
    // Of who asks for them. Set under maps_mutex_, once.
    std::unique_ptr<runtime::ChangeCounts> counts;
    bool IsNews(const engine::ChangeUpcall& change, const InstanceId& self) const;
    bool WantsPuts() const;
    runtime::Mutex
        watching;  // Serialises Subscribe and its end, so that the engine's mind is the last one's.
    size_t watchers ABSL_GUARDED_BY(watching) = 0;
  };

  static absl::StatusOr<std::shared_ptr<Impl>> Create(const GroupOptions& options);
  ~Impl();

  absl::Status AwaitJoined(absl::Duration timeout);
  absl::Status Leave();
  // As Leave, but does not wait: for a Group that is destroyed in a callback.
  void LeaveInBackground();
  bool left() const { return left_; }
  const runtime::ForkGuard& fork_guard() const { return driver_->fork_guard(); }

  // Executes a command and waits. Its id is filled in.
  WriteResult Call(engine::Command command, absl::Duration timeout);
  // The same, of a command that is made under the lock, perhaps by another thread.
  using Prepare = runtime::CallErrand::Prepare;
  WriteResult Call(Prepare prepare, absl::Duration timeout);
  engine::DoneUpcall Await(Prepare prepare, absl::Duration timeout);
  absl::StatusOr<Convergence> VerifyConvergence(uint16_t members_min, absl::Duration timeout);
  absl::Status Drain(absl::Duration timeout);
  // Refuses writes from now on, and tells the services.
  absl::Status BeginDraining();
  // Executes a command whose answer goes to `done`.
  absl::Status CallAsync(engine::Command command, absl::Duration timeout,
                         runtime::CallTable::Callback done);
  // The same, of a command that is made under the lock. That there is nothing to do, or (where it
  // could not be made for that) no room in the map, is an answer. Takes what is in `done`, but
  // not where the command could not be made for another reason.
  absl::Status CallAsync(Prepare prepare, absl::Duration timeout, WriteCallback& done);
  // The same of one that is made later, by who has the lock then, which is not waited for: what
  // `prepare` needs must be there until it was called. All that becomes of it goes to `done`; an
  // error is of this process, and `done` is not called.
  absl::Status CallSoon(runtime::PostedCall::Prepare prepare, absl::Duration timeout,
                        WriteCallback done);
  // Executes a command whose outcome nobody wants to know.
  absl::Status Post(const engine::Command& command);

  OpenedMap& Opened(std::string_view name);
  void Watch(OpenedMap& map, bool wanted);
  // Kept while somebody watches the map.
  runtime::ChangeCounts& CountChanges(OpenedMap& map);
  void WatchPuts(OpenedMap& map, std::weak_ptr<const std::atomic<int>> watchers);
  Subscription SubscribeViews(std::function<void(const View&)> on_view);
  GroupStats Stats() const;

  const runtime::AsioDriver& driver() const { return *driver_; }
  void WakeAt(Instant deadline) { driver_->WakeAt(deadline); }
  // The service that is known by `name`, or what `make` makes, which calls nobody.
  using MakeService = std::function<std::shared_ptr<runtime::GroupService>()>;
  std::shared_ptr<runtime::GroupService> GetOrAdd(const std::string& name, const MakeService& make);
  runtime::Channels& channels() { return *channels_; }
  const std::string& name() const { return name_; }
  const std::string& group_name() const { return group_name_; }
  const std::string& address() const { return address_; }
  // As in views: it changes when this member comes back as a new one. Takes the driver's lock.
  MemberId id() const;
  bool Wrote(const Version& version) const;  // This member, whenever it joined.
  absl::Duration leave_timeout() const { return leave_timeout_; }

  runtime::DeliveryQueue queue;
  runtime::TakenNames taken_names;
  const std::shared_ptr<runtime::Subscribers<View>> views;
  const std::shared_ptr<runtime::Subscribers<Message>> messages;
  const std::shared_ptr<runtime::Subscribers<Event>> events;

 private:
  explicit Impl(const GroupOptions& options);
  static absl::Status InCallback();
  void Announce(const runtime::EndpointLease& endpoint, const GroupOptions& options);
  void PushEvent(EventKind kind, std::string text);
  // A kWarning event, and what a Join that takes too long says.
  void Warn(const std::string& text);
  // What the peer cache holds, if there is one; has it written from now on.
  std::vector<Address> UsePeerCache(const GroupOptions& options);
  void FindSeeds(const GroupOptions& options, runtime::SeedTable table);
  using Wakes = runtime::AsioDriver::Wakes;
  void OnUpcalls(const engine::Engine& engine, std::vector<engine::Upcall>& upcalls, Wakes& wakes);
  void Route(const engine::Engine& engine, engine::Upcall& upcall, Wakes& wakes);
  void RouteChange(const engine::Engine& engine, engine::Upcall& upcall);
  void Deliver(engine::Upcall& upcall);
  absl::Status OpenChannels(const GroupOptions& options);
  // Executes a command whose answer goes to `done`. Under the lock: so `done` has again what was in
  // it where this fails.
  absl::Status Begin(engine::Engine& engine, Instant now, engine::Command& command,
                     runtime::CallTable::Callback& done, Instant deadline, engine::Output& out);
  // Answers a call that never began.
  absl::Status Answer(WriteCallback done, absl::Status status);
  Instant Housekeep(Instant now);
  void Shutdown();
  // What an engine's refusal is called in the public interface.
  absl::Status Translate(const absl::Status& status) const;

  const std::string group_name_;
  std::string name_;
  std::string address_;
  Address own_;  // address_, as the engine has it.
  InstanceId instance_;
  absl::Duration leave_timeout_;
  std::atomic<bool> left_{false};
  runtime::CallTable calls_;
  runtime::AnswerWatch watch_;
  std::unique_ptr<runtime::Channels> channels_;  // From before the driver starts.
  std::unique_ptr<runtime::AsioDriver> driver_;
  std::unique_ptr<runtime::SeedFinder> seeds_;
  std::unique_ptr<runtime::PeerCacheWriter> peer_cache_;  // Null: none.

  mutable runtime::Mutex maps_mutex_;
  // By order of opening: the number that changes carry while they are queued.
  std::vector<std::unique_ptr<OpenedMap>> maps_ ABSL_GUARDED_BY(maps_mutex_);
  std::vector<std::shared_ptr<runtime::GroupService>> Services();
  mutable runtime::Mutex services_mutex_;
  std::map<std::string, std::weak_ptr<runtime::GroupService>> services_
      ABSL_GUARDED_BY(services_mutex_);
  mutable runtime::Mutex hints_mutex_;
  std::string last_hint_ ABSL_GUARDED_BY(hints_mutex_);  // Why joining may take long.
};

}  // namespace cohort

#endif  // COHORT_RUNTIME_GROUP_IMPL_H_
