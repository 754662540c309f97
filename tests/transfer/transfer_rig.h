// A donor, a joiner and the wire between them, in one thread: messages wait in a queue until the
// test lets them pass.
#ifndef COHORT_TESTS_TRANSFER_TRANSFER_RIG_H_
#define COHORT_TESTS_TRANSFER_TRANSFER_RIG_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "map/map_builders.h"
#include "transfer/donor.h"
#include "transfer/joiner.h"

namespace cohort::transfer {

// A member that has the whole state and serves it.
struct Server {
  Server(uint64_t number, const map::MapSettings& settings, const Donor::Options& options)
      : id(map::Writer(number)), replica(settings), donor(options) {
    replica.out().wants_changes = false;
  }
  MemberId id;
  map::Replica replica;
  Donor donor;
  bool alive = true;
};

class Rig {
 public:
  explicit Rig(size_t count = 1, Joiner::Options options = {},
               const map::MapSettings& settings = {}, const Donor::Options& donor = {}) {
    options.maps.hash_key = 77;
    joiner = std::make_unique<Joiner>(options);
    for (size_t i = 0; i < count; ++i)
      servers.push_back(std::make_unique<Server>(i + 1, settings, donor));
  }

  std::vector<MemberId> Donors() const {
    std::vector<MemberId> ids;
    for (const auto& server : servers) {
      if (server->alive) ids.push_back(server->id);
    }
    return ids;
  }
  // The joiner is admitted by a new view.
  void Join() {
    NextView();
    joiner->Start(now, servers[0]->replica.view(), Donors(), out_);
    Collect();
  }
  void NextView() {
    ++view_;
    for (const auto& server : servers) server->replica.View(view_, 0);
    if (joiner->state() != Joiner::State::kIdle) {
      joiner->OnView(now, servers[0]->replica.view(), Donors(), out_);
      Collect();
    }
    for (const auto& server : servers) {
      speaker_ = server->id;
      server->donor.OnView(now, server->replica.maps(), true, out_);
      Collect();
    }
  }
  // One operation in total order, applied by all servers and shown to the joiner.
  map::ApplyResult Write(const map::MapOp& op) {
    const Buffer bytes = map::EncodeMapOp(op);
    map::ApplyResult result;
    map::Place place;
    for (const auto& server : servers) {
      place = server->replica.NextPlace();
      result = server->replica.Apply(bytes, place);
    }
    if (taken != nullptr) {
      map::Output ignored;
      taken->Apply(bytes, place, ignored);
    } else {
      joiner->OnOrderedOp(now, bytes, place, out_);
      Collect();
    }
    return result;
  }
  template <class Body>
  map::ApplyResult Do(Body body, map::GroupTime ms = 1000) {
    return Write(map::OpOf(std::move(body), ms));
  }

