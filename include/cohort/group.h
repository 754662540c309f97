// Group: this process's membership in a group.
#ifndef COHORT_GROUP_H_
#define COHORT_GROUP_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/channel.h"
#include "cohort/events.h"
#include "cohort/export.h"
#include "cohort/ids.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"
#include "cohort/stats.h"
#include "cohort/subscription.h"
#include "cohort/view.h"

namespace cohort {

// What VerifyConvergence has shown: so many members, this one included, held exactly the same in
// all their maps.
struct Convergence {
  uint32_t members = 0;
  ViewId view;
  uint64_t position = 0;  // Of the last ordered map operation before that place, in that view.
};

// Membership in a group: joined by Join, ended by Leave or the destructor.
//
// Threads: every method may be called from any thread. A group has a thread "cohort-deliver" (all
// callbacks, one at a time, holding no lock; what is said of "the delivery thread" holds for
// GroupOptions::executor, too); "cohort-io" (sockets and timers) it may share with other groups. A
// callback may call every method that does not block; one that does (marked "blocks") fails there
// with kFailedPrecondition. A slow callback delays other callbacks only, until
// GroupOptions::delivery_queue_bytes_max.
//
// Not to be used in a child after fork(): sockets, locks and keys are the parent's. Join again
// there, or exec. Whatever would send fails there with kFailedPrecondition, and the destructor does
// nothing.
class COHORT_EXPORT Group {
 public:
  // Opens the sockets, finds or forms the group, and blocks until this member is in a view and
  // holds the group's whole state, unless it is without data, at most options.join_timeout. Errors:
  //   kInvalidArgument     an option out of its range; the text names it.
  //   kNotFound            the key file or the interface does not exist.
  //   kAlreadyExists       the port is taken; the text says which and what to do.
  //   kPermissionDenied    the group refused this member, or the key file is open to others.
  //   kUnavailable         no usable network.
  //   kDeadlineExceeded    no view, or not all state, in time; the text says what was seen.
  //   kFailedPrecondition  called in a callback.
  static absl::StatusOr<Group> Join(const GroupOptions& options);

  Group(Group&&) noexcept;
  Group& operator=(Group&&) noexcept;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group();  // Leave(), then closes everything. In a callback it does not wait.

  // Tells the others, waits for their consent at most options.leave_timeout (blocks), closes the
  // sockets. If the others are still receiving the state, and this member is the only one that
  // holds it, they get as long again; Drain() waits longer. Afterwards no callback runs, pending
  // writes have failed with kCancelled, and maps can still be read. Errors:
  //   kDeadlineExceeded    nobody consented in time; this member is out all the same.
  //   kCancelled           was left already.
  //   kFailedPrecondition  called in a callback.
  absl::Status Leave();

  // Leaves once nothing is lost by it: takes no more writes or messages of this member, waits until
  // another member is shown to hold all that this one holds, byte for byte, what was written last
  // included, then leaves as Leave() does. Blocks, at most `timeout` and then
  // options.leave_timeout. If there is no such member in time (kDeadlineExceeded; the others may
  // still be receiving the state, or there are none), or on another error, this member stays in the
  // group and takes writes again. A member without data leaves at once. Errors:
  //   kDataLoss            replicas differ; as VerifyConvergence.
  //   kUnavailable         this member lost its place in the group meanwhile, or has no quorum.
  //   kCancelled           was left already.
  //   kFailedPrecondition  called in a callback.
  absl::Status Drain(absl::Duration timeout = absl::Seconds(30));

