// SPDX-License-Identifier: Apache-2.0
// Speaks for both ends of many calls, some of them watched and the others not, and sends frames of
// a file among theirs: each at its own rate, evenly mixed.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bench/relay/frames.hh"
#include "bench/relay/plan.hh"
#include "bench/rtpengine/frame_socket.hh"

namespace {

using namespace holdfast::bench;
using Clock = std::chrono::steady_clock;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
constexpr auto kTick = std::chrono::milliseconds(1);  // frames that are due leave together
constexpr double kTicksPerS = 1000;
constexpr double kMaxSeconds = 600;
constexpr double kMaxRate = 2'000'000;

enum Kind : size_t { kWatched, kOthers, kGarbage, kKinds };
constexpr std::array<const char*, kKinds> kKindNames = {"watched", "others", "garbage"};

// Frames of one kind, by turns. Those of calls go on from packet to packet; garbage stays as it is.
struct Frames {
  std::vector<std::vector<uint8_t>> bytes;
  bool goes_on = true;
  size_t next = 0;

  iovec take() {
    std::vector<uint8_t>& frame = bytes[next];
    next = (next + 1) % bytes.size();
    if (goes_on) advance(frame.data(), 1);
    return {.iov_base = frame.data(), .iov_len = frame.size()};
  }
};

class Sender {
 public:
  Sender(std::unique_ptr<FrameSocket> socket, std::array<Frames, kKinds> frames)
      : socket_(std::move(socket)), frames_(std::move(frames)) {}

  bool has(size_t kind) const { return !frames_[kind].bytes.empty(); }

  // Sends so many of each kind, evenly mixed, and adds to `sent` what left.
  void send(const std::array<uint64_t, kKinds>& due, std::array<uint64_t, kKinds>& sent) {
    const uint64_t total = due[kWatched] + due[kOthers] + due[kGarbage];
    std::array<uint64_t, kKinds> taken{};
    for (uint64_t i = 1; i <= total; ++i) {
      size_t kind = kKinds;  // the one that is furthest behind its share
      int64_t furthest = INT64_MIN;
      for (size_t each = 0; each < kKinds; ++each) {
        if (taken[each] == due[each]) continue;
        const auto behind =
            static_cast<int64_t>(due[each] * i) - static_cast<int64_t>(taken[each] * total);
        if (behind > furthest) {
          furthest = behind;
          kind = each;
        }
      }
      ++taken[kind];
      // A frame of a call is in a burst once: it is changed in its place.
      const bool all_round =
          kind != kGarbage && taken_in_burst_[kind] == frames_[kind].bytes.size();
      if (pieces_.size() == FrameSocket::kMaxBurst || all_round) flush(sent);
      ++taken_in_burst_[kind];
      pieces_.push_back(frames_[kind].take());
      kinds_.push_back(kind);
    }
    flush(sent);
  }

 private:
  void flush(std::array<uint64_t, kKinds>& sent) {
    const size_t left = socket_->send(pieces_);
    for (size_t i = 0; i < left; ++i) ++sent[kinds_[i]];
    pieces_.clear();
    kinds_.clear();
    taken_in_burst_ = {};
  }

