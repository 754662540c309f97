// Who may come in, and what the others are told (Spec 4.63).
#include "membership/admission.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::membership {
namespace {

using ::testing::HasSubstr;

MemberInfo MemberAt(uint8_t host) {
  MemberInfo member;
  member.id = {{7, host}, 1};
  member.name = "host" + std::to_string(host);
  member.address.family = 4;
  member.address.ip = {10, 0, 0, host};
  member.address.port = 7600;
  return member;
}

class Admission : public ::testing::Test {
 protected:
  Admission() {
    request_.group = "shop";
    request_.level_min = request_.level_max = kFeatureLevel;
    request_.member = MemberAt(9);
  }
  std::optional<JoinAnswer> Judge() const {
    return JudgeAdmission(request_, rules_, members_, convicted_, pending_);
  }
  // That it is refused, with these words, and whether for good.
  void ExpectRefusal(const std::string& words, bool final) const {
    const auto answer = Judge();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->kind, JoinAnswer::Kind::kRefused);
    EXPECT_THAT(answer->text, HasSubstr(words));
    EXPECT_EQ(answer->final, final);
  }

  // Of this request and `other`, that of the process that was started later is taken.
  void ExpectTheLaterOne(JoinRequest other, const std::string& words) {
    other.member.incarnation = 5;
    pending_ = {other};
    request_.member.incarnation = 4;
    ExpectRefusal(words, false);
    request_.member.incarnation = 6;
    EXPECT_FALSE(Judge().has_value());
  }

  JoinRequest request_;
  AdmissionRules rules_{.group = "shop", .policy = Policy::kAvailable, .members_max = 4};
  std::vector<MemberInfo> members_{MemberAt(1), MemberAt(2)};
  RankSet convicted_;
  std::vector<JoinRequest> pending_;
};

TEST_F(Admission, AProcessThatFitsComesIn) { EXPECT_FALSE(Judge().has_value()); }

TEST_F(Admission, ReleasesWithoutACommonFeatureLevelAreToldToUpdateOneOfThem) {
  request_.level_min = kFeatureLevel + 1;
  request_.level_max = kFeatureLevel + 3;
  ExpectRefusal("update one of them", true);
  request_.level_min = kFeatureLevel;
  EXPECT_FALSE(Judge().has_value());
  request_.level_min = 0;
  request_.level_max = kFeatureLevel - 1;
  ExpectRefusal("feature level", true);
}

TEST_F(Admission, AnotherGroupAndAnotherPolicyAreRefusedForGood) {
  request_.group = "stock";
  ExpectRefusal("this member is of group 'shop', not 'stock'", true);
  request_.group = "shop";
  request_.policy = Policy::kPrimary;
  ExpectRefusal("--policy available", true);
}

TEST_F(Admission, AMemberKeepsItsNameUntilItIsConvicted) {
  request_.member.name = "host2";
  ExpectRefusal("in use by the process at 10.0.0.2:7600", false);
  convicted_.Insert(1);
  EXPECT_FALSE(Judge().has_value());
}

TEST_F(Admission, WhoIsAtTheAddressOfAMemberOfItsNameHasReplacedIt) {
  request_.member.name = "host2";
  request_.member.address = members_[1].address;
  EXPECT_FALSE(Judge().has_value());
}

// Found by the simulator (seed 3941): the last words of a dead process came after its successor,
// which was thrown out for it.
TEST_F(Admission, ARequestThatIsOlderThanTheProcessAtItsAddressCameTooLate) {
  request_.member.name = "host2";
  request_.member.address = members_[1].address;
  request_.member.incarnation = 4;
  members_[1].incarnation = 5;
  ExpectRefusal("started later", false);
  // Else a process whose host's clock was set back could not come back for as long.
  convicted_.Insert(1);
  EXPECT_FALSE(Judge().has_value());
  convicted_ = {};
  request_.member.incarnation = 5;
  EXPECT_FALSE(Judge().has_value()) << "nobody knows which is the later one";
}

TEST_F(Admission, ARequestThatIsOlderThanOneThatWaitsAtItsAddressCameTooLate) {
  JoinRequest other = request_;
  other.member = MemberAt(8);
  other.member.address = request_.member.address;
  ExpectTheLaterOne(other, "started later");
}

TEST_F(Admission, OfTwoThatAskWithOneNameTheOneStartedLaterComesIn) {
  JoinRequest other = request_;
  other.member = MemberAt(8);
  other.member.name = request_.member.name;
  ExpectTheLaterOne(other, "in use");
}

TEST_F(Admission, AFullGroupIsFullForTheMomentOnly) {
  members_ = {MemberAt(1), MemberAt(2), MemberAt(3), MemberAt(4)};
  ExpectRefusal("the group is full with 4 members", false);
  // One more attempt of a member takes its own place.
  request_.member = MemberAt(3);
  request_.member.id.join_no = 2;
  EXPECT_FALSE(Judge().has_value());
}

}  // namespace
}  // namespace cohort::membership
