// SPDX-License-Identifier: Apache-2.0
// Fields of one hop, and what Connection must not take away.
#include "provision-proxy/cache/hop_by_hop.hh"

#include <gtest/gtest.h>

#include "tests/provision-proxy/cache/messages.hh"

namespace holdfast::provision {
namespace {

TEST(HopByHop, ConnectionTakesWhatItNames) {
  Fields fields = fields_of("Connection: close, X-A | connection: x-b | X-A: 1 | X-B: 2 | X-C: 3");
  remove_hop_by_hop(fields);
  EXPECT_EQ(fields, fields_of("X-C: 3"));
}

TEST(HopByHop, ConnectionCannotHideWhatAllMustSee) {
  const std::string_view all =
      "Cache-Control: no-store | Content-Length: 5 | Host: centre | Authorization: x | Vary: a | "
      "Set-Cookie: a=b | ETag: \"1\" | Date: @0";
  Fields fields = fields_of(std::string("Connection: cache-control, content-length, host, "
                                        "authorization, vary, set-cookie, etag, date | ")
                                .append(all));
  remove_hop_by_hop(fields);
  EXPECT_EQ(fields, fields_of(all));
}

TEST(HopByHop, OddConnections) {
  Fields fields = fields_of("Connection: ,, \"x, y\" | x: 1 | Connection:");
  remove_hop_by_hop(fields);
  EXPECT_EQ(fields, fields_of("x: 1"));
  Fields none = fields_of("A: 1 | Keep-Alive: timeout=5");
  remove_hop_by_hop(none);
  EXPECT_EQ(none, fields_of("A: 1"));
  EXPECT_TRUE(is_hop_by_hop("transfer-ENCODING"));
  EXPECT_FALSE(is_hop_by_hop("Set-Cookie"));
}

}  // namespace
}  // namespace holdfast::provision
