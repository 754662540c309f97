#include "resp_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hash_value.h"
#include "resp_commands.h"
#include "resp_parser.h"

namespace cohort::tools {
namespace {

constexpr std::string_view kSeveralDatabases =
    "EXECABORT Transaction discarded because it writes to several databases: write to each in a "
    "transaction of its own";

std::vector<std::string_view> Views(const std::vector<std::string>& request) {
  return {request.begin(), request.end()};
}

// Calls visit(key) for each key among the arguments.
template <class Visit>
void ForEachKey(const RespCommand& command, Arguments arguments, Visit visit) {
  if (command.first_key == 0) return;
  const auto size = static_cast<int>(arguments.size());
  const int last =
      command.last_key < 0 ? size + command.last_key : std::min(command.last_key, size - 1);
  for (int i = command.first_key; i <= last; i += command.key_step)
    visit(arguments[static_cast<size_t>(i)]);
}

}  // namespace

RespSession::RespSession(RespService& service, uint64_t id, std::string peer)
    : service_(service),
      id_(id),
      peer_(std::move(peer)),
      authenticated_(service.options.password.empty()) {}

RespSession::Slot& RespSession::AddSlot() {
  Slot& slot = slots_.emplace_back();
  slot.reply.set_version(version_);
  return slot;
}

void RespSession::SetReady(Slot& slot) {
  slot.ready = true;
  held_bytes_ += slot.reply.size();
}

void RespSession::Fail(std::string_view error) {
  Slot& slot = AddSlot();
  slot.reply.Error(error);
  SetReady(slot);
  ++service_.stats.errors;
  multi_failed_ = in_multi_;
}

RespSession::Outcome RespSession::Execute(Arguments arguments) {
  if (arguments.empty()) return Outcome::kDone;
  if (closing_) return Outcome::kClose;
  if (slots_.size() >= kRespSlotsMax || (held_bytes_ >= kRespHeldMax && !slots_.front().ready))
    return Outcome::kWait;
  const RespCommand* command = FindRespCommand(arguments[0]);
  const auto count = static_cast<int>(arguments.size());
  if (command == nullptr) {
    Fail(UnknownCommand(arguments));
  } else if (command->arity >= 0 ? count != command->arity : count < -command->arity) {
    Fail(WrongArgumentCount(arguments[0]));
  } else if (!authenticated_ && (command->flags & RespCommand::kNoAuth) == 0) {
    Fail("NOAUTH Authentication required.");
  } else if (OnlyListens() && (command->flags & RespCommand::kListening) == 0) {
    Fail(absl::StrCat("ERR Can't execute '", command->name,
                      "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
                      "in this context"));
  } else if (in_multi_ && (command->flags & RespCommand::kInMulti) == 0) {
    Queue(*command, arguments);
  } else if (MustWait(*command, arguments)) {
    return Outcome::kWait;
  } else {
    const Outcome outcome =
        command->control != nullptr ? RunControl(*command, arguments) : Run(*command, arguments);
    if (outcome == Outcome::kWaitForRoom) return outcome;
  }
  ++service_.stats.commands;
  return closing_ ? Outcome::kClose : Outcome::kDone;
}

bool RespSession::MustWait(const RespCommand& command, Arguments arguments) const {
  if (writes_pending_ == 0) return false;
  if ((command.flags & RespCommand::kWholeMap) != 0) return true;
  if ((command.flags & (RespCommand::kWrite | RespCommand::kReadOnly)) == 0) return false;
  if (works_pending_ > 0) return true;  // It may run again, and must not see what comes after it.
  WritePlan plan;
  if (command.plan != nullptr && command.plan(arguments, plan))
    return false;  // Writes keep their order by themselves.
  bool wait = false;
  ForEachKey(command, arguments, [&](std::string_view key) {
    wait = wait || pending_keys_.find(key) != pending_keys_.end();
  });
  return wait;
}

RespSession::Outcome RespSession::RunControl(const RespCommand& command, Arguments arguments) {
  Slot& slot = AddSlot();
  submission_ = Submission::kAnswered;
  RespReply reply(version_);
  const bool needs_state = (command.flags & RespCommand::kReadOnly) != 0;
  const MemberId before = needs_state ? StateHolder() : MemberId();
  if (needs_state && before == MemberId()) {
    reply.Error(kLoading);
  } else {
    command.control(*this, arguments, reply);
  }
  // Read while the member fell out of the group, or came back: of no state, or of two.
  if (needs_state && !reply.has_error() && StateHolder() != before) {
    reply = RespReply(version_);
    reply.Error(kLoading);
  }
  if (submission_ == Submission::kNoRoom) {
    DropLastSlot();
    return Outcome::kWaitForRoom;
  }
  if (submission_ == Submission::kPending || slot.ready) return Outcome::kDone;
  if (reply.has_error()) ++service_.stats.errors;
  slot.reply = std::move(reply);
  SetReady(slot);
  return Outcome::kDone;
}

bool RespSession::IsPlanned(const RespCommand& command, Arguments arguments,
                            WritePlan& plan) const {
  const bool writes = (command.flags & RespCommand::kWrite) != 0;
  const ReplicatedMap& target = service_.maps[database_];
  if (writes && target.kind() == MapKind::kConvergent && PlanConvergent(target, arguments, plan))
    return true;
  plan = {};
  return command.plan != nullptr && command.plan(arguments, plan);
}

RespSession::Outcome RespSession::Run(const RespCommand& command, Arguments arguments) {
  Slot& slot = AddSlot();
  const uint64_t number = first_slot_ + slots_.size() - 1;
  WritePlan plan;
  Submission submission = Submission::kAnswered;
  if (IsPlanned(command, arguments, plan)) {
    submission = SubmitPlan(slot, number, plan);
    if (submission == Submission::kPending) {
      ForEachKey(command, arguments, [&](std::string_view key) {
        slot.keys.emplace_back(key);
        ++pending_keys_[slot.keys.back()];
      });
    }
  } else if ((command.flags & RespCommand::kWrite) == 0) {
    MapTransaction keys(service_.maps, database_);
    command.run(keys, arguments, slot.reply);
    if (keys.unavailable() || (keys.too_big() && !slot.reply.too_big())) {
      slot.reply = RespReply(version_);
      slot.reply.Error(keys.unavailable() ? kLoading : kTransactionTooBig);
    }
    SetReady(slot);
    if (slot.reply.has_error()) ++service_.stats.errors;
  } else {
    slot.work = std::make_unique<Work>();
    slot.work->requests.emplace_back(arguments.begin(), arguments.end());
    slot.work->database = database_;
    submission = RunWork(slot, number);
  }
  if (submission != Submission::kNoRoom) return Outcome::kDone;
  DropLastSlot();
  return Outcome::kWaitForRoom;
}

MemberId RespSession::StateHolder() const {
  const Group& group = *service_.group;
  if (!group.synced()) return {};
  for (const Member& member : group.view().members) {
    if (member.id.instance == group.id().instance) return member.id;
  }
  return {};
}

void RespSession::Submit(const WritePlan& plan) {
  submission_ = SubmitPlan(slots_.back(), first_slot_ + slots_.size() - 1, plan);
}

void RespSession::Drain(absl::Duration timeout, RespReply& reply) {
  Slot& slot = slots_.back();
  slot.answer = WritePlan::Answer::kOk;
  const WriteCallback done = Callback(first_slot_ + slots_.size() - 1);
  const bool begun = service_.drain && service_.drain(timeout, [done](const absl::Status& status) {
    WriteResult result;
    result.status = status;
    done(result);
  });
  if (!begun) return reply.Error("ERR this member is being drained already");
  ++writes_pending_;
  submission_ = Submission::kPending;
}

RespSession::Submission RespSession::SubmitPlan(Slot& slot, uint64_t number,
                                                const WritePlan& plan) {
  WriteOptions options{.ack = service_.options.ack,
                       .ttl = plan.ttl,
                       .keep_ttl = plan.keep_ttl,
                       .timeout = service_.options.timeout};
  slot.answer = plan.answer;
  slot.number = plan.number;
  slot.increment = plan.operation == WritePlan::Operation::kIncrement;
  slot.database = database_;
  const absl::Status status = Call(plan, options, Callback(number));
  if (!status.ok()) return Answer(slot, status);
  ++writes_pending_;
  return Submission::kPending;
}

absl::Status RespSession::Call(const WritePlan& plan, const WriteOptions& options,
                               WriteCallback done) const {
  ReplicatedMap& target = service_.maps[database_];
  switch (plan.operation) {
    case WritePlan::Operation::kPut:
      return target.PutAsync(plan.key, plan.value, options, std::move(done));
    case WritePlan::Operation::kPutIfAbsent:
      return target.PutIfAbsentAsync(plan.key, plan.value, options, std::move(done));
    case WritePlan::Operation::kErase:
      return target.EraseAsync(plan.key, options, std::move(done));
    case WritePlan::Operation::kIncrement:
      return target.IncrementAsync(plan.key, plan.delta, options, std::move(done));
    case WritePlan::Operation::kExpire:
      return target.ExpireAsync(plan.key, plan.ttl, options, std::move(done));
    case WritePlan::Operation::kBatch:
      return target.WriteAsync(plan.batch, options, std::move(done));
    case WritePlan::Operation::kPutAttributes:
      return target.PutAttributesAsync(plan.key, plan.attributes, options, std::move(done));
    case WritePlan::Operation::kEraseAttributes:
      return target.EraseAttributesAsync(plan.key, plan.names, options, std::move(done));
    case WritePlan::Operation::kClear:
      return target.ClearAsync(options, std::move(done));
  }
  return absl::InternalError("no such operation");
}

WriteCallback RespSession::Callback(uint64_t number) const {
  return [queue = service_.completions, session = id_, number](const WriteResult& result) {
    queue->Push({session, number, result});
  };
}

// A call that was refused at once.
RespSession::Submission RespSession::Answer(Slot& slot, const absl::Status& status) {
  if (status.code() == absl::StatusCode::kResourceExhausted) return Submission::kNoRoom;
  if (status.code() == absl::StatusCode::kUnavailable && !service_.group->synced()) {
    slot.reply = RespReply(slot.reply.version());
    slot.reply.Error(kLoading);
    SetReady(slot);
    ++service_.stats.errors;
    return Submission::kAnswered;
  }
  WriteResult result;
  result.status = status;
  AnswerWrite(slot, result);
  return Submission::kAnswered;
}

// Runs the commands against the map as it is now, and offers the difference to the group.
RespSession::Submission RespSession::RunWork(Slot& slot, uint64_t number) {
  Work& work = *slot.work;
  ++work.attempts;
  MapTransaction keys(service_.maps, work.database);
  RespReply reply(slot.reply.version());
  if (work.multi) reply.Array(work.requests.size());
  for (const Request& request : work.requests) {
    const std::vector<std::string_view> arguments = Views(request);
    RespReply part(slot.reply.version());
    FindRespCommand(request[0])->run(keys, arguments, part);
    if (part.has_error()) ++service_.stats.errors;
    reply.Raw(part.text());
    if (keys.unavailable() || keys.too_big() || reply.too_big()) break;
  }
  const std::vector<size_t> written = keys.WrittenMaps();
  work.database_after = work.database;
  if (keys.unavailable() || keys.too_big() || written.size() > 1) {
    reply = RespReply(slot.reply.version());
    reply.Error(keys.unavailable() ? kLoading
                : keys.too_big()   ? kTransactionTooBig
                                   : kSeveralDatabases);
  } else if (!reply.too_big()) {
    work.database_after = keys.selected();
  }
  if (!reply.has_error() && !written.empty()) {
    const WriteOptions options{.ack = service_.options.ack, .timeout = service_.options.timeout};
    const absl::Status status = service_.maps[written.front()].WriteAsync(
        keys.ToBatch(written.front()), options, Callback(number));
    if (!status.ok()) return Answer(slot, status);
    slot.reply = std::move(reply);
    ++writes_pending_;
    ++works_pending_;
    return Submission::kPending;
  }
  slot.reply = std::move(reply);
  SetReady(slot);
  return Submission::kAnswered;
}

void RespSession::OnWritten(const WriteCompletion& completion) {
  if (completion.slot < first_slot_ || completion.slot - first_slot_ >= slots_.size()) return;
  Slot& slot = slots_[completion.slot - first_slot_];
  if (slot.ready) return;
  --writes_pending_;
  if (!slot.work) {
    AnswerWrite(slot, completion.result);
    ForgetKeys(slot);
    return;
  }
  --works_pending_;
  if (completion.result.status.code() != absl::StatusCode::kAborted) {
    if (completion.result.ok()) {
      last_replicas_ = completion.result.replicas;
      SetReady(slot);
    } else {
      AnswerWrite(slot, completion.result);
    }
    return;
  }
  ++service_.stats.transactions_repeated;
  if (slot.work->attempts < kTransactionAttemptsMax &&
      RunWork(slot, completion.slot) != Submission::kNoRoom) {
    return;
  }
  slot.reply = RespReply(slot.reply.version());
  slot.reply.Error(
      "TRYAGAIN other clients keep writing the same keys, or the group's send queue is full");
  SetReady(slot);
  ++service_.stats.errors;
}

void RespSession::ForgetKeys(Slot& slot) {
  for (const std::string& key : slot.keys) {
    const auto found = pending_keys_.find(key);
    if (found != pending_keys_.end() && --found->second == 0) pending_keys_.erase(found);
  }
  slot.keys.clear();
}

void RespSession::AnswerWrite(Slot& slot, const WriteResult& result) {
  FillAnswer(slot, result);
  SetReady(slot);
}

void RespSession::FillAnswer(Slot& slot, const WriteResult& result) {
  slot.reply = RespReply(slot.reply.version());
  const bool refused = result.status.code() == absl::StatusCode::kAborted ||
                       result.status.code() == absl::StatusCode::kNotFound;
  if (result.ok()) {
    last_replicas_ = result.replicas;
    switch (slot.answer) {
      case WritePlan::Answer::kOk:
      case WritePlan::Answer::kOkOrNull:
        return slot.reply.Ok();
      case WritePlan::Answer::kNumber:
        return slot.reply.Integer(result.number);
      case WritePlan::Answer::kOneOrZero:
        return slot.reply.Integer(1);
      case WritePlan::Answer::kFixed:
        return slot.reply.Integer(slot.number);
    }
  }
  if (refused && slot.answer == WritePlan::Answer::kOneOrZero) return slot.reply.Integer(0);
  if (refused && slot.answer == WritePlan::Answer::kOkOrNull) return slot.reply.Null();
  ++service_.stats.errors;
  const bool no_number = slot.increment && !slot.keys.empty() &&
                         result.status.code() == absl::StatusCode::kFailedPrecondition;
  slot.reply.Error(no_number ? NoNumber(slot.database, slot.keys.front())
                             : ErrorText(result.status));
}

std::string RespSession::NoNumber(size_t database, std::string_view key) const {
  const absl::StatusOr<Entry> entry = service_.maps[database].Get(key);
  return std::string(entry.ok() && IsHash(entry->value) ? kWrongType : kNotAnInteger);
}

std::string RespSession::ErrorText(const absl::Status& status) const {
  const auto with = [&](const char* code) { return absl::StrCat(code, " ", status.message()); };
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return with(service_.group != nullptr && !service_.group->writable() ? "READONLY"
                                                                           : "NOREPLICAS");
    case absl::StatusCode::kCancelled:
      return with("READONLY");
    case absl::StatusCode::kFailedPrecondition:  // Being drained, perhaps.
      return with(service_.group != nullptr && !service_.group->writable() ? "READONLY" : "ERR");
    case absl::StatusCode::kDeadlineExceeded:
      return with("TIMEOUT");
    case absl::StatusCode::kResourceExhausted:
      return with("OOM");
    case absl::StatusCode::kOutOfRange:
      return "ERR increment or decrement would overflow";
    default:
      return with("ERR");
  }
}

