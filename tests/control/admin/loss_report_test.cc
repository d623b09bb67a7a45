// SPDX-License-Identifier: Apache-2.0
// The loss report by the API and by the command: who lost what, and who says so.
#include <sys/wait.h>

#include "sip/anchor/stream_name.hh"
#include "tests/control/admin/admin_fixture.hh"
#include "tests/environment.hh"

namespace holdfast::admin {
namespace {

// A call's report with one stream that lost eleven packets here and five beyond us, and missed 49
// while the dataplane was down; a stream before it missed two.
control::CallReport lossy_report(uint64_t call_key) {
  control::CallReport report;
  report.call = sip::to_string(sip::StreamName{.call_key = call_key, .media = "audio"});
  report.legs.resize(2);
  for (auto& leg : report.legs) {
    leg.local = leg.local_rtcp = *SocketAddress::parse("198.18.1.2:20000");
    leg.remote = SocketAddress::parse("198.18.1.10:4000");
    leg.next_hop.state = "resolved";
  }
  report.legs[0].leg = 1;
  report.legs[0].interface = "lan";
  report.legs[0].streams.resize(1);
  auto& stream = report.legs[0].streams[0];
  stream.ssrc = 0xdeadbeef;
  stream.clock_hz = 8000;
  stream.expected = 1500;
  stream.received = 1440;
  stream.lost = 11;
  stream.lost_by_us = 49;
  stream.jitter_mean = 16;
  stream.loss_runs = {{"11", 1}};
  stream.dscp_in = 0;
  stream.dscp_in_first = 46;
  stream.unmarked = 1438;
  stream.remarked = 3;
  report.legs[0].mark.dscp = 34;
  report.legs[0].folded = {.streams = 1, .expected = 20, .received = 18, .lost_by_us = 2};
  report.legs[0].drops = {{"no_remote", 3}, {"wrong_source", 45}};
  report.legs[1].leg = 2;
  report.legs[1].interface = "wan";
  control::FarEndReport far;
  far.ssrc = 0xdeadbeef;
  far.cumulative_lost = 16;
  far.lost_before = 11;
  far.reports = 6;
  far.round_trip_ms = 41.5;
  far.voip = control::VoipMetrics{.loss_rate = 0.125,
                                  .discard_rate = 0.0625,
                                  .burst_density = 0.5,
                                  .gap_density = 0,
                                  .burst_duration_ms = 300,
                                  .gap_duration_ms = 20'000,
                                  .jitter_buffer_ms = 60,
                                  .round_trip_ms = 80,
                                  .r_factor = 93,
                                  .mos_lq = 4.2,
                                  .mos_cq = {}};
  control::FarEndReport by_xr_alone;
  by_xr_alone.ssrc = 7;
  by_xr_alone.statistics = control::StatisticsSums{4, 1};
  report.legs[1].far_end = {far, by_xr_alone};
  return report;
}

class LossReport : public AdminServer {
 protected:
  // A call that lives and one that has ended, with the same losses.
  void record_two_calls() {
    for (const uint64_t key : {0xabcU, 0xdefU}) {
      sip::CallBegan began;
      began.call_key = key;
      writer_->put(store::BeganItem{began, 1'700'000'000'000});
    }
    sip::CallEnded ended;
    ended.call_key = 0xdef;
    ended.end = sip::CallEnd::callee_hung_up;
    ended.media = {lossy_report(0xdef)};
    writer_->put(store::EndedItem{ended, 1'700'000'060'000, 60'000});
    store::MinuteRow minute;
    minute.call_key = 0xdef;
    minute.stream = ended.media[0].call;
    minute.ssrc = 0xdeadbeef;
    minute.minute = 28'333'333;
    minute.expected = 1500;
    minute.received = 1440;
    minute.lost = 11;
    minute.lost_by_us = 49;
    writer_->put(store::MinutesItem{{minute}, {}});
    ASSERT_TRUE(writer_->flush(seconds(20)));
    state_->media = {lossy_report(0xabc)};
  }
  // The lines that begin so, without their ends.
  static std::vector<std::string> lines_of(const std::string& text, const std::string& end,
                                           const std::string& start = "") {
    std::vector<std::string> lines;
    for (size_t at = 0, to = 0; (to = text.find(end, at)) != std::string::npos;
         at = to + end.size())
      if (text.compare(at, start.size(), start) == 0) lines.push_back(text.substr(at, to - at));
    return lines;
  }
  // What the command prints, and its status.
  std::pair<std::string, int> command(const std::string& arguments) const {
    const std::string line = test::environment("HOLDFAST") + " --daemon-socket " + config_.socket +
                             " " + arguments + " 2>&1";
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string out;
    char buffer[4096];
    for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
    return {out, WEXITSTATUS(::pclose(pipe))};
  }
};

TEST_F(LossReport, OfCallsThatLiveAndThatHaveEnded) {
  start();
  record_two_calls();
  const auto report = body_of(get("/api/report/loss"));
  ASSERT_EQ(report["calls"].size(), 2U) << report;
  for (const auto& call : report["calls"]) {
    EXPECT_EQ(call["totals"]["lost"], 11) << call;
    EXPECT_EQ(call["totals"]["lost_beyond"], 5);
    EXPECT_EQ(call["totals"]["dropped_by_us"], 3);
    EXPECT_EQ(call["totals"]["wrong_source"], 45);
    EXPECT_EQ(call["totals"]["lost_by_us"], 51);
    EXPECT_EQ(call["totals"]["expected"], 1458 + 11 + 51);
    EXPECT_EQ(call["totals"]["received"], 1458);
    ASSERT_EQ(call["streams"].size(), 1U);
    EXPECT_EQ(call["streams"][0]["ssrc"], "0xdeadbeef");
    EXPECT_EQ(call["streams"][0]["measured_by"], "us");
    EXPECT_EQ(call["streams"][0]["expected"], 1440 + 11 + 49);
    EXPECT_EQ(call["streams"][0]["lost"], 11);
    EXPECT_EQ(call["streams"][0]["lost_by_us"], 49);
    EXPECT_EQ(call["streams"][0]["dscp_in_first"], 46);
    EXPECT_EQ(call["streams"][0]["dscp_expected"], 34);
    EXPECT_EQ(call["streams"][0]["unmarked"], 1438);
    EXPECT_EQ(call["streams"][0]["remarked"], 3);
    EXPECT_EQ(call["streams"][0]["loss_runs"]["11"], 1);
    EXPECT_EQ(call["streams"][0]["jitter_mean_ms"], 2.0);
    EXPECT_EQ(call["beyond"][0]["measured_by"], "far end");
    EXPECT_EQ(call["beyond"].size(), 1U) << "XR alone says nothing of it";
    EXPECT_EQ(call["beyond"][0]["round_trip_measured_by"], "us");
    EXPECT_EQ(call["beyond"][0]["round_trip_by"], "sr");
    ASSERT_EQ(call["xr"].size(), 2U);
    EXPECT_EQ(call["xr"][0]["measured_by"], "far end XR");
    EXPECT_EQ(call["xr"][0]["r_factor"], 93);
    EXPECT_EQ(call["xr"][0]["round_trip_ms"], 80);
    EXPECT_FALSE(call["xr"][0].contains("mos_cq")) << "not known";
    EXPECT_EQ(call["xr"][1]["ssrc"], "0x00000007");
    EXPECT_EQ(call["xr"][1]["statistics"]["duplicates"], 1);
    EXPECT_EQ(call["drops"][0]["reason"], "no_remote");
    EXPECT_EQ(call["drops"][1]["reason"], "wrong_source");
  }
  EXPECT_EQ(report["calls"][0]["call"], "0000000000000def");
  EXPECT_EQ(report["calls"][0]["live"], false);
  EXPECT_EQ(report["calls"][0]["end"], "callee_hung_up");
  EXPECT_EQ(report["calls"][0]["minutes"][0]["minute"], "2023-11-14T22:13:00.000Z");
  EXPECT_EQ(report["calls"][0]["minutes"][0]["lost"], 11);
  EXPECT_EQ(report["calls"][0]["minutes"][0]["lost_by_us"], 49);
  EXPECT_EQ(report["calls"][1]["live"], true);
  EXPECT_EQ(report["totals"]["lost"], 22);
  EXPECT_EQ(report["totals"]["lost_by_us"], 102);
  const std::string measured = report["sources"]["lost_by_us"];
  EXPECT_TRUE(measured.starts_with("counted at our port: missed while the dataplane was down"));
  EXPECT_EQ(report["ends"]["callee_hung_up"], 1);
  const auto one = body_of(get("/api/report/loss?call=0000000000000abc"));
  EXPECT_EQ(one["calls"].size(), 1U);
  const auto page = body_of(get("/api/report/loss?limit=1"));
  const auto rest = body_of(get("/api/report/loss?limit=1&before=" + page["next"].dump()));
  EXPECT_EQ(rest["calls"][0]["call"], "0000000000000abc");
  EXPECT_EQ(one["ends"], json::object()) << "of the call that was asked for: it lives";
}

TEST_F(LossReport, OfMediaThatNeverCameToUsNoLossIsTold) {
  start();
  sip::CallBegan began;
  began.call_key = 0x1;
  writer_->put(store::BeganItem{began, 1'700'000'000'000});
  writer_->put(store::RemarkItem{0x1, sip::CallRemark::unanchored});
  sip::CallEnded ended;
  ended.call_key = 0x1;
  ended.end = sip::CallEnd::caller_hung_up;
  writer_->put(store::EndedItem{ended, 1'700'000'060'000, 60'000});
  ASSERT_TRUE(writer_->flush(seconds(20)));
  const auto call = body_of(get("/api/report/loss"))["calls"][0];
  EXPECT_TRUE(call["totals"]["loss_percent"].is_null()) << call;
  EXPECT_EQ(call["remarks"], json::array({"unanchored"}));
  const auto rows = lines_of(command("report loss").first, "\n", "0000000000000001");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].ends_with("     0     -       -          -      0  unanchored")) << rows[0];
}

TEST_F(LossReport, ByTheCommand) {
  start();
  record_two_calls();
  const auto [table, good] = command("report loss --minutes");
  EXPECT_EQ(good, 0) << table;
  for (const auto* text :
       {"0000000000000def", "callee_hung_up", "lives", "11:1", "far end's RTCP", "far end's XR",
        "wrong_source", "2023-11-14 22:13:00", "was lost on the way from us",
        "missed while the dataplane was down", "Of these calls ended: callee_hung_up 1\n"})
    EXPECT_NE(table.find(text), std::string::npos) << text << "\n" << table;
  const auto rows = lines_of(table, "\n", "0000000000000def");
  ASSERT_EQ(rows.size(), 8U) << table;  // call, stream, beyond, XR, marks, two drops, minute
  EXPECT_TRUE(rows[0].ends_with(" 54  -")) << "dropped and missed\n" << table;
  EXPECT_NE(rows[1].find(" 11:1     49 "), std::string::npos) << table;
  EXPECT_NE(rows[3].find("12.500        6.250       300   20000         60             80  93"),
            std::string::npos)
      << table;
  EXPECT_NE(rows[4].find("46       0        34      1438          3"), std::string::npos) << table;
  EXPECT_TRUE(rows[7].ends_with("   11     49")) << table;
  EXPECT_EQ(command("report loss --limit 1 --until 2023-11-13").first, "no calls\n");
  const auto alone = command("report loss --call 0000000000000abc").first;
  EXPECT_EQ(alone.find("ended:"), std::string::npos) << "the other call is not shown\n" << alone;

  const auto [csv, done] = command("report loss --csv --call 0000000000000def");
  EXPECT_EQ(done, 0);
  const auto lines = lines_of(csv, "\r\n");
  ASSERT_EQ(lines.size(), 8U) << csv;  // heading, stream, beyond, two of XR, two drops, minute
  const auto columns = std::count(lines[0].begin(), lines[0].end(), ',');
  for (const auto& line : lines) EXPECT_EQ(std::count(line.begin(), line.end(), ','), columns);
  EXPECT_NE(lines[1].find(",stream,"), std::string::npos);
  EXPECT_TRUE(lines[0].ends_with(
      ",measured_by,lost_by_us,dscp_in_first,dscp_in,dscp_expected,unmarked,remarked,discard_"
      "percent,"
      "burst_density,gap_density,burst_duration_ms,gap_duration_ms,jitter_buffer_ms,r_factor,"
      "mos_lq,mos_cq"));
  EXPECT_NE(lines[1].find(",1500,1440,11,0.733,11:1,2.00,"), std::string::npos) << lines[1];
  EXPECT_TRUE(lines[1].ends_with(",us,49,46,0,34,1438,3,,,,,,,,,"));
  EXPECT_NE(lines[2].find(",beyond,"), std::string::npos);
  EXPECT_TRUE(lines[2].ends_with(",far end,,,,,,,,,,,,,,,"));
  EXPECT_NE(lines[3].find(",xr,"), std::string::npos);
  EXPECT_TRUE(lines[3].ends_with(
      ",12.500,,,,80.00,,far end XR,,,,,,,6.250,0.5000,0.0000,300,20000,60,93,4.2,"))
      << lines[3];
  EXPECT_TRUE(lines[5].ends_with(",3,,,,,,no_remote,,,,,,,,,,,,,,,,")) << lines[5];
  EXPECT_NE(lines[7].find(",minute,"), std::string::npos);
  EXPECT_TRUE(lines[7].ends_with(",1500,1440,11,,,,,,,us,49,,,,,,,,,,,,,,")) << lines[7];

  const auto all = json::parse(command("report loss --json --all --limit 1").first);
  EXPECT_EQ(all["calls"].size(), 2U) << "every page";
  const auto calls = command("calls");
  EXPECT_NE(calls.first.find("callee_hung_up"), std::string::npos) << calls.first;
  EXPECT_NE(command("registrations").first.find("198.18.1.10:5060"), std::string::npos);
  EXPECT_NE(command("upstreams").first.find("every server is down"), std::string::npos);
  state_->proxy.calls[0].decision = "to_centre";
  state_->proxy.calls[0].answered_decision = "local_to_phone";
  state_->proxy.drops = {{"bad_start_line", 4}};
  const auto live = command("calls --live").first;
  EXPECT_NE(live.find("  local_to_phone  "), std::string::npos) << live;
  EXPECT_NE(command("status").first.find("bad_start_line           4\n"), std::string::npos)
      << command("status").first;
  EXPECT_EQ(command("drain").second, 0);
  EXPECT_EQ(drained, 1);
  EXPECT_EQ(command("drain --off").second, 0);
  EXPECT_EQ(drained, 0);
}

TEST_F(LossReport, SaysThatRecordsWaitForTheDisk) {
  start();
  EXPECT_EQ(command("report loss").first, "no calls\n");
  disk_is_full = true;
  const std::string line =
      "3 items of records wait and are missing here, since they cannot be written (full): "
      "database or disk is full\n";
  EXPECT_EQ(command("report loss").first, "no calls\n\n" + line);
  EXPECT_TRUE(command("calls").first.ends_with("\n\n" + line)) << command("calls").first;
}

TEST_F(LossReport, WrongUseOfTheCommandIsStatusTwo) {
  start();
  for (const char* arguments :
       {"report loss --json --csv", "report loss --call xyz", "report loss --since yesterday",
        "report loss --until 2026-13-01", "report loss --limit 0", "report loss --limit 1001",
        "calls --since 5", "calls --limit x", "report loss --call 00000000000000000",
        "drain now"}) {
    const auto [out, status] = command(arguments);
    EXPECT_EQ(status, 2) << arguments << "\n" << out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1) << out;
  }
  for (const char* since : {"30m", "2h", "7d", "2026-11-21", "2026-11-21T10:05"})
    EXPECT_EQ(command(std::string("calls --since ") + since).second, 0) << since;
  stuck = true;
  const auto [out, status] = command("calls");
  EXPECT_EQ(status, 1);
  EXPECT_EQ(out, "holdfast: holdfastd refused: the SIP loop did not answer in time\n");
}

}  // namespace
}  // namespace holdfast::admin
