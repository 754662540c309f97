// The inside of Engine: every layer by value, and the routing between them. Nothing is decided
// here.
//
// What a layer puts out is handed on at once, lowest layer first, in loops and never by recursion
// into the layer that put it out. Membership is asked one question at a time, and what it answers
// (wedge, fetch, install) takes effect before the next input is looked at: virtual synchrony rests
// on that.
#ifndef COHORT_ENGINE_CORE_H_
#define COHORT_ENGINE_CORE_H_

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/random.h"
#include "base/subjects.h"
#include "discovery/discovery.h"
#include "engine/data_plane.h"
#include "engine/datagram_size.h"
#include "engine/drop_reporter.h"
#include "engine/engine.h"
#include "engine/fences.h"
#include "engine/group_clock.h"
#include "engine/lifelines.h"
#include "engine/marks.h"
#include "engine/packetizer.h"
#include "engine/pending_commands.h"
#include "engine/piece_table.h"
#include "engine/repair.h"
#include "engine/replica.h"
#include "engine/settling.h"
#include "engine/verification.h"
#include "engine/write_timer.h"
#include "failure/failure_detector.h"
#include "flow/lag_table.h"
#include "membership/membership.h"
#include "security/security.h"
#include "transfer/reads.h"

namespace cohort::engine {

// First byte of every message.
enum class MessageKind : uint8_t {
  kUser = 1,        // Group::Send.
  kMap = 2,         // A map operation.
  kSynced = 3,      // "I hold the whole state": the sender, in order.
  kVerify = 4,      // "What do you hold at this place?"
  kProof = 5,       // The answer.
  kChannel = 6,     // Of a user, on a named channel; the engine does not look inside.
  kConvergent = 7,  // An operation of a convergent map, and its time.
  kRepair = 8,      // Who was found to hold another state than most.
};

class Engine::Core final : private frag::Stamper {
 public:
  Core(EngineOptions options, const std::array<std::byte, 32>& entropy);

  // core.cc: inputs and turns.
  void Start(Instant now, int64_t unix_ms, Output& out);
  void OnDatagrams(Instant now, std::span<const Datagram> datagrams, Output& out);
  void OnStream(Instant now, const StreamEvent& event, Output& out);
  void OnHost(Instant now, const HostEvent& event, Output& out);
  void OnTimer(Instant now, Output& out);
  void SetSeeds(Instant now, std::span<const Address> seeds, Output& out);
  Instant NextDeadline() const;
  bool IsConsistent() const;
  EngineStats Stats() const;

  // core_state.cc: commands and deliveries.
  absl::Status Execute(Instant now, const Command& command, Output& out);
  bool writable() const { return in_place() && draining_ == 0; }
  bool in_place() const;
  bool joined() const {
    return !view_.members.empty() && (replica_.synced() || options_.without_data);
  }
  bool goes_on() const { return member_ && joined() && !terminal_ && !halted_; }
  bool draining() const { return draining_ > 0; }
  uint64_t NextHlc(Instant now) { return clock_.NextHlc(now); }
  int64_t GroupTimeMs(Instant now) const { return clock_.NowMs(now); }

  MemberId self() const { return self_.id; }
  const View& view() const { return view_; }
  const Replica& replica() const { return replica_; }
  Replica& replica() { return replica_; }

 private:
  using Lane = PendingCommands::Lane;

  // core.cc
  void NoteStop(Instant now);
  void Finish(Instant now, Output& out);
  void ForgetOpened();
  void TellBackPressure(Instant now);
  void TraceState();
  void TraceBuffer(size_t index, const char* text, uint64_t number, uint64_t limit);

