// A mesh of failure detectors in virtual time: links with loss, delay and one-way cuts; processes
// that stop, crash or vanish with their host. Counts what the detectors conclude. Frames travel as
// values.
#ifndef COHORT_TESTS_FAILURE_MESH_H_
#define COHORT_TESTS_FAILURE_MESH_H_

#include <algorithm>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "failure/failure_detector.h"
#include "gtest/gtest.h"

namespace cohort::failure {

inline constexpr Duration kSettled = seconds(3);  // Past the grace of the first view.

class Mesh {
 public:
  enum class Life { kRuns, kStopped, kCrashed, kHostDown };
  struct Told {
    Instant at;
    Rank by;
    Rank subject;
    std::string text;
    ViewCause cause = ViewCause::kSilent;
    bool authoritative = false;
  };

  explicit Mesh(size_t size, uint64_t seed = 1, Options options = {})
      : random_(seed), cut_(size * size, false), multicast_cut_(size * size, false) {
    for (size_t i = 0; i < size; ++i) {
      MemberInfo info;
      info.id.instance = {1, i + 1};
      info.id.join_no = 1;
      info.name = std::string(1, static_cast<char>('a' + i));
      info.weight = 1;
      info.synced = true;
      members_.push_back(info);
      nodes_.push_back(std::make_unique<Node>(options, seed * 1000 + i));
    }
    for (Rank rank = 0; rank < size; ++rank) InstallView(rank, members_);
  }

  // Every rank keeps its number; a test that needs a smaller view builds its own detector.
  void InstallView(Rank rank, const std::vector<MemberInfo>& members) {
    Output out;
    nodes_[rank]->detector.OnView(now_, rank, members, out);
    Route(rank, out);
  }

  void RunFor(Duration time) {
    const Instant end = now_ + time;
    while (true) {
      Instant next = events_.empty() ? Instant::Infinite() : events_.top().at;
      Rank due = kNoRank;
      for (Rank rank = 0; rank < nodes_.size(); ++rank) {
        if (nodes_[rank]->life != Life::kRuns) continue;
        const Instant deadline = nodes_[rank]->detector.NextDeadline();
        if (deadline < next) {
          next = deadline;
          due = rank;
        }
      }
      if (next > end) break;
      now_ = std::max(now_, next);
      if (due == kNoRank) {
        Event event = events_.top();
        events_.pop();
        Deliver(event);
      } else {
        Output out;
        nodes_[due]->detector.OnTimer(now_, out);
        Route(due, out);
      }
    }
    now_ = end;
  }

  void Stop(Rank rank) { nodes_[rank]->life = Life::kStopped; }
  // What came in meanwhile waits in the socket and is read before the timer runs.
  void Resume(Rank rank) {
    Node& node = *nodes_[rank];
    node.life = Life::kRuns;
    for (const Event& event : std::exchange(node.mail, {})) Hand(event);
  }
  // `heap` is how long the kernel keeps the sockets of a dead process open, `listener` how much
  // longer the one that listens.
  void Crash(Rank rank, bool with_host = false, Duration heap = Duration(0),
             Duration listener = Duration(0)) {
    nodes_[rank]->life = with_host ? Life::kHostDown : Life::kCrashed;
    nodes_[rank]->sockets_close_at = now_ + heap + listener;
    if (with_host) return;
    for (Rank peer = 0; peer < nodes_.size(); ++peer) {
      if (peer != rank)
        events_.push({now_ + heap + Delay(), ++event_no_, peer, rank, Event::Kind::kLifeline, {}});
    }
  }
  void CloseLifeline(Rank at, Rank peer) {
    events_.push({now_, ++event_no_, at, peer, Event::Kind::kLifeline, {}});
  }
  void Cut(Rank from, Rank to, bool cut = true) { cut_[from * nodes_.size() + to] = cut; }
  void CutMulticast(Rank from, Rank to, bool cut = true) {
    multicast_cut_[from * nodes_.size() + to] = cut;
  }
  void Isolate(Rank rank) {
    for (Rank peer = 0; peer < nodes_.size(); ++peer) {
      Cut(rank, peer);
      Cut(peer, rank);
    }
  }
  void SetLoss(double loss) { loss_ = loss; }
  // Members multicast data every so often; NoteSentToGroup replaces heartbeats.
  FailureDetector& detector(Rank rank) { return nodes_[rank]->detector; }
  Instant now() const { return now_; }
  const std::vector<MemberInfo>& members() const { return members_; }

  std::vector<Told> convictions;
  std::vector<Told> suspicions;
  std::vector<Told> withdrawals;
  std::vector<Told> doubts;
  struct ToldMulticast {
    Rank by;
    Rank subject;
    bool lost;
    bool operator==(const ToldMulticast&) const = default;
  };
  std::vector<ToldMulticast> multicast_told;
  size_t rejoins = 0;
  std::vector<std::pair<Rank, wire::OutFrame>> sent;
  bool record_frames = false;

  const Told* Conviction(Rank by, Rank subject) const {
    for (const Told& told : convictions) {
      if (told.by == by && told.subject == subject) return &told;
    }
    return nullptr;
  }