void RespSession::TakeReplies(std::string& out) {
  while (!slots_.empty() && slots_.front().ready) {
    held_bytes_ -= slots_.front().reply.size();
    out += slots_.front().reply.text();
    slots_.pop_front();
    ++first_slot_;
  }
}

// ---- MULTI.

void RespSession::Queue(const RespCommand& command, Arguments arguments) {
  size_t bytes = 64;
  for (const std::string_view argument : arguments) bytes += argument.size() + 32;
  if (command.run == nullptr) {
    return Fail(absl::StrCat("ERR Command '", command.name, "' not allowed inside a transaction"));
  }
  if (multi_.size() >= kMultiRequestsMax || multi_bytes_ + bytes > kMultiBytesMax) {
    return Fail("ERR transaction too big (at most 4096 commands and 8 MiB)");
  }
  multi_bytes_ += bytes;
  multi_.emplace_back(arguments.begin(), arguments.end());
  Slot& slot = AddSlot();
  slot.reply.Simple("QUEUED");
  SetReady(slot);
}

bool RespSession::OpenMulti() {
  if (in_multi_) return false;
  in_multi_ = true;
  return true;
}

void RespSession::DiscardMulti() {
  in_multi_ = multi_failed_ = false;
  multi_bytes_ = 0;
  multi_.clear();
}

