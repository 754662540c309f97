// A callback's place in a group: while the handle lives, the callback may be called.
#ifndef COHORT_SUBSCRIPTION_H_
#define COHORT_SUBSCRIPTION_H_

#include <memory>

#include "cohort/export.h"

namespace cohort {

// Movable, not copyable. Destroying it (or Cancel) ends the calls: once it has returned, no call
// runs and none comes. On the delivery thread itself it returns at once, the call under way being
// the last. Must be destroyed outside locks that the callback takes.
class [[nodiscard]] COHORT_EXPORT Subscription {
 public:
  Subscription();
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) noexcept;
  ~Subscription();

  void Cancel();

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit Subscription(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort

#endif  // COHORT_SUBSCRIPTION_H_
