// Checks group messages as their users see them: every message that arrives was sent, with these
// bytes, and arrives once and in its sender's order within its class (I6, I7, I9 above
// fragmentation and packing).
#ifndef COHORT_SIM_CHECK_MESSAGES_H_
#define COHORT_SIM_CHECK_MESSAGES_H_

#include <array>
#include <cstdint>
#include <map>
#include <utility>

#include "sim/checker.h"

namespace cohort::sim {

// What a workload's message begins with; the rest is filler.
struct MessageHeader {
  uint64_t process = 0;
  uint64_t number = 0;  // Grows with every message of that process.
};

class MessageChecker : public Checker {
 public:
  explicit MessageChecker(Violations& violations) : violations_(violations) {}

  void OnIssued(const Moment& moment, const IssuedCommand& command) override;
  void OnUpcall(const Moment& moment, const engine::Upcall& upcall) override;

  uint64_t delivered() const { return delivered_; }

 private:
  struct Sent {
    uint64_t digest = 0;
    DeliveryClass cls = DeliveryClass::kConv;
  };

  Violations& violations_;
  std::map<std::pair<uint64_t, uint64_t>, Sent> sent_;  // By process and number.
  // The number delivered last, by receiver and sender, of each class.
  std::map<std::pair<uint64_t, uint64_t>, std::array<uint64_t, 4>> last_;
  uint64_t delivered_ = 0;
};

}  // namespace cohort::sim

#endif  // COHORT_SIM_CHECK_MESSAGES_H_
