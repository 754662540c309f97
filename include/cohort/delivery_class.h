// How much order and how much safety a message pays for.
#ifndef COHORT_DELIVERY_CLASS_H_
#define COHORT_DELIVERY_CLASS_H_

#include <cstdint>

namespace cohort {

// Cheapest first. docs/protocol/order.md, clause 6.1.
enum class DeliveryClass : uint8_t {
  kConv = 0,    // In its sender's order, handed up on receipt: one hop.
  kAgreed = 1,  // In one total order among all AGREED and SAFE messages, alike on all members.
  kSafe = 2,    // AGREED, and only once every member holds it and everything before it.
  kCtrl = 3,    // The library's own. Refused by Group::Send.
};

}  // namespace cohort

#endif  // COHORT_DELIVERY_CLASS_H_
