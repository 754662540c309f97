// Asynchronous calls of Group, Channel and ReplicatedMap with completion tokens of Asio: callbacks,
// asio::use_future, asio::use_awaitable, asio::deferred, and what is made of them by
// asio::bind_executor, asio::bind_cancellation_slot and the like.
//
// Optional. Nothing else of Cohort shows Asio, cohort/cohort.h does not include this file, and the
// target Cohort::cohort does not bring Asio. A program has standalone Asio of its own, or asks for
// find_package(Cohort COMPONENTS asio) and links Cohort::asio. With a static libcohort, which has
// Asio inside, do the latter: all files of one program must be compiled with one Asio and the same
// ASIO_ macros.
//
// Each function is the method of its name, with a token in the place of the callback. The token's
// signature is void(WriteResult), void(RequestResult) for RequestAsync, or void(absl::Status) for
// SendAsync; errors are in it, and nothing is thrown. A refusal (full queue, value too large, group
// left) comes the same way, never inside the call.
//
// What is passed is copied in the call, so keys and values need not outlive it, and tokens that
// start late (asio::use_awaitable, asio::deferred) are safe. Only a Group, which cannot be copied,
// must live until the call has started.
//
// Threads: any. The handler runs on its associated executor, which counts it as outstanding work
// until then: io_context::run() does not return before. A handler without one (a plain callback)
// runs on the group's delivery thread like every callback, or, after a refusal, on a thread of
// Asio's system_executor; a future is ready from there. The execution context must outlive the
// group: the delivery thread may still be inside post() when the handler has run already.
//
// Cancellation ends the wait, not the write. A write is on its way before anybody can cancel it,
// and cannot be called back: the handler gets kCancelled at once, and the write takes effect, or
// not, as if its timeout had passed. So these calls obey asio::cancellation_type::terminal and
// partial, and ignore total, which asks that nothing happen.
//
// ```cpp
// asio::awaitable<absl::Status> CountVisit(cohort::ReplicatedMap map, std::string page) {
//   const cohort::WriteResult visits =
//       co_await cohort::IncrementAsync(map, page, 1, {}, asio::use_awaitable);
//   if (!visits.ok()) co_return visits.status;
//   std::printf("%s was visited %d times\n", page.c_str(), static_cast<int>(visits.number));
//   co_return absl::OkStatus();
// }
// ```
#ifndef COHORT_ASIO_H_
#define COHORT_ASIO_H_

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cohort/channel.h"
#include "cohort/delivery_class.h"
#include "cohort/group.h"
#include "cohort/ids.h"
#include "cohort/options.h"
#include "cohort/replicated_map.h"
#include "cohort/request.h"
#include "cohort/write_batch.h"

namespace cohort {
namespace detail {

// A handler that waits, called once, by whichever comes first: the answer, a refusal, or a
// cancellation. Those may race; whoever wins touches the handler from then on, the others do not.
template <class Handler, class Result>
class TokenWait : public std::enable_shared_from_this<TokenWait<Handler, Result>> {
 public:
  explicit TokenWait(Handler handler)
      : handler_(std::move(handler)), work_(asio::make_work_guard(handler_)) {}

  // Before the call is made: afterwards the handler may be gone.
  void ListenForCancellation() {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.assign([weak = this->weak_from_this()](asio::cancellation_type type) {
      using asio::cancellation_type;
      if ((type & (cancellation_type::terminal | cancellation_type::partial)) ==
          cancellation_type::none)
        return;
      if (const auto wait = weak.lock()) {
        wait->Refuse(absl::CancelledError(
            "the wait was cancelled; what was sent may take effect all the same"));
      }
    });
  }

  void Answer(const Result& result) {
    if (!ended_.exchange(true)) asio::dispatch(work_.get_executor(), Ending(result));
  }
  // Never calls the handler inside: who starts or cancels does not expect it.
  void Refuse(absl::Status status) {
    if (ended_.exchange(true)) return;
    Result result;
    if constexpr (std::same_as<Result, absl::Status>) {
      result = std::move(status);
    } else {
      result.status = std::move(status);
    }
    asio::post(work_.get_executor(), Ending(std::move(result)));
  }

 private:
  auto Ending(Result result) {
    return [self = this->shared_from_this(), result = std::move(result)]() mutable {
      auto slot = asio::get_associated_cancellation_slot(self->handler_);
      if (slot.is_connected()) slot.clear();
      // What the handler holds may be this wait's last owner, and its work ends as it begins.
      Handler handler(std::move(self->handler_));
      self->work_.reset();
      self.reset();
      std::move(handler)(std::move(result));
    };
  }

