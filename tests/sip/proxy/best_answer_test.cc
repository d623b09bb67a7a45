// SPDX-License-Identifier: Apache-2.0
// Which final answer goes back, and what it says of the call.
#include "sip/proxy/best_answer.hh"

#include <gtest/gtest.h>

namespace holdfast::sip {
namespace {

int best(const std::vector<int>& statuses) {
  return statuses[best_answer(statuses)];
}

TEST(BestAnswer, Rfc3261Section16_7Step6) {
  EXPECT_EQ(best({486}), 486);
  EXPECT_EQ(best({500, 404, 302}), 302);
  EXPECT_EQ(best({302, 603}), 603);
  EXPECT_EQ(best({486, 407}), 407);
  EXPECT_EQ(best({404, 484}), 484);
  EXPECT_EQ(best({408, 486}), 486);
  EXPECT_EQ(best({487, 486}), 486);
  EXPECT_EQ(best({503, 500}), 500);
  EXPECT_EQ(best({486, 480}), 486);  // of equals the first
  EXPECT_EQ(passed_on(503), 500);
  EXPECT_EQ(passed_on(486), 486);
}

TEST(BestAnswer, EachEndHasItsOwnName) {
  struct Row {
    int status;
    CallEnd end;
  };
  for (const Row& row :
       {Row{486, CallEnd::busy}, Row{600, CallEnd::busy}, Row{603, CallEnd::declined},
        Row{480, CallEnd::no_answer}, Row{408, CallEnd::no_answer}, Row{404, CallEnd::not_found},
        Row{410, CallEnd::not_found}, Row{302, CallEnd::redirected},
        Row{488, CallEnd::media_not_accepted}, Row{403, CallEnd::not_authorised},
        Row{407, CallEnd::not_authorised}, Row{487, CallEnd::rejected}, Row{421, CallEnd::rejected},
        Row{699, CallEnd::rejected}, Row{500, CallEnd::server_failed},
        Row{599, CallEnd::server_failed}})
    EXPECT_EQ(call_end_of(row.status, false), row.end) << row.status;
  EXPECT_EQ(call_end_of(487, true), CallEnd::cancelled);
  EXPECT_EQ(call_end_of(486, true), CallEnd::busy);  // it came first
}

}  // namespace
}  // namespace holdfast::sip