  // core_receive.cc
  void Receive(Instant now, const Datagram& datagram);
  void ReceiveFromStranger(Instant now, const Datagram& datagram, const security::Origin& origin);
  void ReceiveInView(Instant now, const security::Origin& origin, bool by_multicast, bool previous);
  void WatchLag(Instant now);
  void TimeWrites(Instant now);
  void ReportMulticast(Instant now, const failure::MulticastChange& change);
  void Handle(Instant now, Rank from, bool previous, wire::DataFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::StatusFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::NakFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::HeartbeatFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::PingFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::PongFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::PingRequestFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::SuspectFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::SizeOfferFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::SizeProbeFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::SizeAnswerFrame& frame);
  void Handle(Instant now, Rank from, bool previous, wire::PieceFrame& frame);
  void OfferSize();
  void ProbeSize(Instant now);
  void NoteSizes(Instant now);
  void HandleLifelines(Instant now, Lifelines::Output& lifelines);
  void HandleLifelineMessage(Instant now, Lifelines::Message& message);
  void AfterDiscovery(Instant now);
  void AfterFailure(Instant now);
  void AddFrames(std::vector<wire::OutFrame>& frames);

  // core_membership.cc
  void AskMembership(Instant now, absl::FunctionRef<void(const membership::Turn&)> ask);
  void ApplyMembership(Instant now);
  void LoseCommands();
  void EndAsLeft();
  void SendControlFrames(Instant now, std::vector<wire::OutFrame>& frames);
  void Install(Instant now, const membership::Installation& installation);
  void InstallSecurity(const membership::Installation& installation);
  void BeginView(Instant now, const membership::Installation& installation,
                 const std::vector<MemberInfo>& before);
  void TellView(Instant now);
  void UpdateAccepted();
  void UpdateDiscovery(Instant now);
  void KeepMesh(Instant now);
  void TellProgress(Instant now);
  std::optional<Rank> RankOf(const InstanceId& instance) const;
  std::optional<Rank> RankOf(const Address& address) const;

  // core_state.cc
  void AfterPlane(Instant now);
  bool MayGather() const;
  void Foresee(std::span<const DeliveredMessage> messages);
  void Deliver(Instant now, DeliveredMessage& message);
  void DeliverMap(Instant now, const DeliveredMessage& message, const MemberId& writer,
                  DoneUpcall& done);
  void AfterReplica(Instant now, Replica::Output& replica_out);
  void SendTransfer(Instant now, const transfer::Output::Message& message);
  // `stamp_bytes` of room behind `body` are filled by Stamp().
  absl::Status Queue(MessageKind kind, DeliveryClass cls, Bytes body,
                     const PendingCommands::Entry& entry, Subjects subjects = {},
                     size_t stamp_bytes = 0);
  absl::Status QueuePayload(DeliveryClass cls, Buffer payload, const PendingCommands::Entry& entry,
                            Subjects subjects, size_t stamp_bytes = 0);
  uint64_t ReplicaHlc(Instant now);
  absl::Status CheckWritable() const;
  absl::Status CheckMember() const;
  absl::Status CheckHasData(const Command& command) const;
  absl::Status ExecuteWrite(const MapWrite& write);
  absl::Status ExecuteOpenMap(Instant now, const OpenMap& open);
  absl::Status ExecuteLeave(Instant now, const Leave& leave);
  bool HoldsMessages() const;
  void Report(Instant now, EventKind kind, std::string text, const MemberId& subject = {},
              std::string name = {}, int64_t number = 0);
  void AddUpcall(Upcall upcall);
  uint16_t members() const { return static_cast<uint16_t>(view_infos_.size()); }
  uint16_t members_with_data() const { return static_cast<uint16_t>(with_data_.size()); }

  // core_verify.cc
  void AskForProofs();
  void DeliverVerify(Instant now, const DeliveredMessage& message, const MemberId& writer);
  void DeliverProof(Instant now, const DeliveredMessage& message, const MemberId& writer);
  void DeliverRepair(Instant now, const DeliveredMessage& message, const MemberId& writer);
  void TellWhoIsWrong();
  void StepAsideIfWrong(Instant now);
  void DeliverMark(const DeliveredMessage& message);
  void AdvanceMarks(Instant now);
  void Answer(Instant now, const Marks::Answer& answer);
  void NoteForMarks(Rank from, Bytes message);