void RespSession::ExecuteMulti(RespReply& reply) {
  if (!in_multi_) return reply.Error("ERR EXEC without MULTI");
  if (multi_failed_) {
    DiscardMulti();
    return reply.Error("EXECABORT Transaction discarded because of previous errors.");
  }
  Slot& slot = slots_.back();
  slot.work = std::make_unique<Work>();
  slot.work->requests = multi_;
  slot.work->multi = true;
  slot.work->database = database_;
  submission_ = RunWork(slot, first_slot_ + slots_.size() - 1);
  if (submission_ == Submission::kNoRoom) return;
  database_ = slot.work->database_after;
  DiscardMulti();
}

// ---- State.

bool RespSession::Authenticate(std::string_view password) {
  const std::string& wanted = service_.options.password;
  unsigned difference = wanted.size() == password.size() ? 0 : 1;
  for (size_t i = 0; i < password.size();
       ++i) {  // Takes as long for a wrong first byte as for a wrong last one.
    const char expected = wanted.empty() ? '\0' : wanted[i % wanted.size()];
    difference |= static_cast<unsigned char>(password[i] ^ expected);
  }
  if (difference != 0) return false;
  authenticated_ = true;
  return true;
}

bool RespSession::Select(size_t database) {
  if (database >= service_.maps.size()) return false;
  database_ = database;
  return true;
}

void RespSession::Reset() {
  DiscardMulti();
  service_.channels.RemoveAll(id_);
  version_ = 2;
  database_ = 0;
  client_name.clear();
  authenticated_ = service_.options.password.empty();
}

}  // namespace cohort::tools
