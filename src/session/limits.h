// What of a caller's words is refused as a whole, and what is left out of a write.
#ifndef COHORT_SESSION_LIMITS_H_
#define COHORT_SESSION_LIMITS_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cohort/session.h"
#include "cohort/session_store.h"
#include "session/session_table.h"

namespace cohort::session {

// Errors of all: kInvalidArgument.
absl::Status CheckOptions(const SessionStoreOptions& options);
absl::Status CheckId(std::string_view id);
absl::Status CheckChanges(const SessionChanges& changes);

// `changes` as they can be written to a session of this shape, which becomes that of the session
// afterwards. Of a name that is set more than once the last counts; erasures come first, and those
// of what is not there are dropped. What exceeds a limit is added to `refused` and erased instead.
// A session without contents and metadata is within all limits whatever `changes` say.
SessionChanges Fit(const SessionChanges& changes, Shape& shape,
                   std::vector<RefusedAttribute>& refused);

// True where `changes` set only attributes that the session has, each once, and all of it fits;
// then the shape is as they leave it, and nothing needs to be copied. Else it is for Fit to say.
bool FitsWhole(const SessionChanges& changes, Shape& shape);

}  // namespace cohort::session

#endif  // COHORT_SESSION_LIMITS_H_