  // Proves that all members that hold the whole state hold the same: each takes the digest of all
  // its ordered maps at one and the same place of the total order, and of all its convergent ones
  // with what each member had written up to one and the same place of its own. Writers need not
  // pause. Blocks, at most `timeout`. Errors:
  //   kDataLoss            replicas differ; the text names whose. This is a bug of Cohort. Under
  //                        Policy::kAvailable those that differ from most members (of as many,
  //                        from the oldest) come back as new members with the others' state, and
  //                        tell by an event kWarning which entries differed.
  //   kDeadlineExceeded    not all have answered in time, or more than 32 MiB was written to
  //                        convergent maps each time they were asked, before it could be compared.
  //   kResourceExhausted   16 verifications are under way.
  //   kUnavailable         this member lost its place in the group meanwhile, or has no quorum.
  //   kCancelled           as Leave.
  //   kFailedPrecondition  as Leave, or this member is without data.
  absl::StatusOr<Convergence> VerifyConvergence(absl::Duration timeout = absl::Seconds(5));

  // As in views, so it changes when this member comes back as a new one; the instance stays.
  MemberId id() const;
  const std::string& name() const;     // As in views, chosen or given.
  const std::string& address() const;  // "ADDR:PORT" of both unicast sockets.

  // The view installed last, with what is known since of who is synced. No members after Leave.
  View view() const;
  // Whether this member holds the whole state. False again while it rejoins after an exclusion.
  bool synced() const;
  // Whether the group lets this member write: false outside the primary partition and while it
  // rejoins. A member without data writes messages only.
  bool writable() const;
  GroupStats stats() const;

  // Opens the map `name` (1 to 64 bytes), creating it if the group has none of that name. Blocks
  // until every member knows it, at most `timeout`. Errors: kInvalidArgument, kFailedPrecondition
  // (it exists with other options or as a map of the other kind; this member is without data; or
  // called in a callback, unless the map is known here already), kResourceExhausted (kMapsMax),
  // kDeadlineExceeded, kUnavailable, kCancelled.
  absl::StatusOr<ReplicatedMap> OpenMap(std::string_view name, const MapOptions& options = {},
                                        absl::Duration timeout = absl::Seconds(5));

  // Sends `payload` (at most kMessageBytesMax) to every member of the view, this one included.
  // Returns once it is in the send queue; delivery is reliable while the sender lives, and
  // all-or-none among survivors if it dies. Errors:
  //   kInvalidArgument    too large, or class kCtrl.
  //   kResourceExhausted  send queue full; retry later.
  //   kUnavailable        not in a view, or outside the primary partition.
  //   kCancelled          the group was left.
  absl::Status Send(std::string_view payload, DeliveryClass delivery = DeliveryClass::kAgreed);
  // As Send, and waits (blocks) until every member has delivered it. Further errors:
  // kDeadlineExceeded, and kFailedPrecondition in a callback.
  absl::Status SendSync(std::string_view payload, DeliveryClass delivery = DeliveryClass::kAgreed,
                        absl::Duration timeout = absl::Seconds(5));
  // As Send; if it returns OK, `done` is called exactly once on the delivery thread with what
  // SendSync would return.
  absl::Status SendAsync(std::string_view payload, DeliveryClass delivery, absl::Duration timeout,
                         std::function<void(const absl::Status&)> done);

  // The channel `name` (1 to 64 bytes): messages to its subscribers, requests to its handlers.
  // Nothing is sent and nobody is asked; a name that was opened stays in memory. Errors:
  // kInvalidArgument, kResourceExhausted (kChannelsMax), kCancelled.
  absl::StatusOr<Channel> OpenChannel(std::string_view name);

  // Callbacks on the delivery thread, one at a time, in the order that matters: a view comes after
  // every message and change of the view before it. No call runs after the handle's destructor has
  // returned. SubscribeViews calls first with the current view, if there is one.
  Subscription SubscribeViews(std::function<void(const View&)> on_view);
  Subscription SubscribeMessages(std::function<void(const Message&)> on_message);
  Subscription SubscribeEvents(std::function<void(const Event&)> on_event);

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit Group(std::shared_ptr<Impl> impl);
  COHORT_HIDDEN const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace cohort

#endif  // COHORT_GROUP_H_
