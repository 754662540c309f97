// Sending, and subscriptions of groups.
#include "c_api/call.h"
#include "c_api/handles.h"
#include "c_api/notices.h"
#include "cohort/c.h"

namespace {

using cohort::DeliveryClass;
using cohort::c_api::Bytes;
using cohort::c_api::Callback;
using cohort::c_api::Check;
using cohort::c_api::Guarded;
using cohort::c_api::Handle;
using cohort::c_api::Invalid;
using cohort::c_api::ToTimeout;

absl::StatusOr<DeliveryClass> ToDelivery(cohort_delivery_t delivery) {
  switch (delivery) {
    case COHORT_DELIVERY_AGREED:
      return DeliveryClass::kAgreed;
    case COHORT_DELIVERY_CONV:
      return DeliveryClass::kConv;
    case COHORT_DELIVERY_SAFE:
      return DeliveryClass::kSafe;
    default:
      return Invalid("there is no delivery " + std::to_string(delivery));
  }
}

// Calls send(class, timeout).
template <class Send>
cohort_status_t SendWith(cohort_group_t* group, const Bytes& payload, cohort_delivery_t delivery,
                         int64_t timeout_ms, cohort_error_t** error, Send&& send) noexcept {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(group, "group"), payload});
    if (!status.ok()) return status;
    const absl::StatusOr<DeliveryClass> cls = ToDelivery(delivery);
    if (!cls.ok()) return cls.status();
    const absl::StatusOr<absl::Duration> timeout = ToTimeout(timeout_ms, absl::Seconds(5));
    if (!timeout.ok()) return timeout.status();
    return send(*cls, *timeout);
  });
}

// Calls subscribe(), which returns a Subscription.
template <class Function, class Subscribe>
cohort_status_t SubscribeWith(cohort_group_t* group, Function* function,
                              cohort_subscription_t** subscription, cohort_error_t** error,
                              Subscribe&& subscribe) noexcept {
  return Guarded(error, [&]() -> absl::Status {
    absl::Status status = Check({Handle(group, "group"), Callback(function, "callback"),
                                 Handle(subscription, "subscription")});
    if (!status.ok()) return status;
    auto made = std::make_unique<cohort_subscription>();
    made->subscription = subscribe();
    *subscription = made.release();
    return status;
  });
}

}  // namespace

extern "C" {

cohort_status_t cohort_group_send(cohort_group_t* group, const void* payload, size_t payload_size,
                                  cohort_delivery_t delivery, cohort_error_t** error) {
  const Bytes bytes{payload, payload_size, "payload"};
  return SendWith(group, bytes, delivery, 0, error, [&](DeliveryClass cls, absl::Duration) {
    return group->group.Send(bytes.view(), cls);
  });
}

cohort_status_t cohort_group_send_sync(cohort_group_t* group, const void* payload,
                                       size_t payload_size, cohort_delivery_t delivery,
                                       int64_t timeout_ms, cohort_error_t** error) {
  const Bytes bytes{payload, payload_size, "payload"};
  return SendWith(group, bytes, delivery, timeout_ms, error,
                  [&](DeliveryClass cls, absl::Duration timeout) {
                    return group->group.SendSync(bytes.view(), cls, timeout);
                  });
}

cohort_status_t cohort_group_send_async(cohort_group_t* group, const void* payload,
                                        size_t payload_size, cohort_delivery_t delivery,
                                        int64_t timeout_ms, cohort_done_fn done, void* user,
                                        cohort_error_t** error) {
  const Bytes bytes{payload, payload_size, "payload"};
  return SendWith(group, bytes, delivery, timeout_ms, error,
                  [&](DeliveryClass cls, absl::Duration timeout) {
                    std::function<void(const absl::Status&)> then;
                    if (done != nullptr) {
                      then = [done, user](const absl::Status& status) noexcept {
                        done(static_cast<cohort_status_t>(status.code()),
                             std::string(status.message()).c_str(), user);
                      };
                    }
                    return group->group.SendAsync(bytes.view(), cls, timeout, std::move(then));
                  });
}

void cohort_subscription_cancel(cohort_subscription_t* subscription) { delete subscription; }

cohort_status_t cohort_group_subscribe_views(cohort_group_t* group, cohort_view_fn on_view,
                                             void* user, cohort_subscription_t** subscription,
                                             cohort_error_t** error) {
  return SubscribeWith(group, on_view, subscription, error, [&] {
    return group->group.SubscribeViews(cohort::c_api::ToViewCallback(on_view, user));
  });
}

cohort_status_t cohort_group_subscribe_messages(cohort_group_t* group, cohort_message_fn on_message,
                                                void* user, cohort_subscription_t** subscription,
                                                cohort_error_t** error) {
  return SubscribeWith(group, on_message, subscription, error, [&] {
    return group->group.SubscribeMessages(cohort::c_api::ToMessageCallback(on_message, user));
  });
}

cohort_status_t cohort_group_subscribe_events(cohort_group_t* group, cohort_event_fn on_event,
                                              void* user, cohort_subscription_t** subscription,
                                              cohort_error_t** error) {
  return SubscribeWith(group, on_event, subscription, error, [&] {
    return group->group.SubscribeEvents(cohort::c_api::ToEventCallback(on_event, user));
  });
}

}  // extern "C"
