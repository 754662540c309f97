// Session stores in the processes of a simulated group, and users who have sessions there: each
// goes to one host as long as that answers, and now and then to another one. Everything that a
// store does is the production code; only its clock, its waits and its map are of the simulator
// (session_seat.h).
//
// Drawn from a stream of random numbers of its own. Threads: one at a time.
#ifndef COHORT_SIM_SESSION_USERS_H_
#define COHORT_SIM_SESSION_USERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cohort/session_store.h"
#include "session/core.h"
#include "sim/check_sessions.h"
#include "sim/fibers.h"
#include "sim/session_seat.h"

namespace cohort::sim {

struct SessionOptions {
  size_t users = 10;
  size_t threads = 3;  // Of each process, for requests.
  Duration pause_mean = milliseconds(80);
  double elsewhere = 0.04;      // Share of requests that go to another host.
  double short_lived = 0.1;     // Share of sessions that expire within seconds.
  double big = 0.02;            // Share of writes of up to 40 KiB.
  uint64_t bytes_max = 0;       // 0: the group's.
  bool evicts = false;
  bool switches = false;        // Replication is switched off and on.
};
SessionOptions DrawSessionOptions(uint64_t seed);

class SessionUsers {
 public:
  SessionUsers(SessionWorld& world, const SessionOptions& options, size_t hosts, uint64_t seed,
               Violations& violations);
  ~SessionUsers();

  void OnStarted(HostIndex host, ProcessNumber process);
  void OnEnded(HostIndex host);
  void OnUpcall(HostIndex host, const engine::Upcall& upcall);
  // After everything that happens: whoever is ready runs.
  void Run();

  void OnHealed() { healed_ = true; }
  void OnSynced() { synced_ = true; }
  void Stop() { stopping_ = true; }
  bool IsQuiet() const;
  // All is healed and quiet.
  void CheckAtEnd();
  SessionChecker& checker() { return checker_; }
  std::string Describe() const;

 private:
  struct Process {
    Process(SessionWorld& world, Fibers& fibers, HostIndex host, ProcessNumber number,
            uint64_t seed)
        : seat(std::make_shared<SessionSeat>(world, fibers, host, number, seed)) {}
    std::shared_ptr<SessionSeat> seat;
    std::shared_ptr<session::Core> core;
    session::Home home;
    Subscription events;
    bool attached = false;
    bool switching = false;
    size_t requests = 0;                // Under way.
    std::set<std::string> busy;         // Sessions that one of them writes.
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
  void Update(Process& process, User& user);
  void ChangeId(Process& process, User& user);
  void Invalidate(Process& process, User& user);
  std::optional<SessionSnapshot> Load(Process& process, const std::string& id);
  SessionChecker::Write NumberIn(Process& process, const SessionSnapshot& snapshot, Instant since);
  SessionChanges NewChanges(SessionChecker::Write write);
  void OnNotFound(User& user, const std::string& id, const SessionResult* result);
  SessionChecker::Outcome OutcomeOf(Process& process, const std::string& id, bool synced,
                                    bool was_replicated, const absl::Status& status);
  std::string NewId() { return "~" + std::to_string(++ids_); }
  void CheckStore(Process& process, const std::map<std::string, SessionChecker::Write>& there);

  SessionWorld& world_;
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

}  // namespace cohort::sim

#endif  // COHORT_SIM_SESSION_USERS_H_
