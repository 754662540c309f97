// One client of the RESP server without its socket: runs requests, keeps replies in order.
//
// Writes are asynchronous: each takes a slot in the queue of replies and the next request runs at
// once. A request that would read what an unfinished write of this session writes has to wait. Used
// by one thread; completions are handed in.
#ifndef COHORT_TOOLS_RESP_SESSION_H_
#define COHORT_TOOLS_RESP_SESSION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resp_command.h"
#include "resp_reply.h"
#include "resp_service.h"

namespace cohort::tools {

inline constexpr size_t kRespSlotsMax = 4096;  // Unanswered requests of one session.
// Replies that are ready but wait for one before them; at this no more requests are run.
inline constexpr size_t kRespHeldMax = size_t{1} << 20;
inline constexpr size_t kMultiRequestsMax = 4096;
inline constexpr size_t kMultiBytesMax = size_t{8} << 20;  // Of them together.
inline constexpr unsigned kTransactionAttemptsMax = 100;

class RespSession {
 public:
  enum class Outcome : uint8_t {
    kDone,
    kWait,         // Call again after a completion.
    kWaitForRoom,  // The group's send queue is full: call again a little later.
    kClose,        // After the replies so far.
  };

  RespSession(RespService& service, uint64_t id, std::string peer);

  Outcome Execute(Arguments arguments);
  void OnWritten(const WriteCompletion& completion);
  // Appends the replies that are ready and whose turn it is.
  void TakeReplies(std::string& out);
  void Fail(std::string_view error);  // Takes a slot like any reply.
  size_t waiting() const { return slots_.size(); }

  // ---- For commands.
  RespService& service() { return service_; }
  const ReplicatedMap& map() const { return service_.maps[database_]; }
  uint64_t id() const { return id_; }
  const std::string& peer() const { return peer_; }
  bool Authenticate(std::string_view password);
  bool authenticated() const { return authenticated_; }
  size_t database() const { return database_; }
  bool Select(size_t database);
  void SetVersion(int version) { version_ = version; }
  // A RESP2 client that listens to channels: it cannot tell a message from a reply, so it may not
  // ask for anything else.
  bool OnlyListens() const {
    return version_ == 2 && !service_.channels.empty() && service_.channels.Count(id_) > 0;
  }
  int version() const { return version_; }
  void Reset();
  void CloseAfterReplies() { closing_ = true; }
  // The reply of the command that is running comes when the write is done.
  void Submit(const WritePlan& plan);
  // As Submit: leaves the group once nothing is lost by it.
  void Drain(absl::Duration timeout, RespReply& reply);
  bool OpenMulti();  // False: already open.
  bool InMulti() const { return in_multi_; }
  void DiscardMulti();
  void ExecuteMulti(RespReply& reply);
  uint32_t last_replicas() const { return last_replicas_; }
  // This member as it stands in the view while it holds the whole state; else none. Another one
  // later means that it was out of the group meanwhile.
  MemberId StateHolder() const;

  std::string client_name;  // CLIENT SETNAME.

 private:
  using Request = std::vector<std::string>;
  // Commands that run against a MapTransaction until their batch is accepted.
  struct Work {
    std::vector<Request> requests;
    bool multi = false;
    unsigned attempts = 0;
    size_t database = 0;        // Where it begins ...
    size_t database_after = 0;  // ... and ends: SELECT may be part of it.
  };
  struct Slot {
    RespReply reply;
    bool ready = false;
    int64_t number = 0;  // Of an answer that is known beforehand.
    WritePlan::Answer answer = WritePlan::Answer::kOk;
    bool increment = false;
    size_t database = 0;            // Of an increment.
    std::vector<std::string> keys;  // Written by it.
    std::unique_ptr<Work> work;
  };
  enum class Submission : uint8_t { kAnswered, kPending, kNoRoom };

  // Whether the quick way will do; then `plan` is it.
  bool IsPlanned(const RespCommand& command, Arguments arguments, WritePlan& plan) const;
  Outcome Run(const RespCommand& command, Arguments arguments);
  Outcome RunControl(const RespCommand& command, Arguments arguments);
  void Queue(const RespCommand& command, Arguments arguments);
  bool MustWait(const RespCommand& command, Arguments arguments) const;
  Submission SubmitPlan(Slot& slot, uint64_t number, const WritePlan& plan);
  absl::Status Call(const WritePlan& plan, const WriteOptions& options, WriteCallback done) const;
  Submission RunWork(Slot& slot, uint64_t number);
  Submission Answer(Slot& slot, const absl::Status& status);
  void AnswerWrite(Slot& slot, const WriteResult& result);
  void FillAnswer(Slot& slot, const WriteResult& result);
  WriteCallback Callback(uint64_t number) const;
  Slot& AddSlot();
  void DropLastSlot() { slots_.pop_back(); }
  void SetReady(Slot& slot);
  void ForgetKeys(Slot& slot);
  // Why the entry cannot be incremented.
  std::string NoNumber(size_t database, std::string_view key) const;
  std::string ErrorText(const absl::Status& status) const;

  RespService& service_;
  const uint64_t id_;
  const std::string peer_;
  int version_ = 2;
  bool authenticated_;
  bool closing_ = false;
  size_t database_ = 0;
  uint32_t last_replicas_ = 0;

  std::deque<Slot> slots_;
  uint64_t first_slot_ = 0;  // Number of slots_.front().
  size_t writes_pending_ = 0;
  size_t works_pending_ = 0;
  size_t held_bytes_ = 0;  // Of replies in slots_ that are ready.
  std::map<std::string, size_t, std::less<>> pending_keys_;

  bool in_multi_ = false;
  bool multi_failed_ = false;
  size_t multi_bytes_ = 0;
  std::vector<Request> multi_;

  Submission submission_ = Submission::kAnswered;  // Of the control command that is running.
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_RESP_SESSION_H_
