// Which group of an endpoint a datagram is for: by the tag in its clear header, at one cost however
// many groups there are.
//
// Idea: a hash table a quarter full at most, and a tray for each group, in which its datagrams of a
// batch are gathered, so that its engine has them in one turn. The tag proves nothing; the group
// itself opens the packet. What is of no group here goes to one of them, each in its turn: it tells
// its user of strangers as if it were alone.
//
// Threads: the I/O thread only.
#ifndef COHORT_RUNTIME_GROUP_TABLE_H_
#define COHORT_RUNTIME_GROUP_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/types.h"
#include "engine/io.h"

namespace cohort::runtime {

// Groups of one endpoint. docs/runtime.md lists it for readers.
inline constexpr size_t kGroupsPerEndpointMax = 64;

class Stream;

// A group as its endpoint sees it. Called on the I/O thread; must not attach or detach there.
class EndpointGroup {
 public:
  virtual ~EndpointGroup() = default;
  // Borrowed for the call; never empty.
  virtual void OnDatagrams(std::span<const engine::Datagram> datagrams) = 0;
  // So many datagrams, of whichever groups, were lost because a socket was full.
  virtual void OnDatagramsLost(uint32_t count) = 0;
  virtual void OnUnreachable(const Address& peer) = 0;
  virtual void OnLink(bool up) = 0;
  virtual void OnMtu(uint32_t bytes) = 0;  // That of the interface has changed.
  // A lifeline whose opener has proved, or said, that it is of this group.
  virtual void OnLifeline(const std::shared_ptr<Stream>& stream) = 0;
};

class GroupTable {
 public:
  // False: the table is full, or has the tag.
  bool Add(uint32_t tag, EndpointGroup& group);
  void Remove(const EndpointGroup& group);
  size_t size() const { return seats_.size(); }
  EndpointGroup& at(size_t index) const { return *seats_[index]->group; }

  // Hands each group its datagrams of a batch, in their order.
  void Deliver(std::span<const engine::Datagram> datagrams);

 private:
  struct Seat {
    uint32_t tag = 0;
    EndpointGroup* group = nullptr;
    std::vector<engine::Datagram> tray;
  };
  static constexpr size_t kPlaces = 4 * kGroupsPerEndpointMax;
  static constexpr int kPlaceShift = 24;  // The upper 8 bits of a hash of 32.
  static_assert(kPlaces == size_t{1} << (32 - kPlaceShift));

  static size_t PlaceOf(uint32_t tag) { return (tag * 2654435761u) >> kPlaceShift; }
  Seat* Find(uint32_t tag) const;
  Seat& SeatFor(const engine::Datagram& datagram);
  void Rebuild();

  std::vector<std::unique_ptr<Seat>> seats_;
  std::array<uint8_t, kPlaces> places_{};  // Index of a seat, plus one; 0: free.
  std::vector<Seat*> filled_;
  size_t next_for_strangers_ = 0;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_GROUP_TABLE_H_
