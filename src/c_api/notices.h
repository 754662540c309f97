// Views, events, messages and changes as C programs see them. What they return points into their
// argument.
#ifndef COHORT_C_API_NOTICES_H_
#define COHORT_C_API_NOTICES_H_

#include <functional>

#include "cohort/c.h"
#include "cohort/cohort.h"

namespace cohort::c_api {

cohort_event_t FromEvent(const Event& event);
cohort_message_t FromMessage(const Message& message);
cohort_change_t FromChange(const Change& change);

// Callbacks of the group that call those of the host. They are noexcept: an exception of a host in
// C++ must not unwind the library.
std::function<void(const View&)> ToViewCallback(cohort_view_fn on_view, void* user);
std::function<void(const Message&)> ToMessageCallback(cohort_message_fn on_message, void* user);
std::function<void(const Event&)> ToEventCallback(cohort_event_fn on_event, void* user);
std::function<void(const Change&)> ToChangeCallback(cohort_change_fn on_change, void* user);

}  // namespace cohort::c_api

#endif  // COHORT_C_API_NOTICES_H_