 private:
  struct Event {
    enum class Kind : uint8_t { kFrame, kLifeline, kRefused, kAnswered, kFailed };
    Instant at;
    uint64_t no;
    Rank to;
    Rank from;
    Kind kind;
    wire::Frame frame;
    bool by_multicast = false;
    bool operator<(const Event& other) const {
      return std::pair(at, no) > std::pair(other.at, other.no);
    }
  };
  struct Node {
    Node(const Options& options, uint64_t seed) : random(seed), detector(options, random) {}
    Random random;
    FailureDetector detector;
    Life life = Life::kRuns;
    Instant sockets_close_at;
    std::vector<Event> mail;
  };
  Duration Delay() {
    return random_.Between(Duration(microseconds(50)), Duration(microseconds(400)));
  }
  bool IsCut(Rank from, Rank to) const { return cut_[from * nodes_.size() + to]; }

  void Route(Rank from, const Output& out) {
    EXPECT_TRUE(nodes_[from]->detector.IsConsistent());
    for (const wire::OutFrame& frame : out.frames) {
      if (record_frames) sent.emplace_back(from, frame);
      for (Rank to = 0; to < nodes_.size(); ++to) {
        if (to == from || (frame.to != kAllRanks && frame.to != to)) continue;
        if (IsCut(from, to) || random_.Chance(loss_)) continue;
        bool by_multicast = frame.to == kAllRanks;
        if (by_multicast && multicast_cut_[from * nodes_.size() + to]) {
          const std::vector<Rank>& copies = nodes_[from]->detector.copies();
          if (std::find(copies.begin(), copies.end(), to) == copies.end()) continue;
          by_multicast = false;
        }
        events_.push({now_ + Delay(), ++event_no_, to, from, Event::Kind::kFrame, frame.frame,
                      by_multicast});
      }
    }
    for (Rank to : out.probes) Connect(from, to);
    for (const auto& told : out.convicted) {
      convictions.push_back(
          {now_, from, told.subject, told.evidence, told.cause, told.authoritative});
    }
    for (const auto& told : out.suspected)
      suspicions.push_back({now_, from, told.subject, told.evidence, told.cause});
    for (Rank rank : out.unsuspected) withdrawals.push_back({now_, from, rank, ""});
    for (const MulticastChange& change : out.multicast_changes) {
      multicast_told.push_back({from, change.peer, change.lost});
    }
    rejoins += out.rejoin_multicast ? 1 : 0;
    if (out.self_doubt) doubts.push_back({now_, from, kNoRank, *out.self_doubt});
  }
  // TCP repeats itself, so loss does not matter to it here; cuts do.
  void Connect(Rank from, Rank to) {
    const Node& node = *nodes_[to];
    Event::Kind kind = Event::Kind::kAnswered;
    Duration after = 2 * Delay();
    if (node.life == Life::kHostDown || IsCut(from, to) || IsCut(to, from)) {
      kind = Event::Kind::kFailed;
      after = seconds(1);
    } else if (node.life == Life::kCrashed && now_ >= node.sockets_close_at) {
      kind = Event::Kind::kRefused;
    }
    events_.push({now_ + after, ++event_no_, from, to, kind, {}});
  }
  void Deliver(const Event& event) {
    Node& node = *nodes_[event.to];
    if (node.life == Life::kStopped && event.kind == Event::Kind::kFrame)
      node.mail.push_back(event);
    if (node.life != Life::kRuns) return;
    Output out;
    switch (event.kind) {
      case Event::Kind::kFrame:
        return Hand(event);
      case Event::Kind::kLifeline:
        node.detector.OnLifelineClosed(now_, event.from, out);
        break;
      case Event::Kind::kRefused:
        node.detector.OnProbeResult(now_, event.from, ProbeResult::kRefused, out);
        break;
      case Event::Kind::kAnswered:
        node.detector.OnProbeResult(now_, event.from, ProbeResult::kAnswered, out);
        break;
      case Event::Kind::kFailed:
        node.detector.OnProbeResult(now_, event.from, ProbeResult::kFailed, out);
        break;
    }
    Route(event.to, out);
  }
  void Hand(const Event& event) {
    const Rank to = event.to;
    const Rank from = event.from;
    const wire::Frame& frame = event.frame;
    FailureDetector& detector = nodes_[to]->detector;
    Output out;
    detector.OnHeard(now_, from, event.by_multicast);
    if (const auto* heartbeat = std::get_if<wire::HeartbeatFrame>(&frame))
      detector.OnHeartbeat(now_, from, *heartbeat, out);
    if (const auto* ping = std::get_if<wire::PingFrame>(&frame))
      detector.OnPing(now_, from, *ping, out);
    if (const auto* pong = std::get_if<wire::PongFrame>(&frame))
      detector.OnPong(now_, from, *pong, out);
    if (const auto* request = std::get_if<wire::PingRequestFrame>(&frame))
      detector.OnPingRequest(now_, from, *request, out);
    if (const auto* suspect = std::get_if<wire::SuspectFrame>(&frame))
      detector.OnSuspect(now_, from, *suspect, out);
    Route(to, out);
  }

  Random random_;
  Instant now_ = Instant::FromNanos(1'000'000'000);
  double loss_ = 0;
  uint64_t event_no_ = 0;
  std::vector<bool> cut_;
  std::vector<bool> multicast_cut_;
  std::vector<MemberInfo> members_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::priority_queue<Event> events_;
};

}  // namespace cohort::failure

#endif  // COHORT_TESTS_FAILURE_MESH_H_
