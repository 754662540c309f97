#include "c_api/notices.h"

#include "c_api/call.h"
#include "c_api/handles.h"

namespace cohort::c_api {
namespace {

// Numbers of the C interface stay when the C++ enumerations change. Without a default, so that the
// compiler names what is missing.
cohort_event_kind_t FromKind(EventKind value) {
  switch (value) {
    case EventKind::kStarted:
      return COHORT_EVENT_STARTED;
    case EventKind::kView:
      return COHORT_EVENT_VIEW;
    case EventKind::kSuspected:
      return COHORT_EVENT_SUSPECTED;
    case EventKind::kUnsuspected:
      return COHORT_EVENT_UNSUSPECTED;
    case EventKind::kMulticastLost:
      return COHORT_EVENT_MULTICAST_LOST;
    case EventKind::kMulticastBack:
      return COHORT_EVENT_MULTICAST_BACK;
    case EventKind::kSelfDoubt:
      return COHORT_EVENT_SELF_DOUBT;
    case EventKind::kExcluded:
      return COHORT_EVENT_EXCLUDED;
    case EventKind::kHalted:
      return COHORT_EVENT_HALTED;
    case EventKind::kResumed:
      return COHORT_EVENT_RESUMED;
    case EventKind::kJoining:
      return COHORT_EVENT_JOINING;
    case EventKind::kRefused:
      return COHORT_EVENT_REFUSED;
    case EventKind::kTransferStarted:
      return COHORT_EVENT_TRANSFER_STARTED;
    case EventKind::kTransferDone:
      return COHORT_EVENT_TRANSFER_DONE;
    case EventKind::kTransferFailed:
      return COHORT_EVENT_TRANSFER_FAILED;
    case EventKind::kSynced:
      return COHORT_EVENT_SYNCED;
    case EventKind::kMerging:
      return COHORT_EVENT_MERGING;
    case EventKind::kMerged:
      return COHORT_EVENT_MERGED;
    case EventKind::kConflict:
      return COHORT_EVENT_CONFLICT;
    case EventKind::kLeft:
      return COHORT_EVENT_LEFT;
    case EventKind::kDropped:
      return COHORT_EVENT_DROPPED;
    case EventKind::kBackPressure:
      return COHORT_EVENT_BACK_PRESSURE;
    case EventKind::kDegraded:
      return COHORT_EVENT_DEGRADED;
    case EventKind::kCaughtUp:
      return COHORT_EVENT_CAUGHT_UP;
    case EventKind::kSmallDatagrams:
      return COHORT_EVENT_SMALL_DATAGRAMS;
    case EventKind::kPlaintext:
      return COHORT_EVENT_PLAINTEXT;
    case EventKind::kWarning:
      return COHORT_EVENT_WARNING;
  }
  return COHORT_EVENT_OTHER;
}

cohort_cause_t FromCause(ViewCause value) {
  switch (value) {
    case ViewCause::kFormed:
      return COHORT_CAUSE_FORMED;
    case ViewCause::kJoined:
      return COHORT_CAUSE_JOINED;
    case ViewCause::kLeft:
      return COHORT_CAUSE_LEFT;
    case ViewCause::kCrashed:
      return COHORT_CAUSE_CRASHED;
    case ViewCause::kSilent:
      return COHORT_CAUSE_SILENT;
    case ViewCause::kStalled:
      return COHORT_CAUSE_STALLED;
    case ViewCause::kBadLink:
      return COHORT_CAUSE_BAD_LINK;
    case ViewCause::kSlow:
      return COHORT_CAUSE_SLOW;
    case ViewCause::kReplaced:
      return COHORT_CAUSE_REPLACED;
    case ViewCause::kMerged:
      return COHORT_CAUSE_MERGED;
    case ViewCause::kSynced:
      return COHORT_CAUSE_SYNCED;
  }
  return COHORT_CAUSE_OTHER;
}

cohort_change_cause_t FromChangeCause(ChangeCause value) {
  switch (value) {
    case ChangeCause::kPut:
      return COHORT_CHANGE_PUT;
    case ChangeCause::kErase:
      return COHORT_CHANGE_ERASE;
    case ChangeCause::kExpire:
      return COHORT_CHANGE_EXPIRE;
    case ChangeCause::kMerge:
      return COHORT_CHANGE_MERGE;
    case ChangeCause::kClear:
      return COHORT_CHANGE_CLEAR;
    case ChangeCause::kSync:
      return COHORT_CHANGE_SYNC;
    case ChangeCause::kEvict:
      return COHORT_CHANGE_EVICT;
  }
  return COHORT_CHANGE_OTHER;
}

cohort_delivery_t FromDelivery(DeliveryClass delivery) {
  switch (delivery) {
    case DeliveryClass::kConv:
      return COHORT_DELIVERY_CONV;
    case DeliveryClass::kSafe:
      return COHORT_DELIVERY_SAFE;
    case DeliveryClass::kAgreed:
    case DeliveryClass::kCtrl:  // Is never handed up.
      break;
  }
  return COHORT_DELIVERY_AGREED;
}

cohort_member_t FromMember(const Member& member) {
  cohort_member_t to{};
  to.size = sizeof to;
  to.id = FromMemberId(member.id);
  to.name = member.name.c_str();
  to.address = member.address.c_str();
  to.synced = member.synced ? 1 : 0;
  to.without_data = member.without_data ? 1 : 0;
  return to;
}

// `members` must not move afterwards.
void FromChanges(const std::vector<MemberChange>& from, std::vector<cohort_member_t>& members,
                 std::vector<cohort_member_change_t>& to) {
  members.reserve(from.size());
  to.reserve(from.size());
  for (const MemberChange& change : from) {
    members.push_back(FromMember(change.member));
    cohort_member_change_t one{};
    one.size = sizeof one;
    one.member = &members.back();
    one.cause = FromCause(change.cause);
    one.cause_name = ToString(change.cause);
    one.evidence = change.evidence.c_str();
    to.push_back(one);
  }
}

}  // namespace

cohort_event_t FromEvent(const Event& event) {
  cohort_event_t to{};
  to.size = sizeof to;
  to.kind = FromKind(event.kind);
  to.kind_name = ToString(event.kind);
  to.at_ns = event.at_ns;
  to.view = FromViewId(event.view);
  to.subject = FromMemberId(event.subject);
  to.subject_name = event.subject_name.c_str();
  to.text = event.text.c_str();
  to.key = event.key.data();
  to.key_size = event.key.size();
  to.number = event.number;
  return to;
}

cohort_message_t FromMessage(const Message& message) {
  cohort_message_t to{};
  to.size = sizeof to;
  to.from = FromMemberId(message.from);
  to.payload = message.payload.data();
  to.payload_size = message.payload.size();
  to.delivery = FromDelivery(message.delivery);
  to.transitional = message.transitional ? 1 : 0;
  return to;
}

cohort_change_t FromChange(const Change& change) {
  cohort_change_t to{};
  to.size = sizeof to;
  to.key = change.key.data();
  to.key_size = change.key.size();
  if (change.value.has_value()) {
    // Null would say that the entry is gone.
    to.value = change.value->data() == nullptr ? "" : change.value->data();
    to.value_size = change.value->size();
  }
  to.version = FromVersion(change.version);
  to.writer = FromMemberId(change.writer);
  to.cause = FromChangeCause(change.cause);
  return to;
}

std::function<void(const View&)> ToViewCallback(cohort_view_fn on_view, void* user) {
  return [on_view, user](const View& view) noexcept {
    const cohort_view told(view);
    on_view(&told, user);
  };
}
std::function<void(const Message&)> ToMessageCallback(cohort_message_fn on_message, void* user) {
  return [on_message, user](const Message& message) noexcept {
    const cohort_message_t told = FromMessage(message);
    on_message(&told, user);
  };
}
std::function<void(const Event&)> ToEventCallback(cohort_event_fn on_event, void* user) {
  return [on_event, user](const Event& event) noexcept {
    const cohort_event_t told = FromEvent(event);
    on_event(&told, user);
  };
}
std::function<void(const Change&)> ToChangeCallback(cohort_change_fn on_change, void* user) {
  return [on_change, user](const Change& change) noexcept {
    const cohort_change_t told = FromChange(change);
    on_change(&told, user);
  };
}

}  // namespace cohort::c_api

