// Two ends of lifelines on loopback, driven by one io_context in this thread: nothing waits but for
// the kernel.
#include "runtime/stream_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <optional>

#include "runtime/member_sockets.h"
#include "runtime/socket_address.h"
#include "runtime/stream_door.h"

namespace cohort::runtime {
namespace {

using engine::StreamAction;
using engine::StreamEvent;
using ::testing::HasSubstr;
using StreamKind = StreamEvent::Kind;

security::TlsPsk NewPsk(const char* identity, uint8_t fill) {
  security::TlsPsk psk;
  psk.identity = identity;
  for (std::byte& byte : psk.secret.Fill()) byte = static_cast<std::byte>(fill);
  return psk;
}

struct SeenEvent {
  StreamKind kind;
  engine::StreamId stream;
  bool reset;
  std::string text;
};

constexpr char kPlain[] =
    "cohort-1 0000abcd";  // What lifelines of a group without a key begin with.

// One member's streams and the door they come in by, with all that they report.
class Side {
 public:
  Side(asio::io_context& io, std::optional<security::TlsPsk> psk) : psk_(std::move(psk)) {
    InterfaceWish wish;
    wish.bind.host = "127.0.0.1";
    SocketWishes wishes;
    wishes.interface = *ChooseInterface(wish, ListInterfaces(), "");
    MemberSockets sockets = *OpenMemberSockets(wishes);
    address = sockets.address;
    if (psk_) tls_ = *TlsContext::ForClients(*psk_);
    streams = std::make_unique<StreamSet>(
        io, address, tls_.get(), kPlain, [this](const StreamEvent& event) {
          if (event.kind == StreamKind::kBytes) {
            bytes[event.stream] += AsText(event.bytes);
            return;
          }
          events.push_back({event.kind, event.stream, event.reset, event.text});
        });
    door = *StreamDoor::Open(
        io, std::move(sockets.listener),
        {[this](std::string_view identity) { return Find(identity); },
         [this](uint64_t, const std::shared_ptr<Stream>& stream) { streams->Adopt(stream); }});
    door->Start();
  }
  ~Side() { Abort(); }
  TlsContext::Known Find(std::string_view identity) const {
    if (psk_)
      return identity == psk_->identity ? TlsContext::Known{&*psk_, 1} : TlsContext::Known{};
    return {nullptr, identity == kPlain ? uint64_t{1} : 0};
  }

  void Do(StreamAction::Kind kind, engine::StreamId stream, const Address& to = {},
          std::string_view data = {}) {
    streams->Perform({kind, stream, to, Buffer::CopyOf(data)});
  }
  const SeenEvent* Find(StreamKind kind) const {
    for (const SeenEvent& event : events) {
      if (event.kind == kind) return &event;
    }
    return nullptr;
  }
  bool empty() const { return door->size() == 0 && streams->empty(); }
  void Abort() {
    door->Close();
    streams->Abort();
  }

  Address address;
  std::vector<SeenEvent> events;
  std::map<engine::StreamId, std::string> bytes;

 private:
  std::optional<security::TlsPsk> psk_;
  std::unique_ptr<TlsContext> tls_;

 public:
  std::unique_ptr<StreamSet> streams;
  std::unique_ptr<StreamDoor> door;
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
  std::optional<security::TlsPsk> Tls(const char* identity, uint8_t fill) {
    return NewPsk(identity, fill);
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
  ASSERT_TRUE(
      RunUntil([&] { return a.Find(StreamKind::kOpened) && b.Find(StreamKind::kAccepted); }));
  const engine::StreamId accepted = b.Find(StreamKind::kAccepted)->stream;
  EXPECT_EQ(accepted % 2, 0u);

  const std::string large(300'000, 'x');
  a.Do(StreamAction::Kind::kSend, 1, {}, "hello");
  a.Do(StreamAction::Kind::kSend, 1, {}, large);
  b.Do(StreamAction::Kind::kSend, accepted, {}, "welcome");
  ASSERT_TRUE(RunUntil(
      [&] { return b.bytes[accepted].size() == large.size() + 5 && a.bytes[1].size() == 7; }));
  EXPECT_EQ(b.bytes[accepted], "hello" + large);
  EXPECT_EQ(a.bytes[1], "welcome");
  a.Abort();
  b.Abort();
}

TEST_F(StreamSetTest, WithAnotherKeyTheHandshakeFailsAndTheTextNamesTheKey) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 2));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(StreamKind::kFailed) && b.empty(); }));
  EXPECT_THAT(a.Find(StreamKind::kFailed)->text, HasSubstr("key"));
  EXPECT_TRUE(b.events.empty());
  EXPECT_EQ(b.door->stats().handshakes_failed, 1u);
}

