#include "membership/membership_world.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace cohort::membership {
namespace {

constexpr Duration kTick = milliseconds(50);
constexpr Duration kSilence = milliseconds(400);
constexpr Duration kSyncTakes = milliseconds(30);

}  // namespace

Address World::AddressOf(int host) {
  Address address;
  address.family = 4;
  address.ip = {10, 0, static_cast<uint8_t>(host / 256), static_cast<uint8_t>(host % 256)};
  address.port = 7600;
  return address;
}

bool World::Reaches(int from, int to) const {
  const auto part = [&](int host) {
    const auto found = parts_.find(host);
    return found == parts_.end() ? 0 : found->second;
  };
  return part(from) == part(to);
}

void World::At(Duration after, std::function<void()> action) {
  queue_.emplace(std::pair(now_ + after, order_++), std::move(action));
}

void World::Start(int host, const HostOptions& options) {
  auto node = std::make_shared<Node>();
  node->host = host;
  node->options = options;
  node->instance = {static_cast<uint64_t>(random_.Next() | 1), ++starts_};
  node->random = std::make_unique<Random>(random_.Next());
  MembershipOptions inner;
  inner.group = "shop";
  inner.policy = options.policy.value_or(options_.policy);
  inner.bootstrap = options.bootstrap;
  inner.initial_members = options.initial_members;
  inner.tie_breaker = options_.tie_breaker;
  inner.members_max = options.members_max;
  node->membership = std::make_unique<Membership>(inner, *node->random);
  discovery::Options search;
  search.group = "shop";
  search.initial_members = options.initial_members;
  node->discovery = std::make_unique<discovery::Discovery>(search, *node->random);
  nodes_[host] = node;
  left_.erase(host);
  MemberInfo self;
  self.id = {node->instance, 1};
  self.name = options.name.empty() ? "host" + std::to_string(host) : options.name;
  self.address = AddressOf(host);
  self.incarnation = starts_;
  self.without_data = options.without_data;
  Do(host, node->instance, [&](Node& n, const Turn& turn, MembershipOutput& out) {
    n.membership->Start(turn.now, self, out);
  });
  At(random_.Between(Duration::zero(), kTick),
     [this, host, id = node->instance] { Tick(host, id); });
}

void World::Crash(int host) { nodes_.erase(host); }

void World::ConvictEverywhere(int host) {
  for (const auto& [other, _] : nodes_) {
    ToNode(other, Duration::zero(), [host](Node& n, const Turn& turn, MembershipOutput& out) {
      if (n.view == nullptr) return;
      for (size_t i = 0; i < n.view->members.size(); ++i) {
        if (HostOf(n.view->members[i].address) != host) continue;
        n.membership->OnConviction(turn, static_cast<Rank>(i), ViewCause::kCrashed,
                                   "lifeline closed, port refused", out);
        return;
      }
    });
  }
}

void World::Leave(int host) {
  Do(host, nodes_.at(host)->instance, [](Node& node, const Turn& turn, MembershipOutput& out) {
    node.membership->Leave(turn, out);
  });
}

void World::Do(int host, const InstanceId& instance, const Act& act) {
  const auto found = nodes_.find(host);
  if (found == nodes_.end() || found->second->instance != instance) return;
  const std::shared_ptr<Node> node = found->second;
  MembershipOutput out;
  act(*node, Turn{now_, node->received, *node->random}, out);
  Drain(*node, out);
  EXPECT_TRUE(node->membership->IsConsistent());
  if (node->membership->in_group() && node->view != nullptr) {
    node->discovery->SetSide(node->membership->Side());
  }
  SetTimer(*node);
}

void World::ToNode(int host, Duration after, const Act& act) {
  const auto found = nodes_.find(host);
  if (found == nodes_.end()) return;
  At(after, [this, host, id = found->second->instance, act] { Do(host, id, act); });
}

void World::SetTimer(Node& node) {
  const Instant deadline =
      std::max(now_, std::min(node.membership->NextDeadline(), node.discovery->NextDeadline()));
  if (deadline.is_infinite() || node.timer_set_for == deadline) return;
  node.timer_set_for = deadline;
  At(deadline - now_, [this, host = node.host, id = node.instance, deadline] {
    const auto found = nodes_.find(host);
    if (found == nodes_.end() || found->second->instance != id) return;
    if (found->second->timer_set_for == deadline) {
      found->second->timer_set_for = Instant::Infinite();
    }
    Do(host, id, [this](Node& n, const Turn& turn, MembershipOutput& out) {
      n.membership->OnTimer(turn, out);
      Drain(n, out);
      out = {};
      if (n.discovery->NextDeadline() <= now_) {
        Discover(n, [&](discovery::Output& found_out) { n.discovery->OnTimer(now_, found_out); });
      }
    });
  });
}

