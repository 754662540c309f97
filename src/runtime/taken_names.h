// Names that only one may have at a time.
//
// Memory: the names that are taken. Threads: any.
#ifndef COHORT_RUNTIME_TAKEN_NAMES_H_
#define COHORT_RUNTIME_TAKEN_NAMES_H_

#include <map>
#include <memory>
#include <string>

#include "runtime/mutex.h"

namespace cohort::runtime {

class TakenNames {
 public:
  // Nobody else can take `name` until what this returns is gone; null: somebody has it.
  std::shared_ptr<const void> Take(const std::string& name) {
    const MutexLock lock(&mutex_);
    std::erase_if(holders_, [](const auto& holder) { return holder.second.expired(); });
    auto taken = std::make_shared<const bool>(true);
    return holders_.emplace(name, taken).second ? taken : nullptr;
  }

 private:
  Mutex mutex_;
  std::map<std::string, std::weak_ptr<const void>> holders_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_TAKEN_NAMES_H_
