// Reads of a member that has not got the state yet, answered by one that has.
//
// Idea: each is one question and one answer over the lifeline that the state comes over, too. A few
// are asked at a time, the others wait in order. If who was asked goes, the next one is asked: a
// read changes nothing, so asking twice does no harm. Protocol: docs/protocol/transfer.md, 9.14.
//
// Limits: limits.h. Owner: one Engine. Not thread-safe.
#ifndef COHORT_TRANSFER_READS_H_
#define COHORT_TRANSFER_READS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "cohort/ids.h"
#include "map/map.h"
#include "transfer/output.h"

namespace cohort::transfer {

struct ReadQuestion {
  std::string_view map;  // Both borrow from the message.
  std::string_view key;
};
enum class ReadCode : uint8_t {
  kFound = 0,
  kNoKey = 1,
  kNoMap = 2,
  kNoState = 3,   // It has not got the state itself.
  kTooLarge = 4,  // The value: wait for the state.
};
struct ReadAnswer {
  ReadCode code = ReadCode::kNoKey;
  Version version;
  int64_t ttl_ms = -1;  // What is left of its lifetime; -1: it has none.
  Bytes value;
};
Buffer EncodeRead(uint32_t number, const ReadQuestion& question);
Buffer EncodeReadAnswer(uint32_t number, const ReadAnswer& answer);
std::optional<ReadQuestion> DecodeRead(Bytes message);
std::optional<ReadAnswer> DecodeReadAnswer(Bytes message);

// A read that waits to be answered, and how it ended.
struct WaitingRead {
  uint64_t id = 0;
  std::string map;
  std::string key;
  Instant deadline;
};
struct DoneRead {
  uint64_t id = 0;
  absl::Status status;
  Buffer value;
  Version version;
  int64_t ttl_ms = -1;  // As in ReadAnswer.
};
// Both of a member whose map of that name this is, or null: what it says to who asks it, and what
// has become of a read of its own.
Buffer AnswerRead(uint32_t number, const map::Map* map, std::string_view key, map::GroupTime now);
DoneRead ReadHere(const WaitingRead& read, const map::Map* map, map::GroupTime now);

// How much the members that ask are answered.
class ReadBudget {
 public:
  // Whether `member` is to be answered now, rather than told to ask another one, or later.
  bool HasFor(Instant now, const InstanceId& member);
  void Spend(const InstanceId& member, size_t bytes);
  void OnEndOfTurn() { spent_in_turn_ = 0; }
  uint64_t turned_away() const { return turned_away_; }

 private:
  Instant begun_;                              // Of the second that runs.
  absl::btree_map<InstanceId, size_t> spent_;  // In it.
  size_t spent_in_turn_ = 0;
  uint64_t turned_away_ = 0;
};

class Reads {
 public:
  using Done = DoneRead;
  using Waiting = WaitingRead;

  // Asked with the next SetDonors(). kResourceExhausted: kReadsMax wait.
  absl::Status Add(Waiting read);
  // Those who hold the state now. Whoever was asked and is not among them will not answer.
  void SetDonors(std::vector<MemberId> donors, Output& out);
  // Its lifeline broke. It may be alive, and is asked again a little later.
  void OnGone(Instant now, const MemberId& member, Output& out);
  // An answer; what is no answer to a read of ours is dropped.
  void OnAnswer(Instant now, const MemberId& from, Bytes message, Output& out,
                std::vector<Done>& done);
  void OnTimer(Instant now, Output& out, std::vector<Done>& done);
  Instant NextDeadline() const;
  // All that wait, in order, to be answered in another way.
  std::vector<Waiting> TakeAll();

  bool empty() const { return all_.empty(); }
  size_t size() const { return all_.size(); }

 private:
  struct Read {
    Waiting what;
    std::optional<MemberId> asked;
    // Its time was over. It stays where it was asked, as the answer may be on its way: so a
    // lifeline carries no more answers than that of kReadsAskedMax, however short the times are.
    bool told = false;
  };
  using All = absl::btree_map<uint32_t, Read>;
  void Ask(Output& out);
  const MemberId* DonorWithRoom();
  // Of whom it was asked no answer comes: the next one, if anybody still waits for it.
  All::iterator LetGo(All::iterator it);
  void LeaveOut(Instant now, const MemberId& donor);
  void End(const Read& read, Done result, std::vector<Done>& done);

  All all_;                       // By number, so in the order in which they came.
  std::vector<MemberId> given_;   // By SetDonors() ...
  std::vector<MemberId> donors_;  // ... without those that are left out until `again_`.
  Instant again_ = Instant::Infinite();
  absl::btree_map<MemberId, size_t> asked_;  // How many at a time.
  size_t next_donor_ = 0;
  uint32_t next_ = 1;
};

}  // namespace cohort::transfer

#endif  // COHORT_TRANSFER_READS_H_
