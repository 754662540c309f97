// Fuzz body: any bytes as a map operation, applied to a map that has something in it. Two replicas
// must agree, and everything a reader can ask must hold together.
#ifndef COHORT_TESTS_FUZZ_MAP_OP_FUZZ_H_
#define COHORT_TESTS_FUZZ_MAP_OP_FUZZ_H_

#include "base/buffer.h"
#include "base/check.h"
#include "map/map_builders.h"

namespace cohort::fuzz {

class MapOpFuzz {
 public:
  MapOpFuzz() {
    for (map::Replica* replica : {&one_, &two_}) {
      replica->Do(map::PutOp{"k", "1"});
      replica->Do(map::PutOp{"expiring", "v", 10});
      replica->Do(map::PutOp{"erased", "v"});
      replica->Do(map::EraseOp{"erased"});
    }
  }

  // Returns whether the bytes were an operation.
  bool Run(Bytes bytes) {
    const map::ApplyResult a = one_.Apply(bytes, one_.NextPlace());
    const map::ApplyResult b = two_.Apply(bytes, two_.NextPlace());
    COHORT_CHECK(a.status == b.status && a.number == b.number && a.version == b.version);
    COHORT_CHECK(one_.maps().digest() == two_.maps().digest());
    COHORT_CHECK(one_.maps().size() <= map::kMapsMax);
    COHORT_CHECK(a.items.size() <= map::kBatchItemsMax);
    one_.out() = {};
    two_.out() = {};
    return one_.maps().stats().malformed == malformed_ ||
           (malformed_ = one_.maps().stats().malformed, false);
  }
  bool IsConsistent() const { return const_cast<map::Replica&>(one_).maps().IsConsistent(); }

 private:
  map::Replica one_, two_;
  uint64_t malformed_ = 0;
};

}  // namespace cohort::fuzz

#endif  // COHORT_TESTS_FUZZ_MAP_OP_FUZZ_H_