  std::unique_ptr<FrameSocket> socket_;
  std::array<Frames, kKinds> frames_;
  std::vector<iovec> pieces_;
  std::vector<size_t> kinds_;
  std::array<size_t, kKinds> taken_in_burst_{};
};

// `rates`: frames a second of each kind and side.
nlohmann::json send_phase(std::vector<Sender>& sides, double seconds,
                          const std::array<double, kKinds>& rates) {
  const auto start = Clock::now();
  Clock::duration late{};
  std::array<uint64_t, kKinds> so_far{};
  std::array<std::array<uint64_t, kKinds>, kSides> sent{};
  const auto ticks = static_cast<int64_t>(seconds * kTicksPerS);
  for (int64_t tick = 1; tick <= ticks; ++tick) {
    const Clock::time_point when = start + tick * kTick;
    std::this_thread::sleep_until(when);
    late = std::max<Clock::duration>(late, Clock::now() - when);
    std::array<uint64_t, kKinds> due{};
    for (size_t kind = 0; kind < kKinds; ++kind) {
      const auto now = static_cast<uint64_t>(static_cast<double>(tick) / kTicksPerS * rates[kind]);
      due[kind] = now - so_far[kind];
      so_far[kind] = now;
    }
    for (size_t side = 0; side < sides.size(); ++side) sides[side].send(due, sent[side]);
  }
  const std::chrono::duration<double> passed = Clock::now() - start;
  nlohmann::json tally{{"seconds", passed.count()},
                       {"late_s", std::chrono::duration<double>(late).count()}};
  for (size_t side = 0; side < kSides; ++side)
    for (size_t kind = 0; kind < kKinds; ++kind)
      tally["sent"][kSideNames[side]][kKindNames[kind]] = sent[side][kind];
  return tally;
}

// "SECONDS WATCHED OTHERS GARBAGE" a line, frames a second of each side; the answer is an object a
// line.
int serve(std::vector<Sender>& sides) {
  std::cout << nlohmann::json{{"ready", true}} << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    double seconds = 0;
    std::array<double, kKinds> rates{};
    const bool read = std::sscanf(line.c_str(), "%lf %lf %lf %lf", &seconds, &rates[kWatched],
                                  &rates[kOthers], &rates[kGarbage]) == 4;
    bool good = read && seconds > 0 && seconds <= kMaxSeconds;
    for (size_t kind = 0; kind < kKinds; ++kind) {
      good = good && rates[kind] >= 0 && rates[kind] <= kMaxRate;
      for (const Sender& side : sides) good = good && (rates[kind] == 0 || side.has(kind));
    }
    if (!good) {
      std::fprintf(stderr, "holdfast-garbage-load: a line is SECONDS WATCHED OTHERS GARBAGE\n");
      return kWrongUse;
    }
    std::cout << send_phase(sides, seconds, rates) << std::endl;
  }
  return 0;
}

Frames frames_of_calls(size_t side, uint32_t first, uint32_t end) {
  Frames frames;
  for (uint32_t call = first; call < end; ++call) {
    const Frame frame = first_frame(side, call, static_cast<uint16_t>(1000 + 7 * call));
    frames.bytes.emplace_back(frame.begin(), frame.end());
  }
  return frames;
}

// A file of frames, each behind its length in two octets.
Frames frames_of_file(const std::string& path) {
  Frames frames;
  frames.goes_on = false;
  std::ifstream file(path, std::ios::binary);
  for (std::array<char, 2> length{}; file.read(length.data(), length.size());) {
    std::vector<uint8_t> frame(static_cast<size_t>(static_cast<uint8_t>(length[0]) << 8 |
                                                   static_cast<uint8_t>(length[1])));
    if (file.read(reinterpret_cast<char*>(frame.data()),
                  static_cast<std::streamsize>(frame.size())))
      frames.bytes.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends the media of calls, numbered as holdfast-relay-calls does, among garbage.");
  std::array<std::string, kSides> networks;
  std::array<std::string, kSides> files;
  std::string interface;
  unsigned cpu = 1;
  uint32_t calls = 0;
  uint32_t watched = 0;
  for (size_t side = 0; side < kSides; ++side) {
    const std::string name = kSideNames[side];
    app.add_option("--" + name, networks[side], "network namespace of the remotes")->required();
    app.add_option("--" + name + "-garbage", files[side], "frames, each behind its length")
        ->required();
  }
  app.add_option("--interface", interface, "its name in both namespaces")->required();
  app.add_option("--calls", calls, "how many there are")
      ->check(CLI::Range(1U, kMaxCalls))
      ->required();
  app.add_option("--watched", watched, "how many of them, from the first on")->required();
  app.add_option("--cpu", cpu, "where it runs")->check(CLI::Range(0U, 1023U));
  CLI11_PARSE(app, argc, argv);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
  std::vector<Sender> sides;
  for (size_t side = 0; side < kSides; ++side) {
    auto socket = FrameSocket::open(networks[side], interface);
    if (!socket) {
      std::fprintf(stderr, "holdfast-garbage-load: %s\n", socket.error().c_str());
      return kFailed;
    }
    const uint32_t end = std::min(watched, calls);
    sides.emplace_back(
        std::move(socket).value(),
        std::array<Frames, kKinds>{frames_of_calls(side, 0, end), frames_of_calls(side, end, calls),
                                   frames_of_file(files[side])});
  }
  return serve(sides);
}
