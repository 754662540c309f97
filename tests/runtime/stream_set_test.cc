// Two ends of lifelines on loopback, driven by one io_context in this thread: nothing waits but for
// the kernel.
#include "runtime/stream_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>

#include "runtime/member_sockets.h"
#include "runtime/socket_address.h"

namespace cohort::runtime {
namespace {

using engine::StreamAction;
using engine::StreamEvent;
using ::testing::HasSubstr;
using Kind = StreamEvent::Kind;

security::TlsPsk NewPsk(const char* identity, uint8_t fill) {
  security::TlsPsk psk;
  psk.identity = identity;
  for (std::byte& byte : psk.secret.Fill()) byte = static_cast<std::byte>(fill);
  return psk;
}

struct SeenEvent {
  Kind kind;
  engine::StreamId stream;
  bool reset;
  std::string text;
};

// One member's streams, with all that they report.
class Side {
 public:
  Side(asio::io_context& io, std::unique_ptr<TlsContext> tls) : tls_(std::move(tls)) {
    InterfaceWish wish;
    wish.bind.host = "127.0.0.1";
    SocketWishes wishes;
    wishes.interface = *ChooseInterface(wish, ListInterfaces(), "");
    MemberSockets sockets = *OpenMemberSockets(wishes);
    address = sockets.address;
    streams = std::make_unique<StreamSet>(
        io, std::move(sockets.listener), address, tls_.get(), [this](const StreamEvent& event) {
          if (event.kind == Kind::kBytes) {
            bytes[event.stream] += AsText(event.bytes);
            return;
          }
          events.push_back({event.kind, event.stream, event.reset, event.text});
        });
    streams->Start();
  }

  void Do(StreamAction::Kind kind, engine::StreamId stream, const Address& to = {},
          std::string_view data = {}) {
    streams->Perform({kind, stream, to, Buffer::CopyOf(data)});
  }
  const SeenEvent* Find(Kind kind) const {
    for (const SeenEvent& event : events) {
      if (event.kind == kind) return &event;
    }
    return nullptr;
  }

  Address address;
  std::vector<SeenEvent> events;
  std::map<engine::StreamId, std::string> bytes;

 private:
  std::unique_ptr<TlsContext> tls_;

 public:
  std::unique_ptr<StreamSet> streams;
};

class StreamSetTest : public ::testing::Test {
 protected:
  // Runs handlers until `done`, or until 5 s brought no more.
  template <class Condition>
  bool RunUntil(Condition done) {
    while (!done()) {
      if (io_.run_one_for(std::chrono::seconds(5)) == 0) return false;
    }
    return true;
  }
  std::unique_ptr<TlsContext> Tls(const char* identity, uint8_t fill) {
    return *TlsContext::Create(NewPsk(identity, fill));
  }
  void TearDown() override {
    while (io_.poll() != 0) {
    }
  }

  asio::io_context io_;
};

TEST_F(StreamSetTest, WithOneKeyALifelineOpensAndCarriesBytesBothWays) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 1));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kOpened) && b.Find(Kind::kAccepted); }));
  const engine::StreamId accepted = b.Find(Kind::kAccepted)->stream;
  EXPECT_EQ(accepted % 2, 0u);

  const std::string large(300'000, 'x');
  a.Do(StreamAction::Kind::kSend, 1, {}, "hello");
  a.Do(StreamAction::Kind::kSend, 1, {}, large);
  b.Do(StreamAction::Kind::kSend, accepted, {}, "welcome");
  ASSERT_TRUE(RunUntil(
      [&] { return b.bytes[accepted].size() == large.size() + 5 && a.bytes[1].size() == 7; }));
  EXPECT_EQ(b.bytes[accepted], "hello" + large);
  EXPECT_EQ(a.bytes[1], "welcome");
  a.streams->Abort();
  b.streams->Abort();
}

TEST_F(StreamSetTest, WithAnotherKeyTheHandshakeFailsAndTheTextNamesTheKey) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 2));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kFailed) && b.streams->empty(); }));
  EXPECT_THAT(a.Find(Kind::kFailed)->text, HasSubstr("key"));
  EXPECT_TRUE(b.events.empty());
  EXPECT_EQ(b.streams->stats().handshakes_failed, 1u);
}

TEST_F(StreamSetTest, WithAnotherIdentityTheHandshakeFailsToo) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("h", 1));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kFailed) != nullptr; }));
  EXPECT_EQ(a.Find(Kind::kOpened), nullptr);
}

TEST_F(StreamSetTest, PlaintextAgainstTlsFailsOnBothSides) {
  Side a(io_, nullptr);
  Side b(io_, Tls("g", 1));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(
      RunUntil([&] { return a.Find(Kind::kOpened) != nullptr; }));  // It knows of no handshake.
  a.Do(StreamAction::Kind::kSend, 1, {}, "these bytes are no handshake");
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kClosed) && b.streams->empty(); }));
  EXPECT_TRUE(b.events.empty());
}

