// A small world for Membership: hosts on a network of the test, in virtual time, each with a
// Discovery, a failure detector that knows silence only, and a data plane that never has anything
// to deliver. Checks on every install that views agree, contain their installer and grow in number.
#ifndef COHORT_TESTS_MEMBERSHIP_MEMBERSHIP_WORLD_H_
#define COHORT_TESTS_MEMBERSHIP_MEMBERSHIP_WORLD_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "discovery/discovery.h"
#include "membership/membership.h"

namespace cohort::membership {

struct WorldOptions {
  uint64_t seed = 1;
  double loss = 0.0;  // Of datagrams.
  Policy policy = Policy::kAvailable;
  std::string tie_breaker = {};
};

struct HostOptions {
  std::string name = {};              // "host<number>" unless given.
  std::optional<Policy> policy = {};  // The world's unless given.
  bool bootstrap = false;
  uint32_t initial_members = 0;
  size_t members_max = 1024;
  bool without_data = false;
  bool mute = false;  // Never sends a datagram: a joiner that is not heard.
};

class World {
 public:
  explicit World(const WorldOptions& options) : options_(options), random_(options.seed) {}

  void Start(int host, const HostOptions& options = {});
  void Crash(int host);
  // All members of a view with `host` learn at once that it crashed, as from its closed lifelines.
  void ConvictEverywhere(int host);
  void Leave(int host);
  // Hosts hear one another within their part only; hosts not named form part 0. Empty: healed.
  void Partition(const std::map<int, int>& parts) { parts_ = parts; }
  void RunFor(Duration duration);
  // Runs until `done`, at most for `limit`; false when it was not reached.
  bool RunUntil(Duration limit, const std::function<bool()>& done);
  void At(Duration after, std::function<void()> action);
  // Runs before a lifeline message of this type is sent by `host`; true drops the message.
  std::function<bool(int host, wire::StreamMessage type)> on_lifeline;

  bool IsRunning(int host) const { return nodes_.contains(host); }
  Membership& membership(int host) { return *nodes_.at(host)->membership; }
  // The installed view's members are exactly `hosts`, at each of them, under one id.
  bool IsOneView(const std::set<int>& hosts) const;
  // Too few of those who hold the votes of the latest view are running for it to have a successor.
  bool IsQuorumLost() const;
  std::set<int> Running() const;
  std::vector<int> MembersAt(int host) const;          // Hosts, by rank; empty when in no view.
  std::string TextOf(int host, EventKind kind) const;  // Of its latest event of this kind.
  int Count(int host, EventKind kind) const;
  const std::vector<View>& Views(int host) const { return history_.at(host); }
  bool HasLeft(int host) const { return left_.contains(host); }
  size_t distinct_views() const { return known_views_.size(); }
  Instant now() const { return now_; }
  std::string Describe() const;

 private:
  struct Node {
    int host = 0;
    HostOptions options;
    InstanceId instance;
    std::unique_ptr<Random> random;
    std::unique_ptr<Membership> membership;
    std::unique_ptr<discovery::Discovery> discovery;
    ProposalRef view;      // As the engine knows it: what frames are sealed for ...
    ProposalRef previous;  // ... and those marked previous.
    bool terminal = false;
    std::vector<SeqNo> received;
    std::map<MemberId, Instant> heard;
    Instant timer_set_for = Instant::Infinite();
  };
  using Act = std::function<void(Node&, const Turn&, MembershipOutput&)>;

  static Address AddressOf(int host);
  static int HostOf(const Address& address) { return address.ip[2] * 256 + address.ip[3]; }
  bool Reaches(int from, int to) const;
  void Do(int host, const InstanceId& instance, const Act& act);
  void Drain(Node& node, MembershipOutput& out);
  void Install(Node& node, const Installation& installation);
  void Drain(Node& node, const discovery::Output& out);
  void SendFrame(Node& node, const wire::OutFrame& frame);
  void SendLifeline(Node& node, const LifelineMessage& message);
  void SendDatagram(const Node& node, int to, const Act& act);
  void ToNode(int host, Duration after, const Act& act);
  void Discover(Node& node, const std::function<void(discovery::Output&)>& act);
  void Tick(int host, const InstanceId& instance);
  void SetTimer(Node& node);

  const WorldOptions options_;
  Random random_;
  Instant now_ = Instant::Zero() + seconds(1);
  uint64_t order_ = 0;
  std::map<std::pair<Instant, uint64_t>, std::function<void()>> queue_;
  std::map<int, std::shared_ptr<Node>> nodes_;
  std::map<int, int> parts_;
  uint64_t starts_ = 0;
  std::map<std::pair<int, int>, Instant> lifeline_last_;  // FIFO per pair.
  std::map<int, std::vector<Event>> events_;
  std::map<int, std::vector<View>> history_;
  std::set<int> left_;
  std::map<ViewId, ProposalRef> known_views_;
  std::map<ViewId, ViewId> successor_;
  std::map<InstanceId, uint64_t> last_num_;
};

}  // namespace cohort::membership

#endif  // COHORT_TESTS_MEMBERSHIP_MEMBERSHIP_WORLD_H_