  // core_convergent.cc
  void Stamp(Bytes message, std::span<std::byte> stamp) override;
  void DeliverConvergent(Instant now, const DeliveredMessage& message, const MemberId& writer,
                         DoneUpcall& done);
  void Settle(Instant now);
  absl::Status ExecuteClaim(Instant now, const ClaimEntry& claim);
  absl::Status ExecuteDelta(Instant now, const WriteDelta& write);

  // core_reads.cc
  absl::Status ExecuteRead(Instant now, const ReadEntry& read);
  bool HandleRead(Instant now, const MemberId& from, Bytes body);
  bool OnReadQuestion(Instant now, const MemberId& from, uint32_t number, Bytes body);
  void OnReadAnswer(Instant now, const MemberId& from, Bytes body);
  void AdvanceReads(Instant now);
  void AfterReads(Instant now, transfer::Output& out, std::vector<transfer::Reads::Done>& done);
  void AnswerHere(Instant now, const transfer::Reads::Waiting& read);
  void TellRead(transfer::Reads::Done done);
  void OnHolderGone(Instant now, const MemberId& member);

  const EngineOptions options_;
  Random random_;
  MemberInfo self_;
  uint64_t incarnation_ = 0;
  GroupClock clock_;
  security::Security security_;
  Packetizer packetizer_;
  discovery::Discovery discovery_;
  failure::FailureDetector failure_;
  membership::Membership membership_;
  DataPlane plane_;
  DatagramSize size_;
  PieceTable pieces_;
  Packetizer::Stats noted_;  // Of the turn before.
  uint64_t foreseen_ = 0;    // Entries that were looked for before the turn of their write.
  Replica replica_;
  Lifelines lifelines_;
  PendingCommands pending_;
  transfer::Reads reads_;
  transfer::ReadBudget read_budget_;
  Verifications verifications_;
  Marks marks_;
  Settling settling_;
  WriteTimer write_timer_;
  Fences fences_;
  MemberId found_wrong_by_;  // Who found that this member's state differs, in this turn.
  uint64_t epoch_ = 0;       // Of the replica, in which settling_ is.
  std::deque<map::ApplyResult> written_;  // Of own convergent operations that are in a chunk.
  Instant turn_at_;                       // For Stamp().
  std::vector<std::byte> stamped_;        // Scratch.

  // Collected during a turn, moved to the driver's Output at its end.
  Output turn_;
  std::vector<wire::Frame> frames_;  // Of the packet at hand.
  discovery::Output discovery_out_;
  failure::Output failure_out_;
  membership::MembershipOutput membership_out_;
  DataPlane::Output plane_out_;
  bool gathers_ = false;  // More datagrams may follow in this turn.

  View view_;
  std::vector<MemberInfo> view_infos_;  // Of view_, by rank.
  std::vector<Rank> with_data_;         // Of them, those that hold data, or will.
  Rank rank_ = kNoRank;
  std::optional<security::ViewContext> current_context_;
  std::optional<security::ViewContext> previous_context_;
  ViewId accepted_;                          // Known to security_.
  std::map<uint64_t, std::string> opening_;  // OpenMap commands under way: id, name.
  uint64_t leave_command_ = 0;
  bool started_ = false;
  bool member_ = false;    // In a view, and not excluded from it.
  bool terminal_ = false;  // The view only leads to another side.
  bool halted_ = false;
  flow::LagTable lag_;
  bool leaving_ = false;
  bool closing_ = false;   // What is delivered now is in the order that ends the view.
  uint32_t draining_ = 0;  // SetDraining commands that have not been taken back.
  bool left_ = false;
  bool acks_moved_ = false;
  MemberInfo starver_;  // Without whose credit we cannot send; no id when there is none.
  Instant starved_since_;
  uint16_t queue_drops_ = 0;
  DropReporter drops_;
  uint64_t frames_malformed_ = 0;
  uint64_t messages_malformed_ = 0;
  Instant next_mesh_check_ = Instant::Infinite();
  uint64_t traced_promise_ = 0;
  std::array<uint64_t, 5> traced_buffers_{};
  ViewId traced_accept_;
};

}  // namespace cohort::engine

#endif  // COHORT_ENGINE_CORE_H_
