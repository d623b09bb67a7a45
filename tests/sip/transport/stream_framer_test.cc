// SPDX-License-Identifier: Apache-2.0
// Messages out of streams: cut at every place, pipelined, too long, out of step.
#include "sip/transport/stream_framer.hh"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::sip {
namespace {

using Event = StreamFramer::Event;

// Everything that happens while `stream` is fed in pieces of `step` bytes.
std::vector<std::string> feed(const std::string& stream, size_t step, size_t max_bytes = 1000) {
  StreamFramer framer(max_bytes);
  std::vector<std::string> seen;
  for (size_t at = 0; at < stream.size(); at += step) {
    framer.append(std::string_view(stream).substr(at, step));
    for (Event event = framer.next(); event != Event::need_more; event = framer.next()) {
      if (event == Event::message) seen.emplace_back(framer.message());
      if (event == Event::ping) seen.emplace_back("ping");
      if (event == Event::broken) {
        seen.emplace_back(name_of(framer.reject()));
        return seen;
      }
    }
  }
  if (framer.is_in_message()) seen.emplace_back("unfinished");
  return seen;
}

const std::string kOne = "OPTIONS sip:x SIP/2.0\r\nA: b\r\nContent-Length: 3\r\n\r\nabc";
const std::string kTwo = "BYE sip:x SIP/2.0\nl:0\n\n";
const std::string kThree = "INFO sip:x SIP/2.0\r\n\r\n";  // no length: no body

TEST(StreamFramer, CutsAreNoMatter) {
  const std::string stream = "\r\n\r\n" + kOne + kTwo + "\r\n" + kThree + "\r\n\r\n" + kOne;
  const std::vector<std::string> want = {"ping", kOne, kTwo, kThree, "ping", kOne};
  for (const size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{31}, stream.size()})
    EXPECT_EQ(feed(stream, step), want) << step;
}

TEST(StreamFramer, AHeadIsBounded) {
  EXPECT_EQ(feed("A: " + std::string(5000, 'x'), 100),
            std::vector<std::string>{"message_too_long"});
}

TEST(StreamFramer, ABodyIsBounded) {
  for (const char* length : {"1001", "990", "18446744073709551615"})
    EXPECT_EQ(feed("BYE sip:x SIP/2.0\r\nContent-Length: " + std::string(length) + "\r\n\r\n", 7),
              std::vector<std::string>{"message_too_long"});
}

TEST(StreamFramer, ALengthThatIsNoneLosesTheStep) {
  for (const char* length : {"-1", "", "1 2", "18446744073709551616", "0x3"})
    EXPECT_EQ(feed("BYE sip:x SIP/2.0\r\nContent-Length: " + std::string(length) + "\r\n\r\n", 7),
              std::vector<std::string>{"bad_content_length"})
        << length;
  EXPECT_EQ(feed("BYE sip:x SIP/2.0\r\nl: 0\r\nContent-Length: 3\r\n\r\nabc", 1),
            std::vector<std::string>{"bad_content_length"});
}

TEST(StreamFramer, TellsWhetherAMessageIsUnderWay) {
  EXPECT_EQ(feed(kOne + "BYE", 1), (std::vector<std::string>{kOne, "unfinished"}));
  EXPECT_EQ(feed(kOne.substr(0, kOne.size() - 1), 4), std::vector<std::string>{"unfinished"});
}

}  // namespace
}  // namespace holdfast::sip