  Handler handler_;
  asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
  std::atomic<bool> ended_{false};
};

// start(done) makes the call; it owns what it needs, since some tokens start later.
template <class Result, class Token, class Start>
auto Initiate(Start start, Token&& token) {
  return asio::async_initiate<Token, void(Result)>(
      [](auto&& handler, auto begin) {
        using Handler = std::decay_t<decltype(handler)>;
        const auto wait =
            std::make_shared<TokenWait<Handler, Result>>(std::forward<decltype(handler)>(handler));
        wait->ListenForCancellation();
        absl::Status status = begin([wait](const Result& result) { wait->Answer(result); });
        if (!status.ok()) wait->Refuse(std::move(status));
      },
      token, std::move(start));
}

}  // namespace detail

// ---- Group.

// As SendSync: ends when every member has delivered the message.
template <class Token>
auto SendAsync(Group& group, std::string_view payload, DeliveryClass delivery,
               absl::Duration timeout, Token&& token) {
  return detail::Initiate<absl::Status>(
      [&group, payload = std::string(payload), delivery,
       timeout](std::function<void(const absl::Status&)> done) {
        return group.SendAsync(payload, delivery, timeout, std::move(done));
      },
      std::forward<Token>(token));
}

// ---- Channel.

template <class Token>
auto SendAsync(Channel channel, std::string_view payload, DeliveryClass delivery,
               absl::Duration timeout, Token&& token) {
  return detail::Initiate<absl::Status>(
      [channel = std::move(channel), payload = std::string(payload), delivery,
       timeout](std::function<void(const absl::Status&)> done) mutable {
        return channel.SendAsync(payload, delivery, timeout, std::move(done));
      },
      std::forward<Token>(token));
}

// Cancellation ends the wait; the request is handled all the same.
template <class Token>
auto RequestAsync(Channel channel, std::string_view payload, const RequestOptions& options,
                  Token&& token) {
  return detail::Initiate<RequestResult>(
      [channel = std::move(channel), payload = std::string(payload),
       options](RequestCallback done) mutable {
        return channel.RequestAsync(payload, options, std::move(done));
      },
      std::forward<Token>(token));
}

// ---- ReplicatedMap. Tokens of void(WriteResult); its errors are listed with WriteResult::status.

template <class Token>
auto PutAsync(ReplicatedMap map, std::string_view key, std::string_view value,
              const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), value = std::string(value),
       options](WriteCallback done) mutable {
        return map.PutAsync(key, value, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto PutIfAsync(ReplicatedMap map, std::string_view key, Version expected, std::string_view value,
                const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), expected, value = std::string(value),
       options](WriteCallback done) mutable {
        return map.PutIfAsync(key, expected, value, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto PutIfAbsentAsync(ReplicatedMap map, std::string_view key, std::string_view value,
                      const WriteOptions& options, Token&& token) {
  return PutIfAsync(std::move(map), key, Version::None(), value, options,
                    std::forward<Token>(token));
}

template <class Token>
auto EraseAsync(ReplicatedMap map, std::string_view key, const WriteOptions& options,
                Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), options](WriteCallback done) mutable {
        return map.EraseAsync(key, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto EraseIfAsync(ReplicatedMap map, std::string_view key, Version expected,
                  const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), expected,
       options](WriteCallback done) mutable {
        return map.EraseIfAsync(key, expected, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto IncrementAsync(ReplicatedMap map, std::string_view key, int64_t delta,
                    const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), delta, options](WriteCallback done) mutable {
        return map.IncrementAsync(key, delta, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto AppendAsync(ReplicatedMap map, std::string_view key, std::string_view suffix,
                 const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), suffix = std::string(suffix),
       options](WriteCallback done) mutable {
        return map.AppendAsync(key, suffix, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto ExpireAsync(ReplicatedMap map, std::string_view key, absl::Duration ttl,
                 const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), ttl, options](WriteCallback done) mutable {
        return map.ExpireAsync(key, ttl, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto PersistAsync(ReplicatedMap map, std::string_view key, const WriteOptions& options,
                  Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), key = std::string(key), options](WriteCallback done) mutable {
        return map.PersistAsync(key, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto WriteAsync(ReplicatedMap map, WriteBatch batch, const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), batch = std::move(batch), options](WriteCallback done) mutable {
        return map.WriteAsync(batch, options, std::move(done));
      },
      std::forward<Token>(token));
}

template <class Token>
auto ClearAsync(ReplicatedMap map, const WriteOptions& options, Token&& token) {
  return detail::Initiate<WriteResult>(
      [map = std::move(map), options](WriteCallback done) mutable {
        return map.ClearAsync(options, std::move(done));
      },
      std::forward<Token>(token));
}

}  // namespace cohort

#endif  // COHORT_ASIO_H_
