// Short words for identities, for violations and timelines.
#ifndef COHORT_SIM_WORDS_H_
#define COHORT_SIM_WORDS_H_

#include <span>
#include <string>

#include "base/trace.h"
#include "engine/io.h"
#include "sim/checker.h"

namespace cohort::sim {

std::string Words(const ViewId& view);
std::string Words(const MemberId& member);
std::string Words(const Version& version);
std::string Words(DeliveryClass cls);
std::string Words(std::span<const MemberId> members);
std::string Words(std::span<const SeqNo> numbers);
// Seconds with six places: "12.034567".
std::string Words(Instant at);
// One line for what a process did; empty for kinds too frequent to be of use in a timeline.
std::string Words(const TraceRecord& record);
std::string Words(const engine::Upcall& upcall);
std::string Words(ProcessChange change);
std::string Words(const IssuedCommand& command);
const char* NameOf(TraceKind kind);

}  // namespace cohort::sim

#endif  // COHORT_SIM_WORDS_H_
