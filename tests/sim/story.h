// Made-up histories for checkers: who does what, in one line each.
#ifndef COHORT_TESTS_SIM_STORY_H_
#define COHORT_TESTS_SIM_STORY_H_

#include <string>
#include <vector>

#include "sim/checker.h"

namespace cohort::sim {

class Story {
 public:
  explicit Story(Checker& checker) : checker_(checker) {}

  static ViewId View(uint64_t num, uint64_t cid = 7) { return {num, cid << 40}; }
  // The member that process `process` is.
  static MemberId Id(ProcessNumber process) { return {{process, 1}, 1}; }
  static std::vector<MemberId> Ids(const std::vector<ProcessNumber>& processes) {
    std::vector<MemberId> ids;
    for (const ProcessNumber process : processes) ids.push_back(Id(process));
    return ids;
  }

  void Tick(Duration step = milliseconds(1)) { now_ = now_ + step; }
  Moment At(ProcessNumber process) const { return {now_, process, process}; }

  TraceRecord Make(TraceKind kind, const ViewId& view) const {
    TraceRecord record;
    record.kind = kind;
    record.view = view;
    return record;
  }
  void Tell(ProcessNumber process, const TraceRecord& record) {
    checker_.OnTrace(At(process), record);
  }
  void Install(ProcessNumber process, const ViewId& view, const ViewId& previous,
               const std::vector<ProcessNumber>& members, std::vector<SeqNo> trim = {}) {
    const std::vector<MemberId> ids = Ids(members);
    TraceRecord record = Make(TraceKind::kViewInstalled, view);
    record.previous = previous;
    record.members = ids;
    record.trim = trim;
    record.flag = true;
    record.subject = Id(process);
    for (size_t rank = 0; rank < members.size(); ++rank) {
      if (members[rank] == process) record.origin = static_cast<Rank>(rank);
    }
    Tell(process, record);
  }
  void Assign(ProcessNumber process, const ViewId& view, Rank rank, SeqNo seq,
              DeliveryClass cls = DeliveryClass::kAgreed, uint64_t digest = 0) {
    TraceRecord record = Make(TraceKind::kChunkAssigned, view);
    record.origin = rank;
    record.seq = seq;
    record.cls = cls;
    record.digest = digest;
    Tell(process, record);
  }
  void Deliver(ProcessNumber process, const ViewId& view, Rank rank, SeqNo seq,
               DeliveryClass cls = DeliveryClass::kAgreed, uint64_t digest = 0) {
    TraceRecord record = Make(TraceKind::kChunkDelivered, view);
    record.origin = rank;
    record.seq = seq;
    record.cls = cls;
    record.digest = digest;
    Tell(process, record);
  }
  void Wedge(ProcessNumber process, const ViewId& view) {
    Tell(process, Make(TraceKind::kWedged, view));
  }

  // The operation at `position` of the total order.
  void Apply(ProcessNumber process, const ViewId& view, uint64_t position, uint64_t digest = 11) {
    TraceRecord record = Make(TraceKind::kApplied, view);
    record.number = position;
    record.digest = digest;
    Tell(process, record);
  }

  // ---- Upcalls
  void SeeView(ProcessNumber process, const ViewId& id, const std::vector<ProcessNumber>& members) {
    engine::ViewUpcall upcall;
    upcall.view.id = id;
    for (const ProcessNumber member : members) {
      upcall.view.members.push_back({Id(member), "node-" + std::to_string(member), "", true});
    }
    checker_.OnUpcall(At(process), upcall);
  }
  void Change(ProcessNumber process, const std::string& key, uint64_t version, bool present = true,
              engine::ChangeUpcall::Cause cause = engine::ChangeUpcall::Cause::kPut) {
    engine::ChangeUpcall change;
    change.key = key;
    change.cause = cause;
    change.version = {version, 1};
    if (present) change.value = Buffer::CopyOf("v" + std::to_string(version));
    checker_.OnUpcall(At(process), change);
  }
  void Issue(ProcessNumber process, uint64_t command, const std::string& key,
             engine::AckLevel ack = engine::AckLevel::kAll,
             IssuedCommand::Kind kind = IssuedCommand::Kind::kPut) {
    IssuedCommand issued;
    issued.kind = kind;
    issued.id = command;
    issued.ack = ack;
    issued.keys = {key};
    checker_.OnIssued(At(process), issued);
  }
  void Done(ProcessNumber process, uint64_t command, uint64_t version, int64_t number = 0) {
    engine::DoneUpcall done;
    done.command = command;
    if (version != 0) done.version = {version, 1};
    done.number = number;
    checker_.OnUpcall(At(process), done);
  }
  void Process(ProcessNumber process, ProcessChange change) {
    checker_.OnProcess(At(process), change);
  }

 private:
  Checker& checker_;
  Instant now_ = Instant::Zero() + seconds(10);
};

inline std::vector<std::string> Invariants(const Violations& violations) {
  std::vector<std::string> names;
  for (const Violation& violation : violations.kept()) names.push_back(violation.invariant);
  return names;
}

}  // namespace cohort::sim

#endif  // COHORT_TESTS_SIM_STORY_H_
