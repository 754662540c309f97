// Channel: messages, requests and answers of one name within a group.
#ifndef COHORT_CHANNEL_H_
#define COHORT_CHANNEL_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cohort/delivery_class.h"
#include "cohort/export.h"
#include "cohort/options.h"
#include "cohort/request.h"
#include "cohort/subscription.h"

namespace cohort {

// What is sent on a channel reaches subscribers and handlers of that channel only, at every member.
// A channel costs its name in each message. Where nobody subscribes to it, a message is dropped on
// receipt and counted ("messaging.unheard" in Group::stats), and a request is answered "no handler"
// (AnswerState::kNoHandler); nobody needs to agree on channels before they are used.
//
// Messages of Group::Send are on no channel. All share one order: a kAgreed message of one channel
// comes before or after one of another at all members alike.
//
// Everything is multicast: a request to one member passes the network interfaces of all, and so
// does its answer. Nobody but those asked is told.
//
// Requests and views: a request is delivered in one view, to all members of that view that go on
// together, or to none of them. Each of them handles it at most once. Those that leave that view
// before they have answered are reported (AnswerState::kLeft) as the next view is installed. If the
// asker itself loses its place (it is excluded, or comes back from the other side of a partition),
// all others count as left, and later answers are dropped; a request that was not sent yet is sent
// once it is back.
//
// Thread-safe; a cheap copyable handle. After its group was left, calls fail with kCancelled.
//
// ```cpp
//   absl::StatusOr<cohort::Channel> stock = group.OpenChannel("stock");
//   if (!stock.ok()) return stock.status();
//   const cohort::RequestResult result = stock->Request("lamps", {.timeout = absl::Seconds(1)});
// ```
class COHORT_EXPORT Channel {
 public:
  Channel(const Channel&);
  Channel(Channel&&) noexcept;
  Channel& operator=(const Channel&);
  Channel& operator=(Channel&&) noexcept;
  ~Channel();  // Closes this handle; subscriptions live on.

  const std::string& name() const;

  // As the methods of Group of these names, but for subscribers of this channel.
  absl::Status Send(std::string_view payload, DeliveryClass delivery = DeliveryClass::kAgreed);
  absl::Status SendSync(std::string_view payload, DeliveryClass delivery = DeliveryClass::kAgreed,
                        absl::Duration timeout = absl::Seconds(5));
  absl::Status SendAsync(std::string_view payload, DeliveryClass delivery, absl::Duration timeout,
                         std::function<void(const absl::Status&)> done);
  Subscription SubscribeMessages(std::function<void(const Message&)> on_message);

  // Asks and waits (blocks). Errors are listed with RequestResult::status.
  RequestResult Request(std::string_view payload, const RequestOptions& options = {});
  // As Request; if it returns OK, `done` is called exactly once, on the delivery thread.
  absl::Status RequestAsync(std::string_view payload, const RequestOptions& options,
                            RequestCallback done);
  // From now on `handler` answers requests of this channel at this member, until the handle is
  // destroyed (whose rules are Subscription's). kAlreadyExists: there is one.
  absl::StatusOr<Subscription> HandleRequests(RequestHandler handler);

  struct COHORT_HIDDEN Impl;  // Of the library.
  COHORT_HIDDEN explicit Channel(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace cohort

#endif  // COHORT_CHANNEL_H_
