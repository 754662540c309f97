// What a host asks of its member. Values; the engine answers each accepted command that has an id
// with exactly one DoneUpcall.
#ifndef COHORT_ENGINE_COMMAND_H_
#define COHORT_ENGINE_COMMAND_H_

#include <cstdint>
#include <string>
#include <variant>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/subjects.h"
#include "base/types.h"
#include "map/delta_plan.h"
#include "map/resolver.h"

namespace cohort::engine {

inline constexpr size_t kMessageRoom = 1;  // Before an operation, in a message.

// When a command is done. Each level implies the one before it.
enum class AckLevel : uint8_t {
  kLocal,  // Applied here. A conditional write waits for its cut to be stable all the same: until
           // then its outcome could still be one that nobody else ever sees.
  kOne,    // Applied by at least one other member (if there is one).
  kAll,    // Applied by every member of the view.
};

// Multicasts `payload` to the group. Done when delivered as `ack` says.
struct SendMessage {
  uint64_t id = 0;
  DeliveryClass cls = DeliveryClass::kConv;
  Buffer payload;
  AckLevel ack = AckLevel::kLocal;
  bool channel = false;      // `payload` is a frame of channels (src/messaging).
  bool is_answer = false;    // Taken while this member drains, too: others wait for it.
  bool always_room = false;  // Small, and bounded in number by who sends it.
};
// Opens (creates, if no member has yet) the map `name`. Done when the map exists here;
// DoneUpcall::number is its id. A map that exists with other options: kFailedPrecondition.
struct OpenMap {
  uint64_t id = 0;
  std::string name;
  uint64_t bytes_max = 0;  // Of its entries; 0 for no limit but EngineOptions::map_bytes_max.
  bool convergent = false;
  bool evicts = false;       // MapSettings::evicts.
  map::Resolver resolver{};  // Of this member; none leaves the one before.
};
// An encoded map operation, valid and within the limits: of map/map_op.h, or, for a convergent map,
// of map/convergent_op.h.
struct MapWrite {
  uint64_t id = 0;
  uint32_t map = 0;
  Buffer operation;
  AckLevel ack = AckLevel::kAll;
  bool conditional =
      false;  // Its outcome depends on order: put-if, increment, batch with conditions ...
  // Of a convergent map: behind the operation there will be room for so many bytes, which are
  // written when it leaves (map/convergent_stamp.h). 0: of an ordered one.
  size_t stamp_bytes = 0;
  bool is_release = false;  // Gives up what others wait for: taken while this member drains, too.
  Subjects subjects;        // map::SubjectsOf(); not of a convergent one.
  // `operation` begins with kMessageRoom bytes for the engine to fill, and has those of the stamp
  // at its end: what is large is not copied.
  bool has_room = false;
};
// Makes this member the owner of an entry of a convergent map (Spec 11.20). DoneUpcall: number is
// the claim's epoch; all that the owner before has written by right is applied here. kNotFound: no
// such entry. kAborted: another member was faster.
struct ClaimEntry {
  uint64_t id = 0;
  uint32_t map = 0;
  std::string key;
};
// Writes attributes of an entry of a convergent map that this member owns (Spec 11.24). Nothing
// that it has written to the entry before may be under way. kAborted: nothing was written; write
// whole.
struct WriteDelta {
  uint64_t id = 0;
  uint32_t map = 0;
  map::Delta delta;
  AckLevel ack = AckLevel::kAll;
};
// Reads an entry: of this member if it holds the whole state, otherwise of one that does, as soon
// as there is one. DoneUpcall: value, version and ttl_ms. kNotFound: no such key, or map.
// kDeadlineExceeded, kUnavailable: not answered, or nobody to ask, `within`. kOutOfRange: too large
// for that.
struct ReadEntry {
  uint64_t id = 0;
  std::string map;
  std::string key;
  Duration within = seconds(1);
};
// Proves that all members that hold the whole state hold the same, at one place of the order. Waits
// until at least `holders_min` members do, this one included. DoneUpcall: number and replicas are
// the members that were equal, view and position the place. kDataLoss: some differ.
// kDeadlineExceeded: not so many hold it, or not all have answered, after `within`.
struct VerifyReplicas {
  uint64_t id = 0;
  uint16_t holders_min = 1;
  Duration within = seconds(5);
};
// Writes and messages of this member are refused, so that what was accepted is all there is, until
// as many commands have taken that back (false) as have asked for it. No DoneUpcall.
struct SetDraining {
  bool draining = true;
};
// Leaves the group. Done when the others go on without this member, or after one second.
struct Leave {
  uint64_t id = 0;
};

using Command = std::variant<SendMessage, OpenMap, MapWrite, ClaimEntry, WriteDelta, ReadEntry,
                             VerifyReplicas, SetDraining, Leave>;

// Numbers a command, if it is one that is answered.
inline void SetId(Command& command, uint64_t id) {
  std::visit(
      [id](auto& any) {
        if constexpr (requires { any.id; }) any.id = id;
      },
      command);
}

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_COMMAND_H_
