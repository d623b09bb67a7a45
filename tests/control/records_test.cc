// SPDX-License-Identifier: Apache-2.0
// The recorder: stamps, talking time by a clock that nobody sets, texts cut, gaps told.
#include <gtest/gtest.h>

#include "control/records/recorder.hh"

namespace holdfast::records {
namespace {

template <typename Event>
Event of_call(uint64_t key) {
  Event event;
  event.call_key = key;
  return event;
}
const auto began = of_call<sip::CallBegan>;
const auto answered = of_call<sip::CallAnswered>;
const auto ended = of_call<sip::CallEnded>;

struct RecorderTest : testing::Test {
  int64_t wall = 1'700'000'000'000;
  uint64_t mono = 5000;
  bool room = true;
  std::vector<store::Item> items;
  Recorder recorder{{[this] { return wall; }, [this] { return mono; }}, [this](store::Item item) {
                      if (room) items.push_back(std::move(item));
                      return room;
                    }};
};

TEST_F(RecorderTest, TalkingTimeIsRightThoughTheClockIsSet) {
  recorder.began(began(7));
  mono += 1000;
  recorder.answered(answered(7));
  wall -= 86'400'000;  // the box learns the time in the middle of the call
  mono += 30'000;
  recorder.answered(answered(7));  // a fork's late answer does not start it anew
  mono += 30'000;
  recorder.ended(ended(7));
  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(std::get<store::BeganItem>(items[0]).at_ms, 1'700'000'000'000);
  const auto& end = std::get<store::EndedItem>(items[3]);
  EXPECT_EQ(end.talk_ms, 60'000);
  EXPECT_EQ(end.at_ms, wall);
}

TEST_F(RecorderTest, ACallFromBeforeARestartHasNoTalkingTime) {
  recorder.ended(ended(7));
  EXPECT_FALSE(std::get<store::EndedItem>(items.at(0)).talk_ms);
}

TEST_F(RecorderTest, TextsAreCutAtABorderOfUtf8) {
  sip::CallBegan call;
  call.dialled = std::string(511, 'a') + "\xc3\xa9" + std::string(5000, 'b');
  call.user_agent = std::string(512, 'a');
  recorder.began(call);
  const auto& kept = std::get<store::BeganItem>(items.at(0)).call;
  EXPECT_EQ(kept.dialled, std::string(511, 'a'));
  EXPECT_EQ(kept.user_agent.size(), 512U);
}

TEST_F(RecorderTest, TellsOfAGapOnce) {
  recorder.began(began(1));
  EXPECT_FALSE(recorder.take_gap());
  room = false;
  recorder.ended(ended(1));
  EXPECT_TRUE(recorder.take_gap());
  EXPECT_FALSE(recorder.take_gap());
}

}  // namespace
}  // namespace holdfast::records