TEST_F(StreamSetTest, WithAnotherIdentityTheHandshakeFailsToo) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("h", 1));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(StreamKind::kFailed) != nullptr; }));
  EXPECT_EQ(a.Find(StreamKind::kOpened), nullptr);
}

TEST_F(StreamSetTest, PlaintextAgainstTlsFailsOnBothSides) {
  Side a(io_, std::nullopt);
  Side b(io_, Tls("g", 1));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(RunUntil(
      [&] { return a.Find(StreamKind::kOpened) != nullptr; }));  // It knows of no handshake.
  a.Do(StreamAction::Kind::kSend, 1, {}, "these bytes are no handshake");
  ASSERT_TRUE(RunUntil([&] { return a.Find(StreamKind::kClosed) && b.empty(); }));
  EXPECT_TRUE(b.events.empty());
}

TEST_F(StreamSetTest, AnOrderlyCloseFlushesAndIsSeenAsAnEndWithoutReset) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 1));
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(
      RunUntil([&] { return a.Find(StreamKind::kOpened) && b.Find(StreamKind::kAccepted); }));
  a.Do(StreamAction::Kind::kSend, 1, {}, std::string(100'000, 'y'));
  a.Do(StreamAction::Kind::kClose, 1);
  ASSERT_TRUE(RunUntil([&] { return b.Find(StreamKind::kClosed) && a.empty(); }));
  EXPECT_FALSE(b.Find(StreamKind::kClosed)->reset);
  EXPECT_EQ(b.bytes[b.Find(StreamKind::kAccepted)->stream].size(), 100'000u);
  EXPECT_EQ(a.Find(StreamKind::kClosed), nullptr);  // Who closes is not told.
}

// What the other end is when its process dies: a socket of this test, closed by hand.
FileDescriptor Connect(const Address& to) {
  FileDescriptor fd(::socket(AF_INET, SOCK_STREAM, 0));
  const SocketAddress peer = ToSocketAddress(to);
  EXPECT_EQ(::connect(fd.get(), peer.get(), peer.size), 0);
  return fd;
}

FileDescriptor ConnectAndGreet(const Address& to, std::string_view greeting = kPlain) {
  FileDescriptor fd = Connect(to);
  EXPECT_EQ(::send(fd.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(greeting.size()));
  return fd;
}

TEST_F(StreamSetTest, FinAndResetAreToldApart) {
  Side a(io_, std::nullopt);
  FileDescriptor orderly = ConnectAndGreet(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 1; }));
  orderly.Close();
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 2; }));
  EXPECT_EQ(a.events[1].kind, StreamKind::kClosed);
  EXPECT_FALSE(a.events[1].reset);

  FileDescriptor broken = ConnectAndGreet(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 3; }));
  const linger at_once{1, 0};
  setsockopt(broken.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  broken.Close();
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 4; }));
  EXPECT_EQ(a.events[3].kind, StreamKind::kClosed);
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
    Side gone(io_, std::nullopt);
    nobody = gone.address;
    gone.Abort();
  }
  a.Do(StreamAction::Kind::kOpen, 1, nobody);
  a.Do(StreamAction::Kind::kProbe, 3, nobody);
  a.Do(StreamAction::Kind::kProbe, 5, b.address);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == 3; }));
  std::map<engine::StreamId, StreamKind> answers;
  for (const SeenEvent& event : a.events) answers[event.stream] = event.kind;
  EXPECT_EQ(answers[1], StreamKind::kRefused);
  EXPECT_EQ(answers[3], StreamKind::kRefused);
  EXPECT_EQ(answers[5], StreamKind::kAnswered);
  ASSERT_TRUE(RunUntil([&] { return b.empty(); }));
  EXPECT_TRUE(b.events.empty());
}

TEST_F(StreamSetTest, APeerThatDoesNotReadFillsTheQueueToItsLimitAndIsCutOff) {
  Side a(io_, std::nullopt);
  FileDescriptor idle = ConnectAndGreet(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.Find(StreamKind::kAccepted) != nullptr; }));
  const engine::StreamId stream = a.Find(StreamKind::kAccepted)->stream;
  const std::string block(1 << 20, 'z');
  for (int i = 0; i < 64 && a.Find(StreamKind::kClosed) == nullptr; ++i) {
    a.Do(StreamAction::Kind::kSend, stream, {}, block);
  }
  ASSERT_NE(a.Find(StreamKind::kClosed), nullptr);
  EXPECT_THAT(a.Find(StreamKind::kClosed)->text, HasSubstr("queue full"));
}

