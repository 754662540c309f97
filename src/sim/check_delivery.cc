#include "sim/check_delivery.h"

#include <algorithm>

#include "sim/words.h"

namespace cohort::sim {

std::string DeliveryChecker::Words(const Place& place) {
  return std::to_string(place.origin) + ":" + std::to_string(place.seq) + (place.safe ? "s" : "");
}

DeliveryChecker::ViewState& DeliveryChecker::View(const ViewId& id) {
  const auto [found, fresh] = views_.try_emplace(id);
  if (fresh) found->second.id = id;
  return found->second;
}

void DeliveryChecker::OnTrace(const Moment& moment, const TraceRecord& record) {
  switch (record.kind) {
    case TraceKind::kChunkAssigned:
      OnAssigned(moment, record);
      return;
    case TraceKind::kChunkDelivered:
      OnDelivered(moment, record);
      return;
    case TraceKind::kWedged: {
      ProcessState& process = processes_[moment.process];
      if (!process.wedged) process.ordered_before_wedge = process.order.size();
      process.wedged = true;
      return;
    }
    case TraceKind::kExcluded:
      processes_[moment.process].wedged = true;
      return;
    case TraceKind::kViewInstalled:
      OnInstalled(moment, record);
      return;
    default:
      return;
  }
}

void DeliveryChecker::OnProcess(const Moment& moment, ProcessChange change) {
  const bool ends = change == ProcessChange::kCrashed || change == ProcessChange::kPowerLost ||
                    change == ProcessChange::kLeft;
  if (ends) processes_.erase(moment.process);
}

void DeliveryChecker::OnAssigned(const Moment& moment, const TraceRecord& record) {
  const ProcessState& process = processes_[moment.process];
  ViewState& view = View(record.view);
  if (process.view != &view || process.self != record.origin) {
    violations_.Add("I10", moment,
                    "assigned a chunk as rank " + std::to_string(record.origin) + " of view " +
                        sim::Words(record.view) + " without being that");
    return;
  }
  if (process.wedged) {
    violations_.Add("I16", moment,
                    "assigned chunk " + std::to_string(record.seq) + " while wedged in view " +
                        sim::Words(record.view));
  }
  if (view.streams.size() <= record.origin) view.streams.resize(record.origin + 1);
  Stream& stream = view.streams[record.origin];
  if (record.seq != stream.high + 1) {
    violations_.Add("I9", moment,
                    "assigned number " + std::to_string(record.seq) + " after " +
                        std::to_string(stream.high) + " in view " + sim::Words(record.view));
  }
  stream.high = std::max(stream.high, record.seq);
  if (record.cls == DeliveryClass::kCtrl) return;
  stream.chunks[static_cast<size_t>(record.cls)].push_back({record.seq, record.digest});
}

void DeliveryChecker::OnDelivered(const Moment& moment, const TraceRecord& record) {
  if (record.cls == DeliveryClass::kCtrl) return;
  ProcessState& process = processes_[moment.process];
  if (process.view == nullptr || process.view->id != record.view) {
    violations_.Add("I10", moment,
                    "delivered a chunk of view " + sim::Words(record.view) + " in view " +
                        (process.view == nullptr ? "none" : sim::Words(process.view->id)));
    return;
  }
  if (process.wedged) process.while_wedged.push_back(moment);
  if (!CheckChunk(moment, record, process)) return;
  if (record.cls != DeliveryClass::kConv) CheckOrder(moment, record, process);
}

// The only chunk that may come next from this sender in this class is known.
bool DeliveryChecker::CheckChunk(const Moment& moment, const TraceRecord& record,
                                 ProcessState& process) {
  const auto what = [&record] {
    return "chunk " + std::to_string(record.origin) + ":" + std::to_string(record.seq) + " " +
           sim::Words(record.cls) + " of view " + sim::Words(record.view);
  };
  ViewState& view = *process.view;
  if (record.origin >= view.streams.size()) {
    violations_.Add("I6", moment, "delivered " + what() + ", which nobody sent");
    return false;
  }
  const size_t cls = static_cast<size_t>(record.cls);
  const std::vector<Assigned>& chunks = view.streams[record.origin].chunks[cls];
  if (process.counts.size() <= record.origin) process.counts.resize(record.origin + 1);
  size_t& count = process.counts[record.origin][cls];
  if (count < chunks.size() && chunks[count].seq == record.seq) {
    if (chunks[count].digest != record.digest) {
      violations_.Add("I6", moment, "delivered " + what() + " with other bytes than were sent");
    }
    ++count;
    return true;
  }
  const auto found =
      std::lower_bound(chunks.begin(), chunks.end(), record.seq,
                       [](const Assigned& chunk, SeqNo seq) { return chunk.seq < seq; });
  if (found == chunks.end() || found->seq != record.seq) {
    violations_.Add("I6", moment, "delivered " + what() + ", which nobody sent");
  } else if (static_cast<size_t>(found - chunks.begin()) < count) {
    violations_.Add("I7", moment, "delivered " + what() + " twice");
  } else {
    violations_.Add("I9", moment,
                    "delivered " + what() + " before " + std::to_string(chunks[count].seq) +
                        " of the same sender and class");
    count = static_cast<size_t>(found - chunks.begin()) + 1;
  }
  return false;
}

void DeliveryChecker::CheckOrder(const Moment& moment, const TraceRecord& record,
                                 ProcessState& process) {
  ViewState& view = *process.view;
  const Place place{record.origin, record.seq, record.cls == DeliveryClass::kSafe};
  const size_t at = process.order.size();
  process.order.push_back(place);
  if (process.wedged) return;  // Part of a closing order, compared at the install.
  if (at == view.order.size()) {
    view.order.push_back(place);
  } else if (at < view.order.size() && view.order[at] != place) {
    violations_.Add("I11", moment,
                    "place " + std::to_string(at) + " of the order of view " + sim::Words(view.id) +
                        " is " + Words(place) + " here, but " + Words(view.order[at]) +
                        " elsewhere");
  }
  if (!place.safe || record.transitional) return;
  // SAFE order follows the total order: the n-th SAFE chunk delivered here is the n-th anywhere.
  const size_t nth = ++process.safe;
  if (nth > view.safe.size()) {
    view.safe.push_back(place);
    for (const auto& [next, passage] : view.passages) CheckSafe(moment, view, passage.order);
  }
}

void DeliveryChecker::OnInstalled(const Moment& moment, const TraceRecord& record) {
  ProcessState& process = processes_[moment.process];
  if (!record.previous.IsZero() && process.view != nullptr && process.view->id == record.previous) {
    CheckPassage(moment, record, process);
    CheckTrim(moment, record, process);
    CheckSafe(moment, *process.view, process.order);
  }
  for (const Moment& delivery : process.while_wedged) {
    if (delivery.at != moment.at) {
      violations_.Add("I16", delivery, "delivered while wedged, not as part of an install");
      break;
    }
  }
  process = ProcessState();
  process.view = &View(record.view);
  process.self = record.origin;
  process.counts.resize(record.members.size());
  if (process.view->streams.size() < record.members.size()) {
    process.view->streams.resize(record.members.size());
  }
  if (views_.size() > kViewsMax) Forget();
}

void DeliveryChecker::CheckPassage(const Moment& moment, const TraceRecord& record,
                                   const ProcessState& process) {
  const auto [found, fresh] = process.view->passages.try_emplace(record.view);
  Passage& passage = found->second;
  if (fresh) {
    passage = {process.counts, process.order, moment};
    return;
  }
  const std::string between = "between views " + sim::Words(record.previous) + " and " +
                              sim::Words(record.view) + ": here and at host " +
                              std::to_string(passage.first.host) + " ";
  if (passage.counts != process.counts) {
    std::string difference;
    for (size_t rank = 0; rank < std::min(passage.counts.size(), process.counts.size()); ++rank) {
      for (size_t cls = 0; cls < kClasses; ++cls) {
        if (passage.counts[rank][cls] == process.counts[rank][cls]) continue;
        difference += " rank " + std::to_string(rank) + " " +
                      sim::Words(static_cast<DeliveryClass>(cls)) + " " +
                      std::to_string(process.counts[rank][cls]) + " and " +
                      std::to_string(passage.counts[rank][cls]);
      }
    }
    violations_.Add("I5", moment, between + "delivered different sets:" + difference);
  }
  if (passage.order == process.order) return;
  size_t at = 0;
  while (at < passage.order.size() && at < process.order.size() &&
         passage.order[at] == process.order[at]) {
    ++at;
  }
  violations_.Add(
      at < process.ordered_before_wedge ? "I11" : "I14", moment,
      between + "delivered in different orders from place " + std::to_string(at) + ": " +
          (at < process.order.size() ? Words(process.order[at]) : "nothing") + " here, " +
          (at < passage.order.size() ? Words(passage.order[at]) : "nothing") + " there");
}

void DeliveryChecker::CheckTrim(const Moment& moment, const TraceRecord& record,
                                const ProcessState& process) {
  for (size_t rank = 0; rank < record.trim.size(); ++rank) {
    for (size_t cls = 0; cls < kClasses; ++cls) {
      size_t expected = 0;
      if (rank < process.view->streams.size()) {
        const std::vector<Assigned>& chunks = process.view->streams[rank].chunks[cls];
        expected = static_cast<size_t>(
            std::upper_bound(chunks.begin(), chunks.end(), record.trim[rank],
                             [](SeqNo seq, const Assigned& chunk) { return seq < chunk.seq; }) -
            chunks.begin());
      }
      const size_t delivered = rank < process.counts.size() ? process.counts[rank][cls] : 0;
      if (delivered == expected) continue;
      violations_.Add("I8", moment,
                      "delivered " + std::to_string(delivered) + " " +
                          sim::Words(static_cast<DeliveryClass>(cls)) + " chunks of rank " +
                          std::to_string(rank) + " in view " + sim::Words(record.previous) +
                          ", its trim " + std::to_string(record.trim[rank]) + " asks for " +
                          std::to_string(expected));
    }
  }
}

// What anybody delivered as SAFE must be there, in that order, at everybody who went on.
void DeliveryChecker::CheckSafe(const Moment& moment, const ViewState& view,
                                const std::vector<Place>& order) {
  size_t next = 0;
  for (const Place& place : order) {
    if (!place.safe || next == view.safe.size()) continue;
    if (place != view.safe[next]) {
      violations_.Add("I13", moment,
                      "SAFE chunk " + Words(view.safe[next]) + " of view " + sim::Words(view.id) +
                          " was delivered somewhere, but here " + Words(place) +
                          " comes in its place");
      return;
    }
    ++next;
  }
  if (next < view.safe.size()) {
    violations_.Add("I13", moment,
                    "SAFE chunk " + Words(view.safe[next]) + " of view " + sim::Words(view.id) +
                        " was delivered somewhere, but not by a member that went on");
  }
}

void DeliveryChecker::Forget() {
  for (auto view = views_.begin(); view != views_.end() && views_.size() > kViewsMax / 2;) {
    const bool used =
        std::any_of(processes_.begin(), processes_.end(),
                    [&view](const auto& process) { return process.second.view == &view->second; });
    view = used ? std::next(view) : views_.erase(view);
  }
}

}  // namespace cohort::sim