  // Lets the oldest message pass. False if there is none.
  bool Step() {
    if (wire.empty()) return false;
    const InFlight next = wire.front();
    wire.pop_front();
    if (next.to_joiner) {
      joiner->OnMessage(now, next.peer, next.body, out_);
    } else if (Server* server = ServerOf(next.peer); server != nullptr && server->alive) {
      speaker_ = server->id;
      server->donor.OnMessage(now, joiner_id, next.body, server->replica.maps(), true, out_);
      EXPECT_TRUE(server->donor.IsConsistent());
    }
    Collect();
    return true;
  }
  // The same of any member, in the order in which that one and the joiner said it.
  bool StepAny(Random& random) {
    if (wire.empty()) return false;
    const auto chosen = wire[random.Below(wire.size())];
    const auto first = std::find_if(wire.begin(), wire.end(), [&](const InFlight& message) {
      return message.peer == chosen.peer && message.to_joiner == chosen.to_joiner;
    });
    std::rotate(wire.begin(), first, first + 1);
    return Step();
  }
  void RunToEnd() {
    for (int i = 0; i < 100000; ++i) {
      if (Step()) continue;
      if (joiner->NextDeadline() != now) break;
      joiner->OnTimer(now, out_);
      Collect();
    }
  }
  // Jumps to the next deadline of the joiner.
  void Wait() {
    now = joiner->NextDeadline();
    joiner->OnTimer(now, out_);
    Collect();
  }
  // Time passes, whatever is on its way.
  void Pass(Duration time) {
    now = now + time;
    if (taken != nullptr || joiner->NextDeadline() > now) return;
    joiner->OnTimer(now, out_);
    Collect();
  }
  // What the donors have put off is sent, as far as it is due.
  void TimeDonors() {
    for (const auto& server : servers) {
      speaker_ = server->id;
      if (server->alive && server->donor.NextDeadline() <= now) server->donor.OnTimer(now, out_);
      Collect();
    }
  }
  void Kill(size_t server) {
    servers[server]->alive = false;
    const MemberId id = servers[server]->id;
    std::erase_if(wire, [&](const InFlight& message) { return message.peer == id; });
    joiner->OnDonorGone(now, id, out_);
    Collect();
  }

  struct InFlight {
    bool to_joiner = false;
    MemberId peer;  // The server.
    Buffer body;
  };
  std::deque<InFlight> wire;
  std::vector<std::unique_ptr<Server>> servers;
  std::unique_ptr<Joiner> joiner;
  std::unique_ptr<map::MapSet> taken;  // The joiner's state once synced.
  std::vector<Output::Note> notes;
  std::vector<Output::Applied> applied;
  std::optional<Output::Sides> sides;
  std::vector<map::SideMerged> merged;
  Instant now;
  const MemberId joiner_id = map::Writer(99);

 private:
  Server* ServerOf(const MemberId& id) {
    for (const auto& server : servers) {
      if (server->id == id) return server.get();
    }
    return nullptr;
  }
  // After each call. Messages to the joiner are from speaker_.
  void Collect() {
    for (Output::Message& message : out_.messages) {
      if (message.to == joiner_id) {
        wire.push_back({true, speaker_, std::move(message.body)});
      } else {
        wire.push_back({false, message.to, std::move(message.body)});
      }
    }
    notes.insert(notes.end(), out_.notes.begin(), out_.notes.end());
    for (auto& applied_op : out_.applied) applied.push_back(std::move(applied_op));
    EXPECT_TRUE(out_.synced || (!out_.sides.has_value() && out_.merged.empty()));
    if (out_.synced) {
      taken = joiner->TakeMaps();
      sides = std::move(out_.sides);
      merged = std::move(out_.merged);
    }
    out_ = {};
    EXPECT_TRUE(joiner->IsConsistent());
  }
  Output out_;
  MemberId speaker_;
  uint64_t view_ = 1;
};

// Enough for several windows of chunks.
inline void FillUp(Rig& rig, int keys = 3000, size_t bytes = 1000) {
  const std::string value(bytes, 'v');
  for (int i = 0; i < keys; ++i) rig.Do(map::PutOp{"key" + std::to_string(i), value});
}

// What was taken is what that server has.
inline void ExpectEqual(const Rig& rig, size_t server = 0) {
  ASSERT_NE(rig.taken, nullptr);
  const map::MapSet& maps = rig.servers[server]->replica.maps();
  EXPECT_EQ(rig.taken->digest(), maps.digest());
  EXPECT_EQ(rig.taken->ConvergentDigest(), maps.ConvergentDigest());
  EXPECT_EQ(rig.taken->view(), maps.view());
  EXPECT_EQ(rig.taken->position(), maps.position());
  EXPECT_EQ(rig.taken->history().recent(), maps.history().recent());
  EXPECT_TRUE(rig.taken->IsConsistent());
}

}  // namespace cohort::transfer

#endif  // COHORT_TESTS_TRANSFER_TRANSFER_RIG_H_