void World::Drain(Node& node, MembershipOutput& out) {
  if (!nodes_.contains(node.host) || nodes_.at(node.host).get() != &node) return;
  for (const wire::OutFrame& frame : out.frames) SendFrame(node, frame);
  for (const LifelineMessage& message : out.lifelines) SendLifeline(node, message);
  if (!nodes_.contains(node.host)) return;  // The test crashed it while it spoke.
  auto& events = events_[node.host];
  events.insert(events.end(), out.events.begin(), out.events.end());
  if (out.installation) Install(node, *out.installation);
  if (out.search) {
    discovery::Self self;
    self.id = out.search->self;
    self.name = node.membership->self().name;
    self.address = node.membership->self().address;
    self.incarnation = node.membership->self().incarnation;
    self.carries_state = out.search->carries_state;
    self.may_form = out.search->may_form;
    Discover(node, [&](discovery::Output& found) { node.discovery->Search(now_, self, found); });
  }
  if (out.left) {
    left_.insert(node.host);
    At(Duration::zero(), [this, host = node.host, id = node.instance] {
      const auto found = nodes_.find(host);
      if (found != nodes_.end() && found->second->instance == id) nodes_.erase(found);
    });
  }
  out = {};
}

void World::Install(Node& node, const Installation& installation) {
  const ProposalRef& proposal = installation.proposal;
  EXPECT_EQ(proposal->members[installation.self].id.instance, node.instance);
  const auto [known, is_new] = known_views_.emplace(proposal->next, proposal);
  EXPECT_TRUE(is_new || known->second->members == proposal->members) << "two views share an id";
  EXPECT_GT(proposal->next.num, last_num_[node.instance]) << "view numbers do not grow";
  last_num_[node.instance] = proposal->next.num;
  if (options_.policy == Policy::kPrimary && !installation.fresh) {
    const auto [next, first] = successor_.emplace(proposal->previous, proposal->next);
    EXPECT_TRUE(first || next->second == proposal->next) << "a primary view has two successors";
  }
  history_[node.host].push_back(installation.view);
  node.previous = node.view;
  node.view = proposal;
  node.terminal = installation.terminal;
  node.received.assign(proposal->members.size(), 0);
  node.heard.clear();
  for (const MemberInfo& member : proposal->members) node.heard[member.id] = now_;
  if (!installation.terminal) {
    discovery::Standing standing;
    standing.rank = installation.self;
    standing.side = node.membership->Side();
    discovery::Self self;
    self.id = node.membership->self().id;
    self.name = node.membership->self().name;
    self.address = node.membership->self().address;
    std::vector<Address> addresses;
    for (const MemberInfo& member : proposal->members) addresses.push_back(member.address);
    Discover(node, [&](discovery::Output& found) {
      node.discovery->OnMember(now_, self, standing, addresses, found);
    });
  }
  if (!installation.fresh || installation.formed || node.options.without_data) return;
  const MemberId id = node.membership->self().id;
  At(kSyncTakes, [this, host = node.host, id] {
    if (!nodes_.contains(host) || nodes_.at(host)->instance != id.instance) return;
    for (const auto& [other, _] : nodes_) {
      if (!Reaches(host, other)) continue;
      ToNode(other, milliseconds(1), [id](Node& n, const Turn& turn, MembershipOutput&) {
        n.membership->OnSynced(turn.now, id);
      });
    }
  });
}

void World::Discover(Node& node, const std::function<void(discovery::Output&)>& act) {
  discovery::Output out;
  act(out);
  EXPECT_TRUE(node.discovery->IsConsistent());
  Drain(node, out);
}

