// Holds back the answers to claims until their caller has what the owner before has written
// (Spec 11.21).
//
// Idea: when all members are known to have applied the claim, the owner before refuses writes by
// right, and its STATUS that says so also says how much it had sent; when as much of every member
// was delivered here, nothing that it wrote as the owner is still under way.
//
// Limits: kFencesMax. Owner: one Engine. Not thread-safe.
#ifndef COHORT_ENGINE_FENCES_H_
#define COHORT_ENGINE_FENCES_H_

#include <cstdint>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "base/types.h"
#include "engine/io.h"
#include "wire/ack_table.h"

namespace cohort::engine {

inline constexpr size_t kFencesMax = 65536;

class Fences {
 public:
  bool full() const { return ids_.size() + waiting_.size() >= kFencesMax; }
  bool empty() const { return ids_.empty() && waiting_.empty(); }
  void Add(uint64_t command) { ids_.insert(command); }
  // Takes the answers to claims that all have applied out of `upcalls`, and adds those whose wait
  // is over. `delivered`: chunks of each sender that were delivered here.
  void Advance(const wire::AckTable& acks, const std::vector<SeqNo>& delivered,
               std::vector<Upcall>& upcalls);
  // A view begins: all that was sent in the one before is delivered, or nobody has it.
  void OnView(std::vector<Upcall>& upcalls) { Release(absl::OkStatus(), upcalls); }
  // The group goes on without this member, or it has left.
  void Release(const absl::Status& status, std::vector<Upcall>& upcalls);

 private:
  struct Waiting {
    DoneUpcall done;
    std::vector<SeqNo> sent;  // By each sender.
  };
  std::set<uint64_t> ids_;  // Of claims that were not answered yet.
  std::vector<Waiting> waiting_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_FENCES_H_
