// A member asks one of its view that is silent in which view it is. Spec 3.11.
#include "discovery/discovery.h"
#include "discovery/host_address.h"
#include "discovery/message.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cohort::discovery {
namespace {

using ::testing::IsEmpty;

// A member, of rank 1 unless told, and what it sends.
class Asked {
 public:
  explicit Asked(int host) : host_(host) {
    Options options;
    options.group = "shop";
    discovery = std::make_unique<Discovery>(options, random_);
  }
  void Join(uint64_t view, Rank rank = 1) {
    Self self{.id = {{static_cast<uint64_t>(host_), 7}, 1},
              .name = "host" + std::to_string(host_),
              .address = HostAddress(host_)};
    Standing standing{.rank = rank,
                      .side = {.coordinator = {{99, 7}, 1}, .address = HostAddress(99)}};
    standing.side.view = {view, view};
    standing.side.members = 5;
    out = {};
    discovery->OnMember(now, self, standing, {}, out);
    out = {};
  }
  void Search(uint32_t join_no) {
    discovery->Search(now,
                      {.id = {{static_cast<uint64_t>(host_), 7}, join_no},
                       .name = "searcher",
                       .address = HostAddress(host_)},
                      out);
    out = {};
  }
  void Hear(const Asked& from, const Buffer& body) {
    out = {};
    discovery->OnMessage(now, HostAddress(from.host_), {static_cast<uint64_t>(from.host_), 7}, body,
                         out);
  }
  // Asks `other` and hears its answer, if it answers.
  void Ask(Asked& other) {
    out = {};
    discovery->AskWhere(HostAddress(other.host_), out);
    ASSERT_EQ(out.packets.size(), 1u);
    EXPECT_EQ(out.packets[0].to, HostAddress(other.host_));
    question = out.packets[0].body;
    other.Hear(*this, question);
    if (!other.out.packets.empty()) Hear(other, other.out.packets[0].body);
  }

  Instant now = Instant::Zero() + seconds(100);
  std::unique_ptr<Discovery> discovery;
  Output out;
  Buffer question;

 private:
  int host_;
  Random random_{1};
};

TEST(Where, WhoIsInAnotherViewSaysInWhichAndItsOwnAddress) {
  Asked left(1);
  Asked gone(2);
  left.Join(5);
  gone.Join(6);
  left.Ask(gone);
  ASSERT_EQ(left.out.elsewhere.size(), 1u);
  EXPECT_EQ(left.out.elsewhere[0].view, (ViewId{6, 6}));
  EXPECT_EQ(left.out.elsewhere[0].members, 5u);
  EXPECT_EQ(left.out.elsewhere[0].address, HostAddress(2)) << "not that of its coordinator";
  EXPECT_THAT(left.out.sightings, IsEmpty());
}

TEST(Where, WhoSearchesSaysSoAndWhoItIs) {
  Asked left(1);
  Asked gone(2);
  left.Join(5);
  gone.Search(3);
  left.Ask(gone);
  ASSERT_EQ(left.out.in_no_view.size(), 1u);
  EXPECT_EQ(left.out.in_no_view[0].id, (MemberId{{2, 7}, 3}));
  EXPECT_EQ(left.out.speaker->id, (MemberId{{2, 7}, 3}));
  EXPECT_EQ(left.out.speaker->address, HostAddress(2));
  EXPECT_FALSE(gone.out.speaker.has_value()) << "who searches has no members to compare it with";
  EXPECT_THAT(left.out.elsewhere, IsEmpty());
  EXPECT_THAT(left.out.sightings, IsEmpty());
  const Buffer answer = gone.out.packets.at(0).body;
  EXPECT_LE(answer.size(), left.question.size());
  left.Join(7);
  left.Hear(gone, answer);
  EXPECT_THAT(left.out.in_no_view, IsEmpty()) << "a replay, for all that is known";
}

TEST(Where, WhoIsInTheSameViewOrDoesNotSearchDoesNotAnswer) {
  Asked asker(1);
  Asked fellow(2);
  asker.Join(5);
  asker.Ask(fellow);
  EXPECT_THAT(fellow.out.packets, IsEmpty());
  fellow.Join(5);
  asker.Ask(fellow);
  EXPECT_THAT(fellow.out.packets, IsEmpty());
}

TEST(Where, AnAnswerToAQuestionOfAnEarlierViewIsASightingLikeAnyOther) {
  Asked left(1);
  Asked gone(2);
  left.Join(5);
  gone.Join(6);
  left.Ask(gone);
  const Buffer answer = gone.out.packets.at(0).body;
  left.Join(7);
  left.Hear(gone, answer);
  EXPECT_THAT(left.out.elsewhere, IsEmpty()) << "a replay, for all that is known";
  EXPECT_EQ(left.out.sightings.size(), 1u);
}

TEST(Where, AnswersAreRationedAndNoLargerThanTheirQuestions) {
  Asked left(1);
  Asked gone(2);
  left.Join(5);
  gone.Join(6);
  size_t answers = 0;
  for (int i = 0; i < 50; ++i) {
    left.Ask(gone);
    for (const Packet& packet : gone.out.packets) {
      ++answers;
      EXPECT_LE(packet.body.size(), left.question.size());
    }
  }
  EXPECT_EQ(answers, 10u);
  EXPECT_EQ(gone.discovery->stats().not_answered, 40u);
}

// All of a large group may ask after one that is lost to them.
TEST(Where, SearchersAreAnsweredHoweverManyAskInWhichViewItIs) {
  Asked gone(2);
  gone.Join(6, 0);
  Message question;
  question.sighting = {{{99, 7}, 1}, HostAddress(99), {5, 5}, 240};
  for (const MessageKind kind : {MessageKind::kWhere, MessageKind::kHello}) {
    question.kind = kind;
    size_t answers = 0;
    for (int host = 10; host < 250; ++host) {
      question.sender = {.id = {{static_cast<uint64_t>(host), 7}, 1},
                         .name = "host",
                         .address = HostAddress(host)};
      gone.Hear(Asked(host), Encode(question, "shop"));
      answers += gone.out.packets.size();
    }
    EXPECT_EQ(answers, 100u);
  }
}

}  // namespace
}  // namespace cohort::discovery