void World::Drain(Node& node, const discovery::Output& out) {
  for (const discovery::Packet& packet : out.packets) {
    for (const auto& [other, _] : nodes_) {
      if (other == node.host || (!packet.multicast && AddressOf(other) != packet.to)) continue;
      const Buffer body = packet.body;
      SendDatagram(node, other,
                   [this, body, from = AddressOf(node.host), id = node.instance](
                       Node& n, const Turn&, MembershipOutput&) {
                     Discover(n, [&](discovery::Output& found) {
                       n.discovery->OnMessage(now_, from, id, body, found);
                     });
                   });
    }
  }
  auto& events = events_[node.host];
  events.insert(events.end(), out.events.begin(), out.events.end());
  for (const GroupSighting& sighting : out.sightings) {
    ToNode(node.host, Duration::zero(), [sighting](Node& n, const Turn& turn, MembershipOutput& o) {
      n.membership->OnSighting(turn.now, sighting, false, o);
    });
  }
  if (out.form_group) {
    ToNode(node.host, Duration::zero(), [](Node& n, const Turn& turn, MembershipOutput& o) {
      n.membership->OnFormGroup(turn.now, o);
    });
  }
}

void World::SendDatagram(const Node& node, int to, const Act& act) {
  if (node.options.mute || !Reaches(node.host, to) || random_.Chance(options_.loss)) return;
  ToNode(to, random_.Between(microseconds(100), microseconds(900)), act);
}

void World::SendFrame(Node& node, const wire::OutFrame& frame) {
  const ProposalRef sealed_for = frame.previous_view ? node.previous : node.view;
  ASSERT_NE(sealed_for, nullptr);
  const auto* control = std::get_if<wire::ControlFrame>(&frame.frame);
  ASSERT_NE(control, nullptr);
  MemberId self;
  for (const MemberInfo& member : sealed_for->members) {
    if (member.id.instance == node.instance) self = member.id;
  }
  ASSERT_FALSE(self.instance.IsZero());
  for (size_t i = 0; i < sealed_for->members.size(); ++i) {
    const MemberInfo& member = sealed_for->members[i];
    if (member.id == self || (frame.to != kAllRanks && frame.to != i)) continue;
    const Buffer body = control->body;
    SendDatagram(node, HostOf(member.address),
                 [body, self](Node& n, const Turn& turn, MembershipOutput& out) {
                   n.membership->OnViewChangeMessage(turn, self, body, out);
                 });
  }
}

void World::SendLifeline(Node& node, const LifelineMessage& message) {
  if (on_lifeline && on_lifeline(node.host, message.type)) return;
  const int to = HostOf(message.to);
  const bool reachable = nodes_.contains(to) && Reaches(node.host, to);
  if (!reachable) {
    const Duration after = nodes_.contains(to) ? Duration(seconds(1)) : Duration(milliseconds(1));
    const Address address = message.to;
    ToNode(node.host, after, [address](Node& n, const Turn& turn, MembershipOutput& out) {
      n.membership->OnLifelineDown(turn.now, address, out);
    });
    return;
  }
  Instant& last = lifeline_last_[{node.host, to}];
  last = std::max(last, now_ + microseconds(1500));
  const LifelinePeer peer{node.instance, AddressOf(node.host)};
  MemberId self{node.instance, 0};
  if (node.view != nullptr) {
    for (const MemberInfo& member : node.view->members) {
      if (member.id.instance == node.instance) self = member.id;
    }
  }
  ToNode(to, last - now_, [message, peer, self](Node& n, const Turn& turn, MembershipOutput& out) {
    if (message.type == wire::StreamMessage::kControl) {
      n.membership->OnViewChangeMessage(turn, self, message.body, out);
    } else {
      n.membership->OnLifelineMessage(turn, peer, message.type, message.body, out);
    }
  });
}

// Heartbeats, and conviction by silence.
void World::Tick(int host, const InstanceId& instance) {
  const auto found = nodes_.find(host);
  if (found == nodes_.end() || found->second->instance != instance) return;
  const std::shared_ptr<Node> node = found->second;
  At(kTick, [this, host, instance] { Tick(host, instance); });
  if (!node->membership->in_group() || node->view == nullptr) return;
  const ViewId tag = node->view->next;
  const MemberId self = node->membership->self().id;
  for (const MemberInfo& member : node->view->members) {
    if (member.id == self) continue;
    SendDatagram(*node, HostOf(member.address),
                 [tag, self](Node& n, const Turn& turn, MembershipOutput& out) {
                   if (n.view != nullptr && n.view->next == tag) {
                     n.heard[self] = turn.now;
                     for (size_t i = 0; i < n.view->members.size(); ++i) {
                       if (n.view->members[i].id == self) {
                         n.membership->OnHeardInView(turn.now, static_cast<Rank>(i));
                       }
                     }
                   } else if (n.membership->AcceptedView() == tag) {
                     n.membership->OnAcceptedViewTraffic(turn, self, out);
                   }
                 });
  }
  for (size_t i = 0; i < node->view->members.size(); ++i) {
    const MemberInfo& member = node->view->members[i];
    if (member.id == self || now_ - node->heard[member.id] < kSilence) continue;
    const ViewId view = node->view->next;
    ToNode(host, Duration::zero(), [i, view](Node& n, const Turn& turn, MembershipOutput& out) {
      if (n.view->next != view) return;
      n.membership->OnConviction(turn, static_cast<Rank>(i), ViewCause::kSilent, "silent", out);
    });
  }
}

