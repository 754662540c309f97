// SimChannel: a channel at one member of a SimGroup, with the calls of Channel.
#ifndef COHORT_TESTING_SIM_CHANNEL_H_
#define COHORT_TESTING_SIM_CHANNEL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/delivery_class.h"
#include "cohort/options.h"
#include "cohort/request.h"
#include "cohort/subscription.h"

namespace cohort::testing {

class SimWorld;  // Of the library.

// Every call means what the call of its name in Channel means, and has its statuses. What differs
// is what differs between SimMap and ReplicatedMap (cohort/testing/sim_map.h). Subscriptions and
// handlers end with the process: give a new one handlers of its own. A Responder may be kept, and
// used between two calls that run time.
//
// A copyable handle, confined to the thread of its SimGroup.
class SimChannel {
 public:
  const std::string& name() const { return name_; }

  absl::Status Send(std::string_view payload, DeliveryClass delivery = DeliveryClass::kAgreed);
  absl::Status SendSync(std::string_view payload, DeliveryClass delivery = DeliveryClass::kAgreed,
                        absl::Duration timeout = absl::Seconds(5));
  absl::Status SendAsync(std::string_view payload, DeliveryClass delivery, absl::Duration timeout,
                         std::function<void(const absl::Status&)> done);
  Subscription SubscribeMessages(std::function<void(const Message&)> on_message);

  RequestResult Request(std::string_view payload, const RequestOptions& options = {});
  absl::Status RequestAsync(std::string_view payload, const RequestOptions& options,
                            RequestCallback done);
  absl::StatusOr<Subscription> HandleRequests(RequestHandler handler);

 private:
  friend class SimGroup;
  SimChannel(std::shared_ptr<SimWorld> world, size_t member, std::string_view name)
      : world_(std::move(world)), member_(member), name_(name) {}

  std::shared_ptr<SimWorld> world_;
  size_t member_;
  std::string name_;
};

}  // namespace cohort::testing

#endif  // COHORT_TESTING_SIM_CHANNEL_H_
