#include "runtime/group_impl.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "base/absl_bridge.h"
#include "map/map.h"
#include "map/types.h"
#include "runtime/mutex.h"
#include "security/key_derivation.h"

namespace cohort {

using runtime::CallTable;
using runtime::DeliveryQueue;
using runtime::SteadyNow;
using runtime::Subscribers;

namespace {

bool DrawEntropy(MutableBytes out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = getrandom(out.data() + done, out.size() - done, 0);
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

// Longest wait for the first look-up of the seeds' names.
constexpr absl::Duration kFirstLookUpMax = absl::Seconds(2);
constexpr absl::Duration kVerifyMax = absl::Hours(24 * 365);

template <class Argument>
std::shared_ptr<Subscribers<Argument>> NewSubscribers(
    const DeliveryQueue& queue, const std::function<void(const Argument&)>& first) {
  auto subscribers = std::make_shared<Subscribers<Argument>>(queue);
  if (first) subscribers->Add(first);
  return subscribers;
}

}  // namespace

Group::Impl::Impl(const GroupOptions& options)
    : queue(
          options.delivery_queue_bytes_max, [this](engine::Upcall& upcall) { Deliver(upcall); },
          options.executor),
      views(NewSubscribers<View>(queue, options.on_view)),
      messages(NewSubscribers<Message>(queue, options.on_message)),
      events(NewSubscribers<Event>(queue, options.on_event)),
      group_name_(options.group),
      leave_timeout_(options.leave_timeout) {}

Group::Impl::~Impl() { Shutdown(); }

absl::StatusOr<std::shared_ptr<Group::Impl>> Group::Impl::Create(const GroupOptions& options) {
  absl::StatusOr<runtime::MemberSettings> settings = runtime::MakeMemberSettings(options);
  if (!settings.ok()) return settings.status();
  absl::StatusOr<runtime::EndpointLease> endpoint = runtime::FindEndpoint(options, *settings);
  if (!endpoint.ok()) return endpoint.status();
  const Address own = (*endpoint)->sockets().address;

  std::shared_ptr<Impl> impl(new Impl(options));
  impl->name_ = settings->engine.name;
  impl->own_ = own;
  impl->address_ = own.ToString();
  runtime::AsioDriver::Options driver;
  if (!DrawEntropy(driver.entropy))
    return absl::InternalError("the system gives no random numbers");
  const security::KeyDerivation keys =
      security::KeyDerivation::Of(settings->key, settings->engine.group);
  driver.group_tag = keys.group_tag();
  driver.psk = keys.LifelinePsk();
  if (settings->key) {
    absl::StatusOr<std::unique_ptr<runtime::TlsContext>> tls =
        runtime::TlsContext::ForClients(driver.psk);
    if (!tls.ok()) return tls.status();
    driver.tls = *std::move(tls);
  }
  uint64_t random_seed = 0;
  std::memcpy(&random_seed, driver.entropy.data(), sizeof(random_seed));
  runtime::SeedTable seeds(settings->seeds, own, random_seed);
  impl->queue.Start();
  impl->Announce(*endpoint, options);
  driver.engine = settings->engine;
  driver.engine.seeds = seeds.addresses();
  driver.engine.remembered = impl->UsePeerCache(options);
  Impl* const self = impl.get();  // Outlives the driver, whose thread ends in Shutdown.
  impl->driver_ = std::make_unique<runtime::AsioDriver>(
      std::move(driver), *std::move(endpoint),
      [self](const engine::Engine& engine, std::vector<engine::Upcall>& upcalls, Wakes& wakes) {
        self->OnUpcalls(engine, upcalls, wakes);
      },
      [self](Instant now) { return self->Housekeep(now); });
  impl->instance_ = impl->id().instance;
  if (absl::Status status = impl->OpenChannels(options); !status.ok()) return status;
  impl->FindSeeds(options, std::move(seeds));
  impl->driver_->Start();
  return impl;
}

std::vector<Address> Group::Impl::UsePeerCache(const GroupOptions& options) {
  if (options.peer_cache.empty()) return {};
  absl::StatusOr<std::vector<Address>> peers =
      runtime::ReadPeerCache(options.peer_cache, options.group);
  if (!peers.ok()) Warn(std::string(ToStd(peers.status().message())));
  // What is not ours, or cannot be looked at, is not replaced.
  if (peers.ok() || peers.status().code() == absl::StatusCode::kDataLoss) {
    peer_cache_ = std::make_unique<runtime::PeerCacheWriter>(
        options.peer_cache, options.group, [this](const std::string& text) { Warn(text); });
  }
  if (!peers.ok()) return {};
  std::erase_if(*peers, [this](const Address& peer) { return peer.family != own_.family; });
  return *std::move(peers);
}

// A process that knows nobody begins a group of its own, so the names get a moment before that.
void Group::Impl::FindSeeds(const GroupOptions& options, runtime::SeedTable table) {
  seeds_ = std::make_unique<runtime::SeedFinder>(runtime::SeedFinder::Options{
      .table = std::move(table),
      .look_up = [family = own_.family](
                     const runtime::Seed& seed) { return runtime::LookUpSeed(seed, family); },
      .on_addresses = [this](const std::vector<Address>& found) { driver_->SetSeeds(found); },
      .on_trouble = [this](const std::string& text) { Warn(text); }});
  seeds_->Start();
  seeds_->AwaitFirstRound(std::min(kFirstLookUpMax, options.join_timeout));
}

MemberId Group::Impl::id() const {
  return driver_->Read([](const engine::Engine& engine, Instant) { return engine.self(); });
}

bool Group::Impl::Wrote(const Version& version) const {
  return map::IsWordOf(version.writer, id());
}

absl::Status Group::Impl::OpenChannels(const GroupOptions& options) {
  channels_ = std::make_unique<runtime::Channels>(
      instance_, queue,
      runtime::Channels::Host{weak_from_this(),
                              [this](const engine::Command& command) { return Post(command); },
                              [this](Instant deadline) { driver_->WakeAt(deadline); }});
  for (const ChannelOptions& channel : options.channels) {
    if (absl::Status status = channels_->Install(channel); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void Group::Impl::PushEvent(EventKind kind, std::string text) {
  if (events->empty()) return;
  Event event;
  event.kind = kind;
  event.at_ns = SteadyNow().nanos();
  event.text = std::move(text);
  event.subject_name = name_;
  queue.Push(engine::EventUpcall{std::move(event)});
}

void Group::Impl::Warn(const std::string& text) {
  PushEvent(EventKind::kWarning, text);
  runtime::MutexLock lock(&hints_mutex_);
  last_hint_ = text;
}

void Group::Impl::Announce(const runtime::EndpointLease& endpoint, const GroupOptions& options) {
  const runtime::MemberSockets& sockets = endpoint->sockets();
  size_t granted = sockets.unicast.receive_buffer_bytes();
  if (sockets.multicast) granted = std::min(granted, sockets.multicast->receive_buffer_bytes());
  PushEvent(
      EventKind::kStarted,
      "group " + options.group + ", member " + name_ + " at " + address_ +
          " (UDP and TCP), interface " + sockets.interface.reason + "; " +
          (sockets.multicast ? "multicast " + sockets.multicast_to.ToString() : "no multicast") +
          "; receive buffers of " + std::to_string(granted >> 10) + " KiB, " +
          std::to_string(options.receive_buffer_bytes >> 10) + " KiB asked" +
          (sockets.unicast.segments_received() ? "; UDP_GRO" : "; no UDP_GRO") +
          (endpoint.others() == 0
               ? ""
               : "; sockets shared with " + std::to_string(endpoint.others()) +
                     (endpoint.others() == 1 ? " group" : " groups") + " of this process"));
  if (!sockets.warning.empty()) PushEvent(EventKind::kWarning, sockets.warning);
  constexpr size_t kComfortableBuffer = size_t{1} << 20;
  if (granted < kComfortableBuffer && granted < options.receive_buffer_bytes) {
    PushEvent(EventKind::kWarning,
              "small receive buffers slow every sender down: sysctl -w net.core.rmem_max=" +
                  std::to_string(options.receive_buffer_bytes));
  }
  if (options.key.empty() && options.key_file.empty()) {
    PushEvent(EventKind::kPlaintext,
              "the group runs without encryption: anyone who can send a packet to " + address_ +
                  " can read and change everything");
  }
}

// ---- Upcalls. Under the driver's lock: only queues.

void Group::Impl::OnUpcalls(const engine::Engine& engine, std::vector<engine::Upcall>& upcalls,
                            Wakes& wakes) {
  const DeliveryQueue::Batch batch(queue);
  for (engine::Upcall& upcall : upcalls) Route(engine, upcall, wakes);
}

void Group::Impl::RouteChange(const engine::Engine& engine, engine::Upcall& upcall) {
  auto& change = std::get<engine::ChangeUpcall>(upcall);
  std::string gone;
  const std::string_view name = engine::TakeMapName(engine, change, gone);
  runtime::MutexLock lock(&maps_mutex_);
  for (size_t i = 0; i < maps_.size(); ++i) {
    OpenedMap& opened = *maps_[i];
    if (opened.name != name) continue;
    if (opened.counts != nullptr) opened.counts->NoteChange(change, instance_);
    if (opened.subscribers->empty() || !opened.IsNews(change, instance_)) return;
    change.map = static_cast<uint32_t>(i);
    queue.Push(std::move(upcall));
    return;
  }
}

void Group::Impl::Route(const engine::Engine& engine, engine::Upcall& upcall, Wakes& wakes) {
  if (auto* done = std::get_if<engine::DoneUpcall>(&upcall)) {
    if (channels_->OnDone(*done)) return;
    CallTable::Completed completed = calls_.Complete(std::move(*done));
    if (completed.waiter != nullptr) {
      auto& notification = completed.waiter->notification;
      wakes.emplace_back(std::move(completed.waiter), &notification);
    }
    if (completed.answer) queue.PushAnswer(*std::move(completed.answer));
    return;
  }
  if (std::holds_alternative<engine::ChangeUpcall>(upcall)) return RouteChange(engine, upcall);
  if (const auto* view = std::get_if<engine::ViewUpcall>(&upcall)) {
    {
      runtime::MutexLock lock(&maps_mutex_);
      for (const auto& opened : maps_) {
        if (opened->counts != nullptr) opened->counts->NoteAll();
      }
    }
    if (peer_cache_ != nullptr) peer_cache_->Note(runtime::PeersOf(view->view, own_));
    channels_->OnView(view->view);
    if (views->empty()) return;
  }
  if (const auto* event = std::get_if<engine::EventUpcall>(&upcall)) {
    if (event->event.kind == EventKind::kDropped) {
      runtime::MutexLock lock(&hints_mutex_);
      if (last_hint_.empty()) last_hint_ = event->event.text;
    }
    if (event->event.kind == EventKind::kRefused ||
        event->event.kind == EventKind::kTransferFailed ||
        event->event.kind == EventKind::kWarning) {
      runtime::MutexLock lock(&hints_mutex_);
      last_hint_ = event->event.text;
    }
    if (events->empty()) return;
  }
  if (auto* message = std::get_if<engine::MessageUpcall>(&upcall)) {
    if (message->channel) return channels_->OnMessage(engine, *message);
    if (messages->empty()) return;
  }
  queue.Push(std::move(upcall));
}

// On the delivery thread, without a lock.
void Group::Impl::Deliver(engine::Upcall& upcall) {
  if (const auto* view = std::get_if<engine::ViewUpcall>(&upcall)) {
    views->Call(view->view);
  } else if (const auto* event = std::get_if<engine::EventUpcall>(&upcall)) {
    events->Call(event->event);
  } else if (const auto* message = std::get_if<engine::MessageUpcall>(&upcall)) {
    if (message->channel) return channels_->Deliver(*message);
    messages->Call({message->from, message->payload.text(), message->cls, message->transitional});
  } else if (const auto* changed = std::get_if<engine::ChangeUpcall>(&upcall)) {
    std::shared_ptr<Subscribers<Change>> subscribers;
    {
      runtime::MutexLock lock(&maps_mutex_);
      subscribers = maps_[changed->map]->subscribers;
    }
    Change change;
    change.cause = static_cast<ChangeCause>(changed->cause);
    change.key = changed->key;
    if (changed->value) change.value = changed->value->text();
    change.version = changed->version;
    change.writer = changed->writer;
    subscribers->Call(change);
  }
}

Instant Group::Impl::Housekeep(Instant now) {
  for (CallTable::Answer& answer : calls_.TakeExpired(now)) queue.PushAnswer(std::move(answer));
  Instant next = std::min(calls_.NextDeadline(), channels_->Housekeep(now));
  for (const auto& service : Services()) next = std::min(next, service->Housekeep(now));
  return next;
}

std::shared_ptr<runtime::GroupService> Group::Impl::GetOrAdd(const std::string& name,
                                                             const MakeService& make) {
  runtime::MutexLock lock(&services_mutex_);
  if (auto known = services_[name].lock()) return known;
  auto made = make();
  services_[name] = made;
  return made;
}

std::vector<std::shared_ptr<runtime::GroupService>> Group::Impl::Services() {
  std::vector<std::shared_ptr<runtime::GroupService>> living;
  runtime::MutexLock lock(&services_mutex_);
  for (const auto& [name, known] : services_) {
    if (auto service = known.lock()) living.push_back(std::move(service));
  }
  return living;
}

// ---- Maps and views.

Group::Impl::OpenedMap& Group::Impl::Opened(std::string_view name) {
  runtime::MutexLock lock(&maps_mutex_);
  for (const std::unique_ptr<OpenedMap>& map : maps_) {
    if (map->name == name) return *map;
  }
  maps_.push_back(std::make_unique<OpenedMap>(std::string(name), queue));
  return *maps_.back();
}

void Group::Impl::Watch(OpenedMap& map, bool wanted) {
  runtime::MutexLock lock(&map.watching);
  map.watchers += wanted ? 1 : -1;
  if (map.watchers == (wanted ? 1 : 0)) driver_->WatchMap(map.name, wanted);
}

runtime::ChangeCounts& Group::Impl::CountChanges(OpenedMap& map) {
  runtime::MutexLock lock(&maps_mutex_);
  if (map.counts == nullptr) map.counts = std::make_unique<runtime::ChangeCounts>();
  map.counts->NoteAll();  // Nobody may have watched it until now.
  return *map.counts;
}

void Group::Impl::WatchPuts(OpenedMap& map, std::weak_ptr<const std::atomic<int>> watchers) {
  runtime::MutexLock lock(&maps_mutex_);
  // Also these themselves: a store whose replication is switched on again watches with the same.
  std::erase_if(map.put_watchers, [&](const auto& one) {
    return one.expired() || (!one.owner_before(watchers) && !watchers.owner_before(one));
  });
  map.put_watchers.push_back(std::move(watchers));
}

Subscription Group::Impl::SubscribeViews(std::function<void(const View&)> on_view) {
  const auto entry = views->Add(std::move(on_view), /*active=*/false);
  driver_->Read([&](const engine::Engine& engine, Instant) {
    // Queued under the lock: views queued before it are older and not wanted, views after it are
    // newer.
    queue.PushTask([subscribers = views, entry, view = engine.view()] {
      entry->active = true;
      if (!view.members.empty()) subscribers->CallOne(*entry, view);
    });
  });
  return views->NewHandle(entry, shared_from_this());
}

GroupStats Group::Impl::Stats() const {
  const runtime::AsioDriver::Stats driver = driver_->stats();
  const DeliveryQueue::Stats waiting = queue.stats();
  GroupStats stats;
  stats.datagrams_sent = driver.sent.datagrams;
  stats.bytes_sent = driver.sent.bytes;
  stats.send_batches = driver.sent.batches;
  stats.datagrams_unsent = driver.sent.unsent;
  stats.datagrams_received = driver.datagrams_received;
  stats.bytes_received = driver.bytes_received;
  stats.receive_batches = driver.receive_batches;
  stats.datagrams_lost_here = driver.datagrams_lost_here;
  stats.receive_buffer_bytes = driver_->sockets().unicast.receive_buffer_bytes();
  stats.streams_open = driver.streams.open;
  stats.handshakes_failed = driver.streams.handshakes_failed;
  stats.stream_bytes_sent = driver.streams.counters.bytes_sent;
  stats.stream_bytes_received = driver.streams.counters.bytes_received;
  stats.upcalls_waiting = waiting.waiting;
  stats.upcall_bytes_waiting = waiting.bytes_waiting;
  stats.upcalls_dropped = waiting.dropped;
  stats.commands_waiting = calls_.size();
  driver_->Read([&](const engine::Engine& engine, Instant) {
    stats.counters = engine.stats();
    stats.counters.merge(channels_->Stats());
    stats.counters["runtime.turned_away"] = driver.streams.turned_away;
    for (uint32_t id = 0; const map::Map* map = engine.FindMap(id); ++id) {
      stats.maps.push_back({map->name(), map->Size(), map->Bytes()});
    }
  });
  return stats;
}

// ---- Joining and leaving.

absl::Status Group::Impl::AwaitJoined(absl::Duration timeout) {
  const auto joined = [](const engine::Engine& engine) { return engine.joined(); };
  if (driver_->WaitUntil(joined, timeout)) return absl::OkStatus();
  const size_t members = driver_->Read(
      [](const engine::Engine& engine, Instant) { return engine.view().members.size(); });
  std::string text =
      members == 0
          ? "no view of the group was installed in " + absl::FormatDuration(timeout)
          : "in a view of " + std::to_string(members) + " members, but without the whole state";
  runtime::MutexLock lock(&hints_mutex_);
  if (!last_hint_.empty()) text += "; last seen: " + last_hint_;
  return MakeStatus(absl::StatusCode::kDeadlineExceeded, text);
}

absl::Status Group::Impl::Leave() {
  if (DeliveryQueue::OnDeliveryThread()) return InCallback();
  if (absl::Status status = fork_guard().Check(); !status.ok()) return status;
  if (left_) return absl::CancelledError("left already");
  // The others are receiving the state from here, and nobody else has it: they get the time.
  const auto is_only_holder = [](const engine::Engine& engine, Instant) {
    const View& view = engine.view();
    const auto holders = std::count_if(view.members.begin(), view.members.end(),
                                       [](const Member& member) { return member.synced; });
    return engine.synced() && view.members.size() > 1 && holders == 1;
  };
  if (driver_->Read(is_only_holder)) {
    BeginDraining().IgnoreError();
    VerifyConvergence(2, leave_timeout_).IgnoreError();
  }
  if (left_.exchange(true)) return absl::CancelledError("left already");
  const WriteResult result = Call(engine::Leave{}, leave_timeout_);
  Shutdown();
  return result.status;
}

absl::StatusOr<Convergence> Group::Impl::VerifyConvergence(uint16_t members_min,
                                                           absl::Duration timeout) {
  // The engine gives up by itself; its answer says what was missing.
  const absl::Duration within = std::clamp(timeout, absl::ZeroDuration(), kVerifyMax);
  const engine::DoneUpcall done = Await(
      [&](const engine::Engine&, Instant) -> runtime::CallErrand::Command {
        return engine::VerifyReplicas{.holders_min = members_min,
                                      .within = Duration(absl::ToInt64Nanoseconds(within))};
      },
      absl::InfiniteDuration());
  if (!done.status.ok()) return done.status;
  return Convergence{done.replicas, done.view, done.position};
}

absl::Status Group::Impl::BeginDraining() {
  absl::Status status = Post(engine::SetDraining{true});
  if (!status.ok()) return status;
  for (const auto& service : Services()) service->OnDraining();
  return status;
}

absl::Status Group::Impl::Drain(absl::Duration timeout) {
  if (DeliveryQueue::OnDeliveryThread()) return InCallback();
  const bool without_data = driver_->Read(
      [](const engine::Engine& engine, Instant) { return engine.joined() && !engine.synced(); });
  if (without_data) return Leave();
  if (absl::Status status = BeginDraining(); !status.ok()) return status;
  const absl::StatusOr<Convergence> elsewhere = VerifyConvergence(2, timeout);
  if (elsewhere.ok()) return Leave();
  Post(engine::SetDraining{false}).IgnoreError();
  return elsewhere.status();
}

void Group::Impl::LeaveInBackground() {
  std::thread thread = runtime::StartThread("cohort-leave", [self = shared_from_this()]() mutable {
    self->Leave().IgnoreError();
    self.reset();
  });
  thread.detach();
}

void Group::Impl::Shutdown() {
  left_ = true;
  if (seeds_ != nullptr) seeds_->Stop();
  if (driver_ != nullptr) driver_->Stop();
  if (peer_cache_ != nullptr) peer_cache_->Stop();
  for (CallTable::Answer& answer : calls_.FailAll(absl::CancelledError("the group was left"))) {
    queue.PushAnswer(std::move(answer));
  }
  const absl::Status left = absl::CancelledError("the group was left");
  if (channels_ != nullptr) channels_->FailAll(left);
  for (const auto& service : Services()) service->OnLeft(left);
  queue.Stop();
}

}  // namespace cohort