TEST_F(StreamSetTest, AnOrderlyCloseFlushesAndIsSeenAsAnEndWithoutReset) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 1));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kOpened) && b.Find(Kind::kAccepted); }));
  a.Do(StreamAction::Kind::kSend, 1, {}, std::string(100'000, 'y'));
  a.Do(StreamAction::Kind::kClose, 1);
  ASSERT_TRUE(RunUntil([&] { return b.Find(Kind::kClosed) && a.streams->empty(); }));
  EXPECT_FALSE(b.Find(Kind::kClosed)->reset);
  EXPECT_EQ(b.bytes[b.Find(Kind::kAccepted)->stream].size(), 100'000u);
  EXPECT_EQ(a.Find(Kind::kClosed), nullptr);  // Who closes is not told.
}

// What the other end is when its process dies: a socket of this test, closed by hand.
FileDescriptor Connect(const Address& to) {
  FileDescriptor fd(::socket(AF_INET, SOCK_STREAM, 0));
  const SocketAddress peer = ToSocketAddress(to);
  EXPECT_EQ(::connect(fd.get(), peer.get(), peer.size), 0);
  return fd;
}

TEST_F(StreamSetTest, FinAndResetAreToldApart) {
  Side a(io_, nullptr);
  FileDescriptor orderly = Connect(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 1; }));
  orderly.Close();
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 2; }));
  EXPECT_EQ(a.events[1].kind, Kind::kClosed);
  EXPECT_FALSE(a.events[1].reset);

  FileDescriptor broken = Connect(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 3; }));
  const linger at_once{1, 0};
  setsockopt(broken.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  broken.Close();
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 4; }));
  EXPECT_EQ(a.events[3].kind, Kind::kClosed);
  EXPECT_TRUE(a.events[3].reset);
}

TEST_F(StreamSetTest, TheListenerHasAHigherDescriptorThanAnyLifelineSoThatItEndsBeforeThem) {
  InterfaceWish wish;
  wish.bind.host = "127.0.0.1";
  SocketWishes wishes;
  wishes.interface = *ChooseInterface(wish, ListInterfaces(), "");
  const MemberSockets sockets = *OpenMemberSockets(wishes);
  const FileDescriptor later(dup(sockets.unicast.fd()));
  EXPECT_GT(sockets.listener.get(), later.get());
}

TEST_F(StreamSetTest, APortNobodyListensOnIsRefusedAndAnOpenOneAnswersAProbe) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 1));
  Address nobody = b.address;
  {
    Side gone(io_, nullptr);
    nobody = gone.address;
    gone.streams->Abort();
  }
  a.Do(StreamAction::Kind::kOpen, 1, nobody);
  a.Do(StreamAction::Kind::kProbe, 3, nobody);
  a.Do(StreamAction::Kind::kProbe, 5, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 3; }));
  std::map<engine::StreamId, Kind> answers;
  for (const SeenEvent& event : a.events) answers[event.stream] = event.kind;
  EXPECT_EQ(answers[1], Kind::kRefused);
  EXPECT_EQ(answers[3], Kind::kRefused);
  EXPECT_EQ(answers[5], Kind::kAnswered);
  ASSERT_TRUE(RunUntil([&] { return b.streams->empty(); }));
  EXPECT_TRUE(b.events.empty());
}

TEST_F(StreamSetTest, APeerThatDoesNotReadFillsTheQueueToItsLimitAndIsCutOff) {
  Side a(io_, nullptr);
  FileDescriptor idle = Connect(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kAccepted) != nullptr; }));
  const engine::StreamId stream = a.Find(Kind::kAccepted)->stream;
  const std::string block(1 << 20, 'z');
  for (int i = 0; i < 64 && a.Find(Kind::kClosed) == nullptr; ++i) {
    a.Do(StreamAction::Kind::kSend, stream, {}, block);
  }
  ASSERT_NE(a.Find(Kind::kClosed), nullptr);
  EXPECT_THAT(a.Find(Kind::kClosed)->text, HasSubstr("queue full"));
}

TEST_F(StreamSetTest, AQueueThatDrainsSaysThatItIsWritableAgain) {
  Side a(io_, nullptr);
  Side b(io_, nullptr);
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kOpened) && b.Find(Kind::kAccepted); }));
  a.Do(StreamAction::Kind::kSend, 1, {}, std::string(engine::kStreamQueueBytesMax, 'w'));
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kWritable) != nullptr; }));
  a.streams->Abort();
  b.streams->Abort();
}

TEST_F(StreamSetTest, NoMoreHandshakesAreUnderWayThanTheLimit) {
  Side a(io_, Tls("g", 1));
  std::vector<FileDescriptor> silent;
  for (size_t i = 0; i < kHandshakesMax + 8; ++i) silent.push_back(Connect(a.address));
  ASSERT_TRUE(RunUntil([&] { return a.streams->stats().turned_away == 8; }));
  EXPECT_EQ(a.streams->stats().open, kHandshakesMax);
  a.streams->Abort();
}

TEST_F(StreamSetTest, ConnectionsThatWereRefusedTakeNoPlaceOfAHandshake) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 1));
  const Address nobody = Side(io_, Tls("g", 1)).address;  // Closed again by now.
  for (size_t i = 0; i < kHandshakesMax; ++i) a.Do(StreamAction::Kind::kOpen, 2 * i + 1, nobody);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == kHandshakesMax; }));
  ASSERT_NE(a.Find(Kind::kRefused), nullptr);
  b.Do(StreamAction::Kind::kOpen, 1, a.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(Kind::kAccepted) || a.streams->stats().turned_away; }));
  EXPECT_EQ(a.streams->stats().turned_away, 0u);
  EXPECT_EQ(a.streams->stats().handshakes_failed, 0u);
  a.streams->Abort();
  b.streams->Abort();
}

}  // namespace
}  // namespace cohort::runtime
