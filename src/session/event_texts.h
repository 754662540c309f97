// What events say in more than one place.
#ifndef COHORT_SESSION_EVENT_TEXTS_H_
#define COHORT_SESSION_EVENT_TEXTS_H_

namespace cohort::session {

// Of kMoved, where no other member has taken the session.
inline constexpr char kRewoundText[] = "the group went on without what was written here last";
inline constexpr char kMergedText[] =
    "another side of the group was merged; it is to be loaded again";
// Of kInvalidated, where nothing says what has ended it.
inline constexpr char kGoneText[] = "is gone from the group";

}  // namespace cohort::session

#endif  // COHORT_SESSION_EVENT_TEXTS_H_
