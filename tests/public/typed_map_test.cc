#include <cohort/cohort.h>
#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "public/testing.h"

namespace cohort::testing {

struct Cart {
  uint32_t articles = 0;
  std::string owner;
  bool operator==(const Cart&) const = default;
};

}  // namespace cohort::testing

// No cart of nobody.
template <>
struct cohort::Codec<cohort::testing::Cart> {
  static std::optional<std::string> Encode(const testing::Cart& cart) {
    if (cart.owner.empty()) return std::nullopt;
    return *KeyCodec<uint32_t>::Encode(cart.articles) + cart.owner;
  }
  static std::optional<testing::Cart> Decode(std::string_view bytes) {
    const auto articles = KeyCodec<uint32_t>::Decode(bytes.substr(0, 4));
    if (!articles || bytes.size() == 4) return std::nullopt;
    return testing::Cart{*articles, std::string(bytes.substr(4))};
  }
};

namespace cohort::testing {
namespace {

using enum absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class TypedMapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    members_ = JoinMembers(2, OnLoopback("typed", ""));
    ASSERT_EQ(members_.size(), 2u);
  }
  template <class Key, class Value>
  TypedMap<Key, Value> Open(size_t member, const std::string& name) {
    return TypedMap<Key, Value>(*members_[member].OpenMap(name));
  }
  std::vector<Group> members_;
};

TEST_F(TypedMapTest, OneMemberPutsWhatTheOtherGets) {
  auto a = Open<uint64_t, Cart>(0, "carts");
  auto b = Open<uint64_t, Cart>(1, "carts");
  const WriteResult put = a.Put(4711, {3, "ann"}, {.ttl = absl::Minutes(5)});
  ASSERT_TRUE(put.ok()) << put.status;
  const absl::StatusOr<TypedEntry<Cart>> entry = b.Get(4711);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->value, (Cart{3, "ann"}));
  EXPECT_EQ(entry->version, put.version);
  EXPECT_LE(entry->ttl, absl::Minutes(5));
  EXPECT_TRUE(b.Exists(4711));
  EXPECT_FALSE(b.Exists(4712));
  EXPECT_EQ(b.Get(4712).status().code(), kNotFound);
  EXPECT_EQ(a.Digest().ToString(), b.Digest().ToString());
  EXPECT_EQ(b.Size(), 1u);
  EXPECT_EQ(b.name(), "carts");
}

TEST_F(TypedMapTest, AReadWithOptionsIsDecodedToo) {
  auto carts = Open<uint64_t, Cart>(0, "carts");
  ASSERT_TRUE(carts.Put(4711, {3, "ann"}).ok());
  ASSERT_TRUE(carts.bytes().Put(*KeyCodec<uint64_t>::Encode(4712), "?").ok());
  EXPECT_EQ(carts.Get(4711, {})->value, (Cart{3, "ann"}));
  EXPECT_EQ(carts.Get(4712, {}).status().code(), kDataLoss);
  EXPECT_EQ(carts.Get(4713, {}).status().code(), kNotFound);
  for (const auto& [key, code] :
       std::map<uint64_t, absl::StatusCode>{{4711, kOk}, {4712, kDataLoss}, {4713, kNotFound}}) {
    Watched<std::optional<absl::StatusCode>> told;
    ASSERT_TRUE(carts
                    .GetAsync(key, {},
                              [&](const absl::StatusOr<TypedEntry<Cart>>& entry) {
                                told.Update([&](auto& value) { value = entry.status().code(); });
                              })
                    .ok());
    ASSERT_TRUE(told.WaitFor([](const auto& value) { return value.has_value(); }));
    EXPECT_EQ(told.Get(), code) << key;
  }
}

