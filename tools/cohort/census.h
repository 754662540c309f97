// Who sends to a group's multicast address: counts what was heard there by sender, told apart by
// what Security says of each packet. It listens only.
//
// Limits: kSendersMax senders, what others send is counted together; memory is bounded by that.
#ifndef COHORT_TOOLS_CENSUS_H_
#define COHORT_TOOLS_CENSUS_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/buffer.h"
#include "base/types.h"
#include "security/security.h"

namespace cohort::tools {

inline constexpr size_t kSendersMax = 256;

class Census {
 public:
  enum class Kind : uint8_t {
    kMember,           // Of this group: its tag, and the key opens what a stranger can open.
    kForeignGroup,     // Another name or another key: from outside they look alike.
    kOtherEncryption,  // Encrypted while this group is not, or the other way round.
    kOtherVersion,
    kForged,   // This group's tag, but the key does not open it.
    kUnknown,  // Not Cohort's.
    kDoctor,   // Empty datagrams, the sign of another `cohort doctor`.
    kCount,
  };
  struct Sender {
    std::array<uint64_t, static_cast<size_t>(Kind::kCount)> packets{};
    std::string name;  // As it said itself, once something was opened; no control characters.
    std::string view;  // Likewise, of a coordinator: "7-9f03... of 3 members".
    uint32_t view_members = 0;  // Of that view.
    uint64_t Of(Kind kind) const { return packets[static_cast<size_t>(kind)]; }
  };

  // No key: the group runs without encryption.
  Census(const std::string& group, const std::optional<security::GroupKey>& key);

  void Add(Instant now, const Address& from, Bytes datagram);
  const std::map<Address, Sender>& senders() const { return senders_; }
  uint64_t surplus_packets() const { return surplus_packets_; }  // Of senders beyond the limit.

 private:
  void ReadFrames(Buffer plaintext, Sender& sender) const;

  std::string group_;
  security::Security security_;
  std::map<Address, Sender> senders_;
  uint64_t surplus_packets_ = 0;
};

}  // namespace cohort::tools

#endif  // COHORT_TOOLS_CENSUS_H_
