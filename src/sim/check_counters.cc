#include "sim/check_counters.h"

#include <cstdlib>
#include <utility>
#include <variant>

namespace cohort::sim {

void CounterChecker::OnIssued(const Moment& moment, const IssuedCommand& command) {
  if (command.kind != IssuedCommand::Kind::kIncrement) return;
  ++counters_[command.keys.front()].issued;
  pending_[{moment.process, command.id}] = {command.keys.front(),
                                            command.ack == engine::AckLevel::kAll};
}

void CounterChecker::OnUpcall(const Moment& moment, const engine::Upcall& upcall) {
  if (const auto* change = std::get_if<engine::ChangeUpcall>(&upcall)) {
    const auto found = counters_.find(change->key);
    if (found == counters_.end() || !change->value.has_value()) return;
    found->second.value[moment.process] =
        std::strtoll(std::string(change->value->text()).c_str(), nullptr, 10);
    return;
  }
  const auto* done = std::get_if<engine::DoneUpcall>(&upcall);
  if (done == nullptr) return;
  const auto found = pending_.find({moment.process, done->command});
  if (found == pending_.end()) return;
  const Pending pending = std::move(found->second);
  pending_.erase(found);
  if (!done->status.ok() || !pending.all) return;
  if (counters_[pending.key].acknowledged.insert(done->number).second) return;
  violations_.Add("I12", moment,
                  "two increments of " + pending.key + " were told the same result, " +
                      std::to_string(done->number));
}

// Replicas are equal by now (I18): one of them will do.
void CounterChecker::AtEnd(const Moment& moment) {
  for (const auto& [key, counter] : counters_) {
    const auto found = counter.value.find(moment.process);
    const int64_t value = found == counter.value.end() ? 0 : found->second;
    const auto acknowledged = static_cast<int64_t>(counter.acknowledged.size());
    if (acknowledged <= value && value <= counter.issued) continue;
    violations_.Add("I12", moment,
                    key + " ends as " + std::to_string(value) + ", but " +
                        std::to_string(acknowledged) + " increments were acknowledged by all and " +
                        std::to_string(counter.issued) + " issued");
  }
}

}  // namespace cohort::sim
