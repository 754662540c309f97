// What is built on the group and lives in its simulated processes beside the simulator's own users:
// it has users and checks of its own. In earnest session stores (src/simsession), which the cluster
// does not know.
//
// Threads: none. The cluster calls Tenants, and they TenantWorld, one call at a time.
#ifndef COHORT_SIM_TENANTS_H_
#define COHORT_SIM_TENANTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "cohort/view.h"
#include "engine/command.h"
#include "engine/io.h"
#include "sim/checker.h"
#include "sim/node.h"
#include "sim/scheduler.h"

namespace cohort::sim {

// What of the cluster they may use.
class TenantWorld {
 public:
  virtual ~TenantWorld() = default;
  virtual Instant now() const = 0;
  virtual Instant LocalNow(HostIndex host) const = 0;
  // Null: it has no process.
  virtual Node* NodeOf(HostIndex host) const = 0;
  virtual bool IsRunning(HostIndex host) const = 0;  // Or has no process.
  virtual absl::Status ExecuteForTenant(HostIndex host, const engine::Command& command) = 0;
  virtual void RunTenantsAt(Instant at) = 0;
  virtual void NoteAt(HostIndex host, const std::string& text) = 0;  // In the timeline.
};

class Tenants {
 public:
  virtual ~Tenants() = default;

  // A process that holds data.
  virtual void OnStarted(HostIndex host, ProcessNumber process) = 0;
  virtual void OnEnded(HostIndex host) = 0;
  virtual void OnUpcall(HostIndex host, const engine::Upcall& upcall) = 0;
  // Whether it is of theirs alone: the simulator's own users neither asked for it nor watch it.
  virtual bool IsOwn(const engine::Upcall& upcall) const = 0;
  // After everything that happens: whoever is ready runs.
  virtual void Run() = 0;

  // The phases after the faults: no fault any more; every member has the whole state; users stop.
  virtual void OnHealed() = 0;
  virtual void OnSynced() = 0;
  virtual void Stop() = 0;
  virtual bool IsQuiet() const = 0;
  // All is healed and quiet.
  virtual void CheckAtEnd() = 0;

  // Their map: its replicas must become equal, too.
  virtual std::string_view map() const = 0;
  virtual std::string Describe() const = 0;
  virtual void AddCounts(std::map<std::string, uint64_t>& counts) const = 0;
};

struct TenantOptions {
  uint64_t seed = 1;
  size_t hosts = 0;
  // Tombstones are kept for so long, which is less than partitions last. Zero: for longer.
  Duration ends_forgotten_after{};
  Policy policy = Policy::kAvailable;
};
using TenantFactory = std::function<std::unique_ptr<Tenants>(
    TenantWorld& world, const TenantOptions& options, Violations& violations)>;

}  // namespace cohort::sim

#endif  // COHORT_SIM_TENANTS_H_
