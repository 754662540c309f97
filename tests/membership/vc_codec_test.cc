#include "membership/vc_codec.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "wire/limits.h"

namespace cohort::membership {
namespace {

std::shared_ptr<Proposal> MakeFullProposal() {
  auto proposal = std::make_shared<Proposal>();
  proposal->previous = ViewId{7, 0xFFFFFFFFFFFFFFFFu};
  proposal->next = ViewId{8, 12345};
  Address v4;
  v4.family = 4;
  v4.port = 7600;
  v4.ip = {192, 0, 2, 1};
  Address v6;
  v6.family = 6;
  v6.port = 65535;
  v6.ip = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  proposal->members = {MemberInfo{MemberId{InstanceId{1, 2}, 3}, "a", v4, 1, true},
                       MemberInfo{MemberId{InstanceId{4, 5}, 6}, "b", v6, 0, false}};
  proposal->members[1].without_data = true;
  proposal->members[1].votes = false;
  proposal->trim = {0, kSeqNoMax};
  proposal->joined = {{MemberId{InstanceId{4, 5}, 6}, ViewCause::kMerged, "came back"}};
  proposal->left = {{MemberId{InstanceId{7, 8}, 9}, ViewCause::kCrashed, "refused"}};
  proposal->key_epoch = 3;
  proposal->flags = 4;
  proposal->terminal = Terminal{ViewId{50, 51}, MemberId{InstanceId{6, 6}, 1}, v4};
  proposal->tie_breaker = proposal->members[0].id;
  return proposal;
}

std::vector<VcMessage> OneOfEach() {
  const ViewId view{7, 70};
  const Ballot ballot{3, 2};
  const std::vector<Conviction> convicted = {{1, ViewCause::kSilent, "360 ms"},
                                             {9, ViewCause::kSlow, ""}};
  const ProposalRef proposal = MakeFullProposal();
  return {{view, Prepare{ballot, convicted}},
          {view, State{ballot, {1, 2, 3}, std::nullopt, convicted}},
          {view, State{ballot, {}, Accepted{Ballot{2, 1}, proposal}, {}, true}},
          {view, Propose{ballot, proposal, {{0, 1}, {}}}},
          {view, Ready{ballot}},
          {view, Install{ballot, proposal->next, proposal}},
          {view, Install{ballot, proposal->next, nullptr}},
          {view, Nack{ballot, Ballot{4, 0}, true}},
          {view, Gone{proposal->next}},
          {view, FetchProposal{proposal->next}}};
}

TEST(VcCodecTest, EveryMessageSurvivesTheRoundTrip) {
  for (const VcMessage& message : OneOfEach()) {
    const Buffer bytes = EncodeVcMessage(message);
    const std::optional<VcMessage> back = DecodeVcMessage(bytes);
    ASSERT_TRUE(back.has_value()) << message.body.index();
    EXPECT_EQ(back->view, message.view);
    EXPECT_EQ(back->body.index(), message.body.index());
    EXPECT_EQ(EncodeVcMessage(*back).text(), bytes.text()) << message.body.index();
  }
}

TEST(VcCodecTest, AProposalSurvivesTheRoundTripByItself) {
  const auto proposal = MakeFullProposal();
  const ProposalRef back = DecodeProposal(EncodeProposal(*proposal));
  ASSERT_NE(back, nullptr);
  EXPECT_TRUE(*back == *proposal);
}

TEST(VcCodecTest, EvidenceIsCutWhenItIsSent) {
  const VcMessage message{ViewId{1, 1},
                          Prepare{Ballot{1, 0}, {{1, ViewCause::kSilent, std::string(999, 'x')}}}};
  const auto back = DecodeVcMessage(EncodeVcMessage(message));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(std::get<Prepare>(back->body).convicted[0].evidence.size(), kEvidenceMax);
}

TEST(VcCodecTest, ValuesBeyondTheirLimitsAreRefused) {
  auto proposal = MakeFullProposal();
  proposal->trim = {kSeqNoMax + 1};
  EXPECT_EQ(DecodeProposal(EncodeProposal(*proposal)), nullptr);
  proposal = MakeFullProposal();
  proposal->members[0].name = std::string(wire::kMemberNameMax + 1, 'n');
  EXPECT_EQ(DecodeProposal(EncodeProposal(*proposal)), nullptr);
  proposal = MakeFullProposal();
  proposal->members.resize(wire::kMembersMax + 1);
  EXPECT_EQ(DecodeProposal(EncodeProposal(*proposal)), nullptr);
  const VcMessage far{ViewId{1, 1}, Ready{Ballot{1, static_cast<Rank>(wire::kMembersMax)}}};
  EXPECT_FALSE(DecodeVcMessage(EncodeVcMessage(far)).has_value());
  EXPECT_FALSE(DecodeVcMessage({}).has_value());
  const std::vector<std::byte> huge(kVcMessageMax + 1);
  EXPECT_FALSE(DecodeVcMessage(huge).has_value());
}

TEST(VcCodecTest, DamagedBytesAreRefusedOrDecodeToSomethingWellFormed) {
  Random random(20240601);
  for (const VcMessage& message : OneOfEach()) {
    const Buffer good = EncodeVcMessage(message);
    for (int round = 0; round < 300; ++round) {
      std::string bytes(good.text());
      if (random.Chance(0.3)) bytes.resize(random.Below(bytes.size() + 1));
      for (int i = 0; i < 3 && !bytes.empty(); ++i) {
        bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
      }
      const auto decoded = DecodeVcMessage(AsBytes(bytes));
      if (!decoded) continue;
      EXPECT_TRUE(DecodeVcMessage(EncodeVcMessage(*decoded)).has_value());
    }
  }
}

}  // namespace
}  // namespace cohort::membership
