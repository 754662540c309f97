#include "endpoint.h"

#include "gtest/gtest.h"

namespace cohort::tools {
namespace {

TEST(EndpointTest, AMissingHostMeansThisMachineOnly) {
  const auto endpoint = ParseEndpoint(":6379");
  ASSERT_TRUE(endpoint.ok());
  EXPECT_EQ(endpoint->host, "127.0.0.1");
  EXPECT_EQ(endpoint->port, 6379);
  EXPECT_TRUE(endpoint->IsLoopback());
}

TEST(EndpointTest, HostsAddressesAndPathsAreUnderstood) {
  EXPECT_EQ(ParseEndpoint("[::1]:80")->host, "::1");
  EXPECT_EQ(ParseEndpoint("[::1]:80")->ToString(), "[::1]:80");
  EXPECT_FALSE(ParseEndpoint("10.0.0.1:80")->IsLoopback());
  EXPECT_TRUE(ParseEndpoint("unix:/tmp/x.sock")->IsUnix());
  EXPECT_EQ(ParseEndpoint("unix:/tmp/x.sock")->ToString(), "unix:/tmp/x.sock");
}

TEST(EndpointTest, WhatIsNoEndpointIsRefusedInWords) {
  for (const char* text : {"", "6379", "host", "host:", "host:70000", "host:1x", "unix:"}) {
    EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  }
}

}  // namespace
}  // namespace cohort::tools
