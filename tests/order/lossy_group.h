// A group of members, each with the four data-plane layers joined as an engine joins them, over a
// network in virtual time that loses, repeats and reorders. View changes are run by the test
// itself: wedge, trim, fetch, install.
#ifndef COHORT_TESTS_ORDER_LOSSY_GROUP_H_
#define COHORT_TESTS_ORDER_LOSSY_GROUP_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "frag/packer.h"
#include "frag/reassembler.h"
#include "order/cut_order.h"
#include "rmcast/reliable_multicast.h"

namespace cohort::order {

class LossyGroup {
 public:
  struct Options {
    size_t members = 3;
    double loss = 0;
    double duplication = 0;
    Duration delay_min = microseconds(50);
    Duration delay_max = microseconds(50);
    size_t window_chunks_max = 256;
  };

  // A chunk as one member delivered it.
  struct Delivered {
    size_t sender;  // Number of the member, not its rank.
    SeqNo seq;
    DeliveryClass cls;
    uint8_t flags;
    bool transitional;
    bool operator==(const Delivered& other) const {
      return sender == other.sender && seq == other.seq;
    }
  };

  struct Member {
    Member(size_t number, const Options& options, Random& random);
    size_t number;
    rmcast::ReliableMulticast rmcast;
    CutOrder order;
    frag::Packer packer;
    frag::Reassembler reassembler;
    rmcast::ReliableMulticast::Output rmcast_out;
    CutOrder::Output order_out;
    size_t view = 0;  // Index into views().
    bool alive = true;
    bool installing = false;
    bool status_due = false;
    uint32_t status_no = 0;
    Instant turn_ends = Instant::Infinite();
    std::map<size_t, std::vector<Delivered>> delivered;  // By view.
    std::vector<std::string> messages;
  };

  LossyGroup(const Options& options, uint64_t seed);

  Instant now() const { return now_; }
  Random& random() { return random_; }
  Member& member(size_t number) { return *members_[number]; }
  const std::vector<size_t>& view(size_t index) const { return views_[index]; }
  size_t views() const { return views_.size(); }

  void Push(size_t number, frag::Message message);
  void RunUntil(Instant end);
  // Runs until all members of the last view hold and have delivered everything; false after
  // `limit`.
  bool RunUntilQuiet(Duration limit);
  void Crash(size_t number);
  // Installs the next view at `survivors`; false when a member could not be completed.
  bool ChangeView(const std::vector<size_t>& survivors);
  // The trim that ended a view.
  const std::vector<SeqNo>& trim(size_t view) const { return trims_.at(view); }

  // What went wrong so far, in words; empty is good.
  const std::vector<std::string>& faults() const { return faults_; }
  void CheckClosedView(size_t view);
  void CheckMember(Member& member);

 private:
  struct Packet {
    size_t to;
    size_t from;
    size_t view;
    wire::Frame frame;
  };
  using ChunkName = std::tuple<size_t, size_t, SeqNo>;  // View, sender, number.

  Rank RankIn(size_t view, size_t number) const;
  void Transmit(Member& from, const wire::OutFrame& frame);
  void TransmitOne(size_t from, size_t to, size_t view, const wire::Frame& frame);
  void Receive(Member& member, const Packet& packet);
  void Route(Member& member);
  void Deliver(Member& member, const CutOrder::Delivery& delivery);
  void SendChunk(Member& member, DeliveryClass cls, uint8_t flags, Buffer payload);
  void EndOfTurn(Member& member);
  void Install(Member& member, const std::vector<SeqNo>& trim);
  void Fault(const Member& member, const std::string& what);
  bool IsQuiet() const;

  Options options_;
  Random random_;
  Instant now_ = Instant::Zero();
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::vector<size_t>> views_;
  std::map<size_t, std::vector<SeqNo>> trims_;
  std::multimap<Instant, Packet> packets_;
  std::map<ChunkName, std::string> sent_;
  std::map<std::tuple<size_t, size_t>, SeqNo>
      acknowledged_;  // View, sender: acknowledged by all, as it knew.
  std::vector<std::string> faults_;
};

}  // namespace cohort::order

#endif  // COHORT_TESTS_ORDER_LOSSY_GROUP_H_
