// SPDX-License-Identifier: Apache-2.0
// What passes for a UDPTL packet.
#include "media/udptl_packet.hh"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::media {
namespace {

using Bytes = std::vector<uint8_t>;

// `length` as it is encoded, that many octets of IFP, and `rest` octets of error recovery.
Bytes packet(const Bytes& length, size_t ifp, size_t rest) {
  Bytes bytes = {0x12, 0x34};
  bytes.insert(bytes.end(), length.begin(), length.end());
  bytes.insert(bytes.end(), ifp + rest, 0x5a);
  return bytes;
}

struct Row {
  const char* name;
  Bytes bytes;
  bool udptl;
};

class Udptl : public testing::TestWithParam<Row> {};
TEST_P(Udptl, IsToldByItsLengths) {
  EXPECT_EQ(is_udptl(GetParam().bytes), GetParam().udptl);
}

const Row kRows[] = {
    {"empty", {}, false},
    {"sequence_only", {0, 1}, false},
    {"length_only", packet({1}, 0, 0), false},
    {"v21_signal_without_redundancy", {0, 7, 1, 0x06, 0, 0}, true},  // as gateways send it
    {"smallest", packet({1}, 1, 1), true},
    {"no_recovery", packet({1}, 1, 0), false},
    {"empty_ifp", packet({0}, 0, 2), false},
    {"longest_short_form", packet({127}, 127, 1), true},
    {"short_form_past_the_end", packet({127}, 126, 1), false},
    {"long_form", packet({0x81, 0x00}, 256, 2), true},
    {"long_form_past_the_end", packet({0x81, 0x00}, 256, 0), false},
    {"long_form_cut", packet({0x81}, 0, 0), false},
    {"fragments", packet({0xc1}, 200, 2), false},
    {"rtp", Bytes{0x80, 0, 0xff, 1, 0, 0, 0, 1, 1, 2, 3, 4}, false},
};
INSTANTIATE_TEST_SUITE_P(Rows, Udptl, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace holdfast::media