TEST_F(TypedMapTest, ConditionsLifetimesAndErasuresMeanWhatTheyDoInTheMapBelow) {
  auto a = Open<std::string, double>(0, "prices");
  auto b = Open<std::string, double>(1, "prices");
  const WriteResult first = a.PutIfAbsent("tea", 2.5);
  ASSERT_TRUE(first.ok()) << first.status;
  EXPECT_EQ(b.PutIfAbsent("tea", 3).status.code(), kAborted);
  const WriteResult second = b.PutIf("tea", first.version, 2.75);
  ASSERT_TRUE(second.ok()) << second.status;
  EXPECT_EQ(a.EraseIf("tea", first.version).status.code(), kAborted);
  EXPECT_EQ(a.Get("tea")->value, 2.75);
  EXPECT_TRUE(a.Expire("tea", absl::Minutes(1)).ok());
  EXPECT_LE(b.Get("tea")->ttl, absl::Minutes(1));
  EXPECT_TRUE(b.Persist("tea").ok());
  EXPECT_EQ(a.Get("tea")->ttl, absl::InfiniteDuration());
  EXPECT_TRUE(a.EraseIf("tea", a.Get("tea")->version).ok());
  EXPECT_EQ(a.Erase("tea").number, 0);
  EXPECT_TRUE(a.Put("salt", 1).ok());
  EXPECT_EQ(b.Clear().number, 1);
  EXPECT_EQ(a.Size(), 0u);
}

TEST_F(TypedMapTest, NumbersCountAndStringsGrow) {
  auto numbers = Open<std::string, int64_t>(0, "numbers");
  EXPECT_EQ(numbers.Increment("n", 5).number, 5);
  ASSERT_TRUE(numbers.Put("n", -40).ok());
  EXPECT_EQ(numbers.Increment("n", -2).number, -42);
  auto there = Open<std::string, int64_t>(1, "numbers");
  EXPECT_EQ(there.Get("n")->value, -42);
  auto texts = Open<std::string, std::string>(0, "texts");
  EXPECT_EQ(texts.Append("t", "ab").number, 2);
  EXPECT_EQ(texts.Append("t", "cd").number, 4);
  EXPECT_EQ(texts.Get("t")->value, "abcd");
}

TEST_F(TypedMapTest, AMessageOfProtocolBuffersIsAValue) {
  auto a = Open<std::string, google::protobuf::StringValue>(0, "messages");
  auto b = Open<std::string, google::protobuf::StringValue>(1, "messages");
  google::protobuf::StringValue message;
  message.set_value("hello");
  ASSERT_TRUE(a.Put("k", message).ok());
  EXPECT_EQ(b.Get("k")->value.value(), "hello");
  ASSERT_TRUE(a.bytes().Put("k", "\xFF\xFF\xFF").ok());
  EXPECT_EQ(b.Get("k").status().code(), kDataLoss);
}

