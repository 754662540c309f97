#include "base/address.h"

#include <gtest/gtest.h>

#include <string>

namespace cohort {
namespace {

TEST(Address, ReadsWhatItPrints) {
  for (const std::string text :
       {"192.0.2.1:7600", "0.0.0.0:0", "[::1]:7600", "[2001:db8::1]:65535", "[fe80::1%3]:7600"}) {
    const std::optional<Address> address = ParseAddress(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(Address, KnowsItsParts) {
  const Address four = ParseAddress("10.1.2.3:7600").value();
  EXPECT_EQ(four.family, 4);
  EXPECT_EQ(four.port, 7600);
  EXPECT_EQ(four.ip[0], 10);
  EXPECT_EQ(four.ip[3], 3);
  EXPECT_EQ(four.ip[4], 0);
  const Address six = ParseAddress("[fe80::1%7]:1").value();
  EXPECT_EQ(six.family, 6);
  EXPECT_EQ(six.scope, 7u);
  EXPECT_EQ(six.ip[15], 1);
}

TEST(Address, RefusesEverythingElse) {
  for (const std::string text : {"",
                                 ":",
                                 ":7600",
                                 "192.0.2.1",
                                 "192.0.2.1:",
                                 "192.0.2.1:65536",
                                 "192.0.2.1:-1",
                                 "192.0.2.1:+1",
                                 "192.0.2.1:01",
                                 "192.0.2.1: 1",
                                 "192.0.2.256:1",
                                 "192.0.2:1",
                                 "host:1",
                                 "::1:7600",
                                 "[::1]",
                                 "[::1]7600",
                                 "[::1:7600",
                                 "::1]:7600",
                                 "[]:1",
                                 "[192.0.2.1]:1",
                                 "[fe80::1%]:1",
                                 "[fe80::1%0]:1",
                                 "[fe80::1%eth0]:1",
                                 "192.0.2.1:7600x",
                                 "1111111111111111111111111111111111111111111111111111:1"}) {
    EXPECT_FALSE(ParseAddress(text)) << text;
  }
  EXPECT_FALSE(ParseAddress(std::string_view("1.2.3.4\0x:1", 11)));
}

TEST(Address, NoneIsCalledNone) { EXPECT_EQ(Address{}.ToString(), "none"); }

}  // namespace
}  // namespace cohort