using cohort::c_api::FromChanges;
using cohort::c_api::FromMember;
using cohort::c_api::FromViewId;

cohort_view::cohort_view(cohort::View of) : view(std::move(of)) {
  members.reserve(view.members.size());
  for (const cohort::Member& member : view.members) members.push_back(FromMember(member));
  FromChanges(view.joined, joined_members, joined);
  FromChanges(view.left, left_members, left);
}

extern "C" {

cohort_view_id_t cohort_view_get_id(const cohort_view_t* view) {
  return view == nullptr ? cohort_view_id_t{} : FromViewId(view->view.id);
}
size_t cohort_view_member_count(const cohort_view_t* view) {
  return view == nullptr ? 0 : view->members.size();
}
const cohort_member_t* cohort_view_member(const cohort_view_t* view, size_t number) {
  return number < cohort_view_member_count(view) ? &view->members[number] : nullptr;
}
size_t cohort_view_joined_count(const cohort_view_t* view) {
  return view == nullptr ? 0 : view->joined.size();
}
const cohort_member_change_t* cohort_view_joined(const cohort_view_t* view, size_t number) {
  return number < cohort_view_joined_count(view) ? &view->joined[number] : nullptr;
}
size_t cohort_view_left_count(const cohort_view_t* view) {
  return view == nullptr ? 0 : view->left.size();
}
const cohort_member_change_t* cohort_view_left(const cohort_view_t* view, size_t number) {
  return number < cohort_view_left_count(view) ? &view->left[number] : nullptr;
}
uint32_t cohort_view_primary(const cohort_view_t* view) {
  return view != nullptr && view->view.primary ? 1 : 0;
}
void cohort_view_free(cohort_view_t* view) { delete view; }

}  // extern "C"