TEST_F(TypedMapTest, AValueThatDoesNotDecodeIsDataLossThatNamesTheKeyAndHarmsNoOther) {
  auto carts = Open<std::string, Cart>(0, "carts");
  ASSERT_TRUE(carts.Put("good", {1, "ann"}).ok());
  ASSERT_TRUE(carts.bytes().Put("bad\n", "xyz").ok());
  const absl::Status status = carts.Get("bad\n").status();
  EXPECT_EQ(status.code(), kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'bad\\x0a', 3 bytes"));

  std::map<std::string, Cart> visited;
  const absl::Status all = carts.ForEach(
      [&](const std::string& key, const TypedEntry<Cart>& entry) { visited[key] = entry.value; });
  EXPECT_THAT(visited, ElementsAre(Pair("good", Cart{1, "ann"})));
  EXPECT_EQ(all, status);
  const TypedScanResult<std::string, Cart> scan = carts.Scan(0);
  ASSERT_EQ(scan.items.size(), 1u);
  EXPECT_EQ(scan.items[0].key, "good");
  EXPECT_EQ(scan.status, status);
  EXPECT_EQ(scan.cursor, 0u);

  ASSERT_TRUE(carts.Put("bad\n", {2, "bob"}).ok());
  EXPECT_EQ(carts.Get("bad\n")->value.owner, "bob");
  EXPECT_TRUE(carts.ForEach([](const std::string&, const TypedEntry<Cart>&) {}).ok());
}

TEST_F(TypedMapTest, AKeyThatDoesNotDecodeIsToldInBoundedWords) {
  auto numbers = Open<uint32_t, int64_t>(0, "numbers");
  ASSERT_TRUE(numbers.bytes().Put(std::string(4096, 'k'), "1").ok());
  ASSERT_TRUE(numbers.Put(7, 1).ok());
  std::set<uint32_t> visited;
  const absl::Status status =
      numbers.ForEach([&](uint32_t key, const TypedEntry<int64_t>&) { visited.insert(key); });
  EXPECT_EQ(status.code(), kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("kkk...'"));
  EXPECT_LT(status.message().size(), 200u);
  EXPECT_THAT(visited, ElementsAre(7));
}

TEST_F(TypedMapTest, WhatHasNoBytesIsRefusedAndNothingIsSent) {
  auto carts = Open<double, Cart>(0, "carts");
  const Cart nobodys;
  const Cart anns{1, "ann"};
  EXPECT_EQ(carts.Put(1, nobodys).status.code(), kInvalidArgument);
  EXPECT_EQ(carts.Put(std::nan(""), anns).status.code(), kInvalidArgument);
  EXPECT_EQ(carts.Get(std::nan("")).status().code(), kInvalidArgument);
  EXPECT_FALSE(carts.Exists(std::nan("")));
  const auto never = [](const WriteResult&) { ADD_FAILURE() << "called, though it was refused"; };
  EXPECT_EQ(carts.PutAsync(1, nobodys, {}, never).code(), kInvalidArgument);
  EXPECT_EQ(carts.EraseAsync(std::nan(""), {}, never).code(), kInvalidArgument);
  TypedWriteBatch<double, Cart> batch;
  batch.Put(1, anns).Put(2, nobodys).Put(3, anns);
  EXPECT_EQ(carts.Write(batch).status.code(), kInvalidArgument);
  EXPECT_EQ(carts.WriteAsync(batch, {}, never).code(), kInvalidArgument);
  EXPECT_EQ(carts.Size(), 0u);
  batch.clear();
  EXPECT_TRUE(carts.Write(batch.Put(1, anns)).ok());
}

TEST_F(TypedMapTest, ABatchOfTypedWritesIsAllOrNothing) {
  auto a = Open<int32_t, int64_t>(0, "numbers");
  auto b = Open<int32_t, int64_t>(1, "numbers");
  const WriteResult there = a.Put(-1, 10);
  TypedWriteBatch<int32_t, int64_t> batch;
  batch.Put(1, 100).Increment(2, 5).PutIfAbsent(-1, 0);
  EXPECT_EQ(batch.size(), 3u);
  EXPECT_EQ(b.Write(batch).status.code(), kAborted);
  EXPECT_FALSE(b.Exists(1));
  batch.clear();
  batch.Put(1, 100, absl::Minutes(1)).Increment(1, 5).PutIf(-1, there.version, 11).Put(3, 3);
  batch.PutKeepingTtl(1, 7).Persist(1).Expire(3, absl::Minutes(2)).Erase(4).EraseIf(5, {});
  ASSERT_TRUE(b.Write(batch).ok());
  EXPECT_EQ(a.Get(1)->value, 7);
  EXPECT_EQ(a.Get(1)->ttl, absl::InfiniteDuration());
  EXPECT_EQ(a.Get(-1)->value, 11);
  EXPECT_LE(a.Get(3)->ttl, absl::Minutes(2));
}

TEST_F(TypedMapTest, EveryAsyncWriteIsAnsweredOnce) {
  auto numbers = Open<std::string, int64_t>(0, "numbers");
  auto texts = Open<std::string, std::string>(0, "texts");
  Watched<std::vector<absl::Status>> answers;
  const auto done = [&](const WriteResult& result) {
    answers.Update([&](auto& all) { all.push_back(result.status); });
  };
  TypedWriteBatch<std::string, int64_t> batch;
  EXPECT_TRUE(numbers.PutAsync("a", 1, {}, done).ok());
  EXPECT_TRUE(numbers.PutIfAbsentAsync("b", 1, {}, done).ok());
  EXPECT_TRUE(numbers.IncrementAsync("a", 1, {}, done).ok());
  EXPECT_TRUE(numbers.ExpireAsync("a", absl::Minutes(1), {}, done).ok());
  EXPECT_TRUE(numbers.PersistAsync("a", {}, done).ok());
  EXPECT_TRUE(numbers.WriteAsync(batch.Put("c", 3), {}, done).ok());
  EXPECT_TRUE(texts.AppendAsync("t", "x", {}, done).ok());
  ASSERT_TRUE(answers.WaitFor([](const auto& all) { return all.size() == 7; }));
  for (const absl::Status& status : answers.Get()) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(numbers.Get("a")->value, 2);
  const Version version = numbers.Get("a")->version;
  EXPECT_TRUE(numbers.PutIfAsync("a", version, 9, {}, done).ok());
  EXPECT_TRUE(numbers.EraseIfAsync("a", version, {}, done).ok());  // Aborted: the put was first.
  EXPECT_TRUE(numbers.EraseAsync("b", {}, done).ok());
  EXPECT_TRUE(numbers.ClearAsync({}, done).ok());
  ASSERT_TRUE(answers.WaitFor([](const auto& all) { return all.size() == 11; }));
  EXPECT_EQ(answers.Get()[8].code(), kAborted);
  EXPECT_EQ(numbers.Size(), 0u);
}

TEST_F(TypedMapTest, ChangesAreTypedAndThoseThatDoNotDecodeAreToldToo) {
  auto a = Open<std::string, Cart>(0, "carts");
  auto b = Open<std::string, Cart>(1, "carts");
  using Changed = TypedChange<std::string, Cart>;
  Watched<std::vector<Changed>> all;
  Watched<size_t> of_prefix;
  Watched<size_t> of_key;
  const Subscription every = b.Subscribe(
      [&](const Changed& change) { all.Update([&](auto& seen) { seen.push_back(change); }); });
  const Subscription prefixed = b.SubscribePrefix(
      "x", [&](const Changed&) { of_prefix.Update([](size_t& count) { ++count; }); });
  const Subscription keyed =
      b.SubscribeKey("xy", [&](const Changed&) { of_key.Update([](size_t& count) { ++count; }); });
  ASSERT_TRUE(a.Put("x", {1, "ann"}).ok());
  ASSERT_TRUE(a.bytes().Put("xy", "?").ok());
  ASSERT_TRUE(a.Erase("x").ok());
  ASSERT_TRUE(a.Clear().ok());
  ASSERT_TRUE(all.WaitFor([](const auto& seen) { return seen.size() == 4; }));
  const std::vector<Changed> seen = all.Get();
  EXPECT_EQ(seen[0].key, "x");
  EXPECT_EQ(seen[0].value, (Cart{1, "ann"}));
  EXPECT_TRUE(seen[0].status.ok());
  EXPECT_EQ(seen[0].writer.instance, members_[0].id().instance);
  EXPECT_EQ(seen[1].key, "xy");
  EXPECT_EQ(seen[1].value, std::nullopt);
  EXPECT_EQ(seen[1].status.code(), kDataLoss);
  EXPECT_EQ(seen[2].cause, ChangeCause::kErase);
  EXPECT_EQ(seen[2].value, std::nullopt);
  EXPECT_TRUE(seen[2].status.ok());
  EXPECT_EQ(seen[3].cause, ChangeCause::kClear);
  EXPECT_EQ(seen[3].key, std::nullopt);
  EXPECT_TRUE(seen[3].status.ok());
  EXPECT_TRUE(of_prefix.WaitFor([](size_t count) { return count == 4; }));
  EXPECT_TRUE(of_key.WaitFor([](size_t count) { return count == 2; }));
}

template <class Map>
concept Counts = requires(Map map) { map.Increment(1, 1); };
template <class Map>
concept Grows = requires(Map map) { map.Append(1, ""); };
static_assert(Counts<TypedMap<int, int64_t>> && !Counts<TypedMap<int, int32_t>>);
static_assert(!Counts<TypedMap<int, uint64_t>> && !Counts<TypedMap<int, std::string>>);
static_assert(Grows<TypedMap<int, std::string>> && !Grows<TypedMap<int, int64_t>>);

}  // namespace
}  // namespace cohort::testing
