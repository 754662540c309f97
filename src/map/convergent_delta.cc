// Large attributes that change little (Spec 11.24, 11.25).
#include <algorithm>
#include <utility>

#include "base/absl_bridge.h"
#include "map/convergent_map.h"
#include "map/delta_plan.h"
#include "map/limits.h"
#include "map/value_delta.h"

namespace cohort::map {
namespace {

ApplyResult Aborted(const char* why) {
  ApplyResult result;
  result.status = MakeStatus(absl::StatusCode::kAborted, why);
  return result;
}

}  // namespace

DeltaOp Delta::op() const {
  DeltaOp op{key, epoch, life, accessed_at, {}};
  op.writes.reserve(writes.size());
  for (const Write& write : writes) {
    op.writes.push_back(
        {write.name, write.value, write.absent, write.base, write.size, write.hash});
  }
  return op;
}

std::optional<Delta> MakeDelta(const DeltaPlan& plan, const ConvergentItem& item) {
  Delta delta{std::string(item.key), plan.epoch, plan.life, item.accessed_at, {}};
  size_t whole = 0;
  size_t sent = 0;
  auto base = plan.bases.begin();
  for (size_t i = 0; i < item.writes.size(); ++i) {
    const ConvergentItem::Write& write = item.writes[i];
    Delta::Write& made = delta.writes.emplace_back();
    made.name = write.name;
    made.absent = write.absent;
    std::optional<std::string> bytes;
    if (base != plan.bases.end() && base->write == i) {
      bytes = EncodeDelta(AsText(base->value), write.value, write.value.size() / 2);
      if (bytes.has_value()) {
        made.base = base->version;
        made.size = static_cast<uint32_t>(write.value.size());
        made.hash = ValueHash(write.value);
      }
      ++base;
    }
    made.value = bytes.has_value() ? *std::move(bytes) : std::string(write.value);
    whole += write.value.size();
    sent += made.value.size();
  }
  if (2 * sent > whole) return std::nullopt;
  return delta;
}

// Spec 11.25
std::optional<DeltaPlan> ConvergentMap::PlanDelta(const ConvergentItem& item,
                                                  const MemberId& writer, uint64_t view,
                                                  GroupTime now) const {
  if (item.kind != ConvergentItem::Kind::kWrite || item.sets_ttl || !item.by_owner)
    return std::nullopt;
  const Entry* entry = Find(item.key);
  if (entry == nullptr || !entry->IsVisible(now)) return std::nullopt;
  const std::optional<Registers> registers = RegistersOf(*entry);
  if (!registers.has_value() || !IsWordOf(registers->Owner(), writer)) return std::nullopt;
  DeltaPlan plan{registers->claim.epoch, registers->created, {}};
  for (size_t i = 0; i < item.writes.size(); ++i) {
    const ConvergentItem::Write& write = item.writes[i];
    if (write.absent || write.value.size() < kDeltaValueMin) continue;
    const Attribute* held = registers->Find(write.name);
    if (held == nullptr || held->absent || held->value.empty()) continue;
    // Others may not have what another member has written in this view.
    const bool all_have_it = IsWordOf(held->mark.stamp.writer, writer) || held->view < view;
    if (held->mark.life != plan.life || !all_have_it) continue;
    plan.bases.push_back({i, held->mark.stamp, ValueOf(*held, entry->value)});
  }
  if (plan.bases.empty()) return std::nullopt;
  return plan;
}

// Spec 11.24. All is judged by what is alike on all members at one place of the order, or does not
// matter where it is not: what is later than this stays, and what belongs to a life that is over
// goes with it.
ApplyResult ConvergentMap::ApplyDelta(const DeltaOp& op, uint64_t hlc, const Place& place,
                                      Output& out) {
  const Entry* entry = Find(op.key);
  const std::optional<Registers> held = entry == nullptr ? std::nullopt : RegistersOf(*entry);
  const Ownership claim = held.has_value() ? held->claim : Ownership();
  const uint64_t owner = claim.epoch > 0 ? claim.writer : op.life.writer;
  if (!held.has_value() || claim.epoch != op.epoch || !IsWordOf(owner, place.writer))
    return Aborted("another member owns the entry; claim it before writing to it");
  const Stamp stamp{hlc, WriterWord(place.writer)};
  const Mark mark{op.life, stamp};
  Registers written;
  written.view = place.view.num;
  written.created = op.life;
  if (op.accessed_at != 0) {
    written.access = mark;
    written.accessed_at = op.accessed_at;
  }
  std::vector<std::string> values;  // That `written` borrows.
  values.reserve(op.writes.size());
  for (const DeltaOp::Write& write : op.writes) {
    std::string_view value = write.value;
    if (write.base != Version::None()) {
      const Attribute* before = held->Find(write.name);
      if (before != nullptr && before->mark > mark) continue;  // It would not stay.
      if (before == nullptr || before->absent || before->mark != Mark{op.life, write.base})
        return Aborted("the value that the write differs from is not there any more");
      std::optional<std::string> made = DecodeDelta(before->value, write.value, write.size);
      if (!made.has_value() || ValueHash(*made) != write.hash) {
        out.differs = true;
        return Aborted("the value that the write differs from is another one here");
      }
      value = values.emplace_back(*std::move(made));
    }
    written.Add({write.name, value, mark, place.view.num, write.absent});
  }
  ApplyResult result;
  result.version = stamp;
  result.applied = JoinEntry(op.key, written, stamp, ChangeCause::kPut, place.writer, out);
  return result;
}

}  // namespace cohort::map
