// Seals every datagram that leaves and opens every datagram that arrives. Knows views only as lists
// of members.
//
// Idea: every sender has a subkey of its own, derived from the group's key, its instance, its
// join_no and the channel; its packet number is the nonce. What a packet is meant for (the ViewId,
// and the receiver of a unicast) is authenticated without being sent. Before the AEAD a packet
// costs a few comparisons; only strangers cost a key derivation, and they are rationed first.
// Chapter 10 of docs/protocol.md; bytes in docs/wire_format.md.
//
// Covered: reading, altering, forging, replaying and cross-posting by anybody without the key. Not
// covered: members lie about one another, and a flood still fills the network. Threads: none; the
// engine's caller serialises. Memory: about 3 KiB a sender heard.
#ifndef COHORT_SECURITY_SECURITY_H_
#define COHORT_SECURITY_SECURITY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/types.h"
#include "security/group_key.h"
#include "security/key_derivation.h"
#include "security/packet_opener.h"
#include "security/packet_sealer.h"
#include "security/stranger_limiter.h"
#include "security/stranger_table.h"
#include "security/verdict.h"
#include "wire/packet_header.h"

namespace cohort::security {

inline constexpr size_t kAcceptedViewsMax = 4;
inline constexpr size_t kOwnJoinsKept = 8;

class Security {
 public:
  struct Options {
    std::string group;
    std::optional<GroupKey> key;  // None: plaintext, no tag, nothing is authenticated.
    KeyEpoch epoch = 0;
    MemberId self;                     // The instance stays; join_no is that of the first attempt.
    uint64_t first_packet_number = 1;  // Later only in tests of the limits.
  };
  explicit Security(const Options& options);

  // From now on packets to strangers come from this attempt. Never goes back.
  void SetJoinNo(uint32_t join_no);
  // All views whose packets are opened from now on. Replay windows of members in any of them live
  // on. At most kAcceptedViewsMax accepted ones; further ones are not opened.
  void SetViews(std::optional<ViewContext> current, std::optional<ViewContext> previous,
                std::vector<ViewContext> accepted);

  // Appends one datagram to `arena` and returns its size; 0 (and Stats::seals_refused) when it
  // cannot be sealed: there is no such view or rank, we are not in it, the frames are longer than
  // kJumboFramesMax, the subkey is used up. `frames` must not lie in `arena`. `to`: a rank of that
  // view, or kAllRanks for multicast. One pass over the bytes, no allocation but the arena's
  // growth.
  size_t Seal(ViewSlot view, Rank to, Bytes frames, std::vector<std::byte>& arena);
  // To somebody outside our views: bound to one instance when it is known, else for everyone who
  // hears it. At most wire::kStrangerFramesMax bytes.
  size_t SealStranger(std::optional<InstanceId> to, Bytes frames, std::vector<std::byte>& arena);

  // Opens one datagram. `from` is used for rationing strangers only. A packet that is kOk costs one
  // allocation; a member's that is not, none; an unknown stranger's, within its ration, a subkey.
  OpenResult Open(Instant now, const Address& from, Bytes datagram);

  // A subkey has sealed more than kRekeyAfterPackets: time for a new epoch or a new join_no.
  bool NeedsRekey() const;
  bool plaintext() const { return !encrypted_; }
  bool UsesIpsecMb() const { return encrypted_ && BestCipherLibrary() == CipherLibrary::kIpsecMb; }
  uint32_t group_tag() const { return keys_.group_tag(); }
  uint32_t ViewTag(const ViewId& view) const { return keys_.ViewTag(view); }
  TlsPsk LifelinePsk() const { return keys_.LifelinePsk(); }
  uint64_t TableSeed() const { return keys_.TableSeed(); }
  const Stats& stats() const { return stats_; }
  bool IsConsistent() const;

 private:
  struct KnownView {
    ViewSlot slot = ViewSlot::kNone;
    ViewContext context;
    uint32_t tag = 0;
    std::vector<std::shared_ptr<PacketOpener>> openers;  // By rank.
  };

  const KeyDerivation* PacketKeys() const { return encrypted_ ? &keys_ : nullptr; }
  wire::PacketHeader NewHeader(wire::PacketType type) const;
  PacketSealer* SealerOf(uint32_t join_no);
  const KnownView* FindView(ViewSlot slot) const;
  const KnownView* FindViewByTag(uint32_t tag) const;
  size_t CountSeal(size_t size);
  void AddView(ViewSlot slot, ViewContext context, const std::vector<KnownView>& before);

  Verdict CheckHeader(const wire::PacketHeader& header) const;
  Verdict OpenMember(const wire::PacketHeader& header, Bytes datagram, OpenResult& result);
  Verdict OpenStranger(Instant now, const Address& from, const wire::PacketHeader& header,
                       Bytes datagram, OpenResult& result);
  bool OpenBody(PacketOpener& opener, const wire::PacketHeader& header, const Binding& binding,
                Bytes datagram, OpenResult& result);

  bool encrypted_;
  KeyEpoch epoch_;
  InstanceId instance_;
  uint32_t join_no_;
  uint64_t first_packet_number_;
  KeyDerivation keys_;
  uint32_t plaintext_tag_;  // What this group's tag would be without a key: to name a misconfigured
                            // peer.
  std::vector<KnownView> views_;
  std::map<uint32_t, PacketSealer> sealers_;  // By join_no, the latest kOwnJoinsKept.
  uint32_t oldest_join_no_ = 0;  // Below it numbers are forgotten, so nothing is sealed any more.
  StrangerLimiter limiter_;
  StrangerTable strangers_;
  // Where bodies are decrypted, small and large ones; kept when they turn out forged.
  Buffer spare_;
  Buffer large_spare_;
  Stats stats_;
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_SECURITY_H_