TEST_F(StreamSetTest, AQueueThatDrainsSaysThatItIsWritableAgain) {
  Side a(io_, std::nullopt);
  Side b(io_, std::nullopt);
  a.Do(StreamAction::Kind::kOpen, 1, b.address);
  ASSERT_TRUE(
      RunUntil([&] { return a.Find(StreamKind::kOpened) && b.Find(StreamKind::kAccepted); }));
  a.Do(StreamAction::Kind::kSend, 1, {}, std::string(engine::kStreamQueueBytesMax, 'w'));
  ASSERT_TRUE(RunUntil([&] { return a.Find(StreamKind::kWritable) != nullptr; }));
  a.Abort();
  b.Abort();
}

TEST_F(StreamSetTest, APlainLifelineOfAnotherGroupIsClosedAndNobodyIsTold) {
  Side a(io_, std::nullopt);
  const FileDescriptor other = ConnectAndGreet(a.address, "cohort-1 0000abce");
  ASSERT_TRUE(RunUntil([&] { return a.door->stats().handshakes_failed == 1; }));
  EXPECT_EQ(a.door->size(), 0u);
  EXPECT_TRUE(a.events.empty());
}

TEST_F(StreamSetTest, AGroupWithAKeyTakesNoLifelineThatOnlySaysItsName) {
  Side a(io_, Tls(kPlain, 1));
  const FileDescriptor other = ConnectAndGreet(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.door->stats().handshakes_failed == 1; }));
  EXPECT_TRUE(a.events.empty());
}

TEST_F(StreamSetTest, AGreetingThatComesInPiecesIsPutTogetherAndWhatFollowsIsTheGroups) {
  Side a(io_, std::nullopt);
  const FileDescriptor slow = ConnectAndGreet(a.address, "cohort-1");
  ASSERT_TRUE(RunUntil([&] { return a.door->size() == 1; }));
  while (io_.poll() != 0) {
  }
  EXPECT_TRUE(a.events.empty());
  ASSERT_EQ(::send(slow.get(), " 0000abcdhello", 14, MSG_NOSIGNAL), 14);
  ASSERT_TRUE(RunUntil([&] { return !a.bytes.empty(); }));
  EXPECT_EQ(a.bytes.begin()->second, "hello");
  EXPECT_EQ(a.door->size(), 0u);
  a.Abort();
}

TEST_F(StreamSetTest, AProbeIsNoFailedHandshake) {
  Side a(io_, Tls("g", 1));
  Connect(a.address).Close();
  const FileDescriptor silent = Connect(a.address);
  ASSERT_TRUE(RunUntil([&] { return a.door->size() == 1; }));
  EXPECT_EQ(a.door->stats().handshakes_failed, 0u);
  a.Abort();
}

TEST_F(StreamSetTest, NoMoreHandshakesAreUnderWayThanTheLimit) {
  Side a(io_, Tls("g", 1));
  std::vector<FileDescriptor> silent;
  for (size_t i = 0; i < kHandshakesMax + 8; ++i) silent.push_back(Connect(a.address));
  ASSERT_TRUE(RunUntil([&] { return a.door->stats().turned_away == 8; }));
  EXPECT_EQ(a.door->size(), kHandshakesMax);
  a.Abort();
}

TEST_F(StreamSetTest, ConnectionsThatWereRefusedTakeNoPlaceOfAHandshake) {
  Side a(io_, Tls("g", 1));
  Side b(io_, Tls("g", 1));
  const Address nobody = Side(io_, Tls("g", 1)).address;  // Closed again by now.
  for (size_t i = 0; i < kHandshakesMax; ++i) a.Do(StreamAction::Kind::kOpen, 2 * i + 1, nobody);
  ASSERT_TRUE(RunUntil([&] { return a.events.size() == kHandshakesMax; }));
  ASSERT_NE(a.Find(StreamKind::kRefused), nullptr);
  b.Do(StreamAction::Kind::kOpen, 1, a.address);
  ASSERT_TRUE(
      RunUntil([&] { return a.Find(StreamKind::kAccepted) || a.door->stats().turned_away; }));
  EXPECT_EQ(a.door->stats().turned_away, 0u);
  EXPECT_EQ(a.door->stats().handshakes_failed, 0u);
  a.Abort();
  b.Abort();
}

}  // namespace
}  // namespace cohort::runtime