void World::RunFor(Duration duration) {
  const Instant end = now_ + duration;
  while (!queue_.empty() && queue_.begin()->first.first <= end) {
    now_ = queue_.begin()->first.first;
    const auto action = std::move(queue_.begin()->second);
    queue_.erase(queue_.begin());
    action();
  }
  now_ = end;
}

bool World::RunUntil(Duration limit, const std::function<bool()>& done) {
  const Instant end = now_ + limit;
  while (!done()) {
    if (now_ >= end) return false;
    RunFor(milliseconds(5));
  }
  return true;
}

std::set<int> World::Running() const {
  std::set<int> running;
  for (const auto& [host, _] : nodes_) running.insert(host);
  return running;
}

std::vector<int> World::MembersAt(int host) const {
  std::vector<int> members;
  const auto found = nodes_.find(host);
  if (found == nodes_.end() || !found->second->membership->in_group()) return members;
  for (const MemberInfo& member : found->second->membership->view()->members) {
    members.push_back(HostOf(member.address));
  }
  return members;
}

bool World::IsOneView(const std::set<int>& hosts) const {
  std::optional<ViewId> id;
  for (int host : hosts) {
    const auto found = nodes_.find(host);
    if (found == nodes_.end() || !found->second->membership->in_group()) return false;
    const Membership& membership = *found->second->membership;
    if (membership.view_change().wedged()) return false;
    const std::vector<int> members = MembersAt(host);
    if (std::set<int>(members.begin(), members.end()) != hosts) return false;
    if (members.size() != hosts.size()) return false;
    if (id && *id != membership.view()->next) return false;
    id = membership.view()->next;
    for (const MemberInfo& member : membership.view()->members) {
      if (nodes_.at(HostOf(member.address))->instance != member.id.instance) return false;
    }
  }
  return true;
}

bool World::IsQuorumLost() const {
  ProposalRef latest;
  for (const auto& [host, node] : nodes_) {
    const ProposalRef& view = node->view;
    if (view != nullptr && (latest == nullptr || view->next.num > latest->next.num)) latest = view;
  }
  if (latest == nullptr) return false;
  uint64_t all = 0;
  uint64_t running = 0;
  for (const MemberInfo& member : latest->members) {
    all += member.weight;
    const auto found = nodes_.find(HostOf(member.address));
    const bool lives = found != nodes_.end() && found->second->instance == member.id.instance;
    if (lives) running += member.weight;
  }
  return 2 * running <= all;
}

std::string World::TextOf(int host, EventKind kind) const {
  const auto found = events_.find(host);
  if (found == events_.end()) return {};
  for (auto event = found->second.rbegin(); event != found->second.rend(); ++event) {
    if (event->kind == kind) return event->text;
  }
  return {};
}

int World::Count(int host, EventKind kind) const {
  const auto found = events_.find(host);
  if (found == events_.end()) return 0;
  return static_cast<int>(std::count_if(found->second.begin(), found->second.end(),
                                        [&](const Event& event) { return event.kind == kind; }));
}

std::string World::Describe() const {
  std::string text;
  for (const auto& [host, node] : nodes_) {
    const Membership& membership = *node->membership;
    text += "host" + std::to_string(host) + " role " +
            std::to_string(static_cast<int>(KindOf(membership.role())));
    if (membership.view() != nullptr) {
      text += " view " + std::to_string(membership.view()->next.num) + "-" +
              std::to_string(membership.view()->next.cid % 10000) + " rank " +
              std::to_string(membership.rank()) +
              (membership.view_change().wedged() ? " wedged" : "") +
              (membership.view_change().halted() ? " halted" : "") + " members";
      for (const MemberInfo& member : membership.view()->members) {
        text += " " + std::to_string(HostOf(member.address)) + "/" +
                std::to_string(member.id.join_no) + (member.weight ? "w" : "");
      }
    }
    text += "\n";
  }
  return text;
}

}  // namespace cohort::membership
