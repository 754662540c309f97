// Strangers that proved to hold the key, with their subkeys and replay windows: the last
// kStrangersMax heard. A forger never gets in here, so it pushes nobody out.
#ifndef COHORT_SECURITY_STRANGER_TABLE_H_
#define COHORT_SECURITY_STRANGER_TABLE_H_

#include <list>
#include <map>
#include <memory>

#include "base/types.h"
#include "security/packet_opener.h"

namespace cohort::security {

inline constexpr size_t kStrangersMax = 256;

class StrangerTable {
 public:
  // Null when it is not known.
  PacketOpener* Find(const MemberId& stranger);
  // Marks `stranger` as heard just now, adding `opener` if it is new; the one heard least recently
  // makes room.
  void Touch(const MemberId& stranger, std::unique_ptr<PacketOpener> opener);
  size_t size() const { return by_id_.size(); }
  void Clear();

 private:
  std::list<std::unique_ptr<PacketOpener>> recent_;  // Latest first.
  std::map<MemberId, std::list<std::unique_ptr<PacketOpener>>::iterator> by_id_;
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_STRANGER_TABLE_H_
