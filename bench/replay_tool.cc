// SPDX-License-Identifier: Apache-2.0
// bench/replay FILE.pcap [--json]: the data plane's accounting, run over the RTP streams of a
// capture.
#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/replay_streams.hh"
#include "media/rtp_packet.hh"

namespace holdfast::replay {
namespace {

// Two numbers with `between` between them, all of the text.
bool parse_pair(const std::string& text, char between, uint32_t& first, uint32_t& second) {
  const char* end = text.data() + text.size();
  const auto a = std::from_chars(text.data(), end, first);
  if (a.ec != std::errc() || a.ptr == end || *a.ptr != between) return false;
  const auto b = std::from_chars(a.ptr + 1, end, second);
  return b.ec == std::errc() && b.ptr == end;
}

std::string check_port_range(const std::string& text) {
  uint32_t low = 0;
  uint32_t high = 0;
  if (parse_pair(text, '-', low, high) && low <= high && high <= 65'535) return {};
  return "'" + text + "' is not LOW-HIGH with ports of 0 to 65535";
}

std::string check_clock_rate(const std::string& text) {
  uint32_t type = 0;
  uint32_t rate_hz = 0;
  if (parse_pair(text, '=', type, rate_hz) && type <= 127 && rate_hz > 0 && rate_hz <= 100'000'000)
    return {};
  return "'" + text +
         "' is not TYPE=HZ with a payload type of 0 to 127 and a clock of 1 Hz to 100 MHz";
}

std::string hex_of(uint32_t ssrc) {
  char text[11];
  std::snprintf(text, sizeof text, "0x%08x", ssrc);
  return text;
}

nlohmann::ordered_json json_of(const Stream& stream) {
  const media::StreamReport r = stream.account.report();
  auto runs = nlohmann::ordered_json::object();
  for (const media::LossRun& run : r.loss_runs()) runs[std::to_string(run.length)] = run.count;
  if (r.other_runs != 0) {
    runs["other"] = r.other_runs;
    runs["other_packets"] = r.other_packets;
  }
  return {{"ssrc", hex_of(r.ssrc)},
          {"src", stream.from.to_string()},
          {"dst", stream.to.to_string()},
          {"payload_type", stream.payload_type()},
          {"first_seq", r.first_seq},
          {"last_ext_seq", r.last_ext_seq},
          {"expected", r.expected},
          {"received", r.received},
          {"lost", r.lost},
          {"duplicates", r.duplicates},
          {"reordered", r.reordered},
          {"restarts", r.restarts},
          {"jitter_last", r.jitter_last_ticks},
          {"jitter_mean", std::round(r.jitter_mean_ticks * 100) / 100},
          {"jitter_max", r.jitter_max_ticks},
          {"loss_runs", runs}};
}

void print_row(const Stream& stream) {
  const media::StreamReport r = stream.account.report();
  const double percent =
      r.expected == 0 ? 0 : 100.0 * static_cast<double>(r.lost) / static_cast<double>(r.expected);
  std::printf(
      "%-10s  %-24s  %-24s  %3u  %9llu  %9llu  %7llu  %6.2f  %6llu  %6llu  %6llu  %4u  %7.2f  "
      "%6u\n",
      hex_of(r.ssrc).c_str(), stream.from.to_string().c_str(), stream.to.to_string().c_str(),
      unsigned{stream.payload_type()}, static_cast<unsigned long long>(r.expected),
      static_cast<unsigned long long>(r.received), static_cast<unsigned long long>(r.lost), percent,
      static_cast<unsigned long long>(r.duplicates), static_cast<unsigned long long>(r.reordered),
      static_cast<unsigned long long>(r.strays), r.restarts, r.jitter_mean_ticks,
      r.jitter_max_ticks);
}

void print_header() {
  std::printf("%-10s  %-24s  %-24s  %3s  %9s  %9s  %7s  %6s  %6s  %6s  %6s  %4s  %7s  %6s\n",
              "ssrc", "from", "to", "pt", "expected", "received", "lost", "%", "copies", "late",
              "stray", "anew", "jitter", "max");
}

// Says on stderr what of the file was passed over.
void tell_skipped(const CaptureCounts& counts) {
  for (size_t i = 0; i < counts.skipped.size(); ++i)
    if (counts.skipped[i] != 0)
      std::fprintf(stderr, "replay: passed over %llu of %llu frames: %s\n",
                   static_cast<unsigned long long>(counts.skipped[i]),
                   static_cast<unsigned long long>(counts.frames), kFrameSkipTexts[i].data());
}

int replay(const std::string& path, const Options& options, bool json) {
  Streams streams(options);
  CaptureCounts counts;
  const std::string fault =
      read_capture(path, counts, [&](const Datagram& datagram, uint64_t arrival_ns) {
        streams.on_datagram(datagram, arrival_ns);
      });
  tell_skipped(counts);
  size_t shown = 0;
  for (const Stream& stream : streams.streams()) {
    if (!streams.is_shown(stream)) continue;
    if (!json && shown == 0) print_header();
    ++shown;
    if (json)
      std::cout << json_of(stream).dump() << '\n';
    else
      print_row(stream);
  }
  if (!fault.empty()) {
    std::fprintf(stderr, "replay: %s\n", fault.c_str());
    return 1;
  }
  if (shown == 0) {
    std::fprintf(stderr, "replay: %s: no RTP streams in %llu frames%s\n", path.c_str(),
                 static_cast<unsigned long long>(counts.frames),
                 streams.streams().empty() ? "" : "; --all shows what may be chance");
    return 1;
  }
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app("Accounts for the RTP streams of a capture with the data plane's own code.",
               "replay");
  std::string path;
  std::string ports;
  std::vector<std::string> rates;
  bool json = false;
  Options options;
  app.add_option("FILE", path, "capture to read, pcap or pcapng")->required();
  app.add_flag("--json", json, "one JSON object a line for each stream");
  app.add_flag("--all", options.all, "show streams too short to be told from chance");
  app.add_option("--port-range", ports, "only datagrams with a port in LOW-HIGH")
      ->check(check_port_range);
  app.add_option("--clock-rate", rates, "RTP clock of a dynamic payload type, TYPE=HZ")
      ->check(check_clock_rate);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);  // --help
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "replay: %s\n", error.what());
    return 2;
  }
  for (size_t type = 0; type < options.clock_rates_hz.size(); ++type)
    options.clock_rates_hz[type] = media::clock_rate_hz(static_cast<uint8_t>(type));
  uint32_t first = 0;
  uint32_t second = 0;
  for (const std::string& rate : rates)
    if (parse_pair(rate, '=', first, second)) options.clock_rates_hz[first] = second;
  if (!ports.empty() && parse_pair(ports, '-', first, second)) {
    options.lowest_port = static_cast<uint16_t>(first);
    options.highest_port = static_cast<uint16_t>(second);
  }
  return replay(path, options, json);
}

}  // namespace
}  // namespace holdfast::replay

int main(int argc, char** argv) {
  return holdfast::replay::run(argc, argv);
}
