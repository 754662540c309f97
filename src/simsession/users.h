// Session stores in the processes of a simulated group, and users who have sessions there: each
// goes to one host as long as that answers, and now and then to another one. Everything that a
// store does is the production code; only its clock, its waits and its map are of the simulator
// (seat.h).
//
// Drawn from a stream of random numbers of its own. Threads: one at a time.
#ifndef COHORT_SIMSESSION_USERS_H_
#define COHORT_SIMSESSION_USERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cohort/session_store.h"
#include "session/core.h"
#include "sim/tenants.h"
#include "simsession/checker.h"
#include "simsession/fibers.h"
#include "simsession/seat.h"

namespace cohort::simsession {

struct SessionOptions {
  size_t users = 10;
  size_t threads = 3;  // Of each process, for requests.
  Duration pause_mean = milliseconds(80);
  double elsewhere = 0.04;   // Share of requests that go to another host.
  double short_lived = 0.1;  // Share of sessions that expire within seconds.
  double big = 0.02;         // Share of writes of up to 40 KiB.
  uint64_t bytes_max = 0;    // 0: the group's.
  bool evicts = false;
  bool switches = false;  // Replication is switched off and on.
};

class SessionUsers final : public sim::Tenants {
 public:
  SessionUsers(TenantWorld& world, const sim::TenantOptions& tenants, Violations& violations);
  ~SessionUsers() override;

  // ---- sim::Tenants.
  void OnStarted(HostIndex host, ProcessNumber process) override;
  void OnEnded(HostIndex host) override;
  void OnUpcall(HostIndex host, const engine::Upcall& upcall) override;
  bool IsOwn(const engine::Upcall& upcall) const override;
  void Run() override;
  void OnHealed() override { healed_ = true; }
  void OnSynced() override { synced_ = true; }
  void Stop() override { stopping_ = true; }
  bool IsQuiet() const override;
  void CheckAtEnd() override;
  std::string_view map() const override { return kSessionMap; }
  std::string Describe() const override;
  void AddCounts(std::map<std::string, uint64_t>& counts) const override;

 private:
  struct Process {
    Process(TenantWorld& world, Fibers& fibers, HostIndex host, ProcessNumber number, uint64_t seed)
        : seat(std::make_shared<Seat>(world, fibers, host, number, seed)) {}
    std::shared_ptr<Seat> seat;
    std::shared_ptr<session::Core> core;
    session::Home home;
    Subscription events;
    bool attached = false;
    bool switching = false;
    size_t requests = 0;                 // Under way.
    std::set<std::string> busy;          // Sessions that one of them writes.
    std::multiset<std::string> updates;  // Under way.
  };
  struct User {
    std::string id;  // Empty: none.
    HostIndex home = 0;
  };

  Moment At(const Process& process) const {
    return {world_.now(), process.seat->host(), process.seat->process()};
  }
  void Note(const Process& process, const std::string& text);
  session::Home HomeOf(Process& process);
  void Attach(Process& process);
  void Serve(Process& process);
  void SwitchNowAndThen(Process& process);
  void Switch(Process& process, bool on);
  void OnEvent(Process& process, const SessionEvent& event);

  void Request(Process& process);
  User* ChooseUser(const Process& process);
  void Create(Process& process, User& user);
  void LoadAndSave(Process& process, User& user);
  SessionResult SaveAsync(Process& process, const std::string& id, const SessionChanges& changes);
  void Update(Process& process, User& user);
  void ChangeId(Process& process, User& user);
  void Invalidate(Process& process, User& user);
  std::optional<SessionSnapshot> Load(Process& process, const std::string& id);
  SessionChecker::Write NumberIn(Process& process, const SessionSnapshot& snapshot, Instant since);
  SessionChanges NewChanges(SessionChecker::Write write);
  void OnNotFound(User& user, const std::string& id, const SessionResult* result);
  bool BeginCall(Process& process, const std::string& id);
  SessionChecker::Outcome OutcomeOf(Process& process, const std::string& id, bool synced,
                                    bool was_replicated, const absl::Status& status);
  std::string NewId() { return "~" + std::to_string(++ids_); }
  static bool KeepsSome(const Process& process);
  void CheckStore(Process& process, const std::map<std::string, SessionChecker::Write>& there);

  TenantWorld& world_;
  const SessionOptions options_;
  Violations& violations_;
  SessionChecker checker_;
  Random random_;
  std::vector<User> users_;
  uint64_t ids_ = 0;
  bool healed_ = false;
  bool synced_ = false;
  bool stopping_ = false;
  bool running_ = false;  // In Run().
  bool stirred_ = true;   // Something has happened that a fiber may wait for.
  Instant run_at_ = Instant::Infinite();
  std::map<std::string, uint64_t> outcomes_;
  std::vector<Process*> now_;  // By host; null: none.
  std::vector<std::unique_ptr<Process>> all_;
  std::unique_ptr<Fibers> fibers_;
};

// For ClusterOptions::tenants.
sim::TenantFactory SessionStores();

}  // namespace cohort::simsession

#endif  // COHORT_SIMSESSION_USERS_H_
