// Discovery's messages as values, and their form in bytes.
//
// Limits: names and addresses as wire/limits.h; a body is at most wire::kControlBodyMax bytes. A
// message that decodes is well formed: the name is not empty, the addresses are complete, the group
// is the one that was asked for.
#ifndef COHORT_DISCOVERY_MESSAGE_H_
#define COHORT_DISCOVERY_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/group_sighting.h"
#include "base/types.h"

namespace cohort::discovery {

enum class MessageKind : uint8_t { kHello = 1, kEcho = 2, kOffer = 3, kAnnounce = 4, kWhere = 5 };

// Who speaks. Constant during one search or one membership.
struct Self {
  MemberId id;
  std::string name;
  Address address;
  uint64_t incarnation =
      0;  // Start time of the process: of two of one name the greater is the newer.
  bool carries_state = false;  // Was a member before, and holds what it knew then.
  bool may_form = true;        // Allowed to begin a group when it ranks best among the searchers.
  bool operator==(const Self&) const = default;
};

struct Message {
  MessageKind kind = MessageKind::kHello;
  Self sender;
  uint64_t nonce = 0;
  uint32_t attempt = 0;     // HELLO.
  bool wants_echo = false;  // HELLO.
  GroupSighting sighting;   // OFFER and ANNOUNCE; WHERE: the view of who asks.
};

Buffer Encode(const Message& message, std::string_view group);
// Empty when `body` is malformed, too large or of another group.
std::optional<Message> Decode(Bytes body, std::string_view group);

}  // namespace cohort::discovery

#endif  // COHORT_DISCOVERY_MESSAGE_H_
