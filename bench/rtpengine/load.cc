// SPDX-License-Identifier: Apache-2.0
// Speaks for both ends of many calls at once: G.711 over two interfaces, at a rate for each phase,
// some frames bad on purpose.
#include <sched.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/relay/frames.hh"
#include "bench/relay/plan.hh"
#include "bench/relay/srtp_options.hh"
#include "bench/relay/srtp_speaker.hh"
#include "bench/rtpengine/busy_time.hh"
#include "bench/rtpengine/frame_socket.hh"

namespace {

using namespace holdfast::bench;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
constexpr double kTickS = 0.001;  // frames that are due leave together, as often as this
constexpr double kMaxSeconds = 600;
constexpr double kMaxRate = 20'000;

double now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void sleep_until(double when_s) {
  const auto whole = static_cast<time_t>(when_s);
  const timespec when{whole, static_cast<long>((when_s - static_cast<double>(whole)) * 1e9)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr);
}

// What left, by side.
struct Sent {
  uint64_t good = 0;
  std::map<std::string, uint64_t> bad;  // by the drop that it must end in
};

// What one end of every call sends; the streams by turns, so that none is in step with another.
class Speakers {
 public:
  // `srtp`: null for plain RTP.
  Speakers(std::unique_ptr<FrameSocket> socket, const std::vector<Frame>& frames,
           std::vector<BadFrame> bad, std::unique_ptr<SrtpSpeaker> srtp)
      : socket_(std::move(socket)),
        srtp_(std::move(srtp)),
        frame_bytes_(srtp_ == nullptr ? kFrameBytes : srtp_->frame_bytes()),
        frames_(frames.size()),
        bad_(std::move(bad)),
        not_authentic_(srtp_defects().size()) {
    for (size_t call = 0; call < frames.size(); ++call) {
      std::ranges::copy(frames[call], frames_[call].begin());
      if (srtp_ != nullptr) srtp_->make_room(frames_[call].data());
    }
  }

  // Adds to `sent` what of `count` left; the others are the interface's loss, and counted as not
  // sent. One in `bad_every` is bad; 0: none.
  void send(uint64_t count, uint64_t bad_every, Sent& sent) {
    while (count > 0) {
      // A frame is in a burst once: it is changed in its place.
      const size_t limit = std::min(FrameSocket::kMaxBurst, frames_.size());
      burst_.resize(std::min<uint64_t>(count, limit));
      drops_.assign(burst_.size(), {});
      for (size_t i = 0; i < burst_.size(); ++i) {
        if (bad_every != 0 && ++since_bad_ >= bad_every) {
          since_bad_ = 0;
          burst_[i] = spoil(drops_[i]);
        } else {
          burst_[i] = {.iov_base = renew(next_), .iov_len = frame_bytes_};
          next_ = (next_ + 1) % frames_.size();
        }
      }
      if (srtp_ != nullptr) srtp_->seal();
      const size_t left = socket_->send(burst_);
      for (size_t i = 0; i < left; ++i) ++(drops_[i].empty() ? sent.good : sent.bad[drops_[i]]);
      count -= burst_.size();
    }
  }

 private:
  using Buffer = std::array<uint8_t, SrtpSpeaker::kMaxFrameBytes>;

  uint8_t* renew(size_t call) {
    uint8_t* frame = frames_[call].data();
    if (srtp_ == nullptr)
      advance(frame, 1);
    else
      srtp_->next(frame, static_cast<uint32_t>(call), 1);
    return frame;
  }

  // The kinds by turns. What was sent before it is the newest frame of its stream.
  iovec spoil(std::string& drop) {
    const size_t kinds = srtp_ == nullptr ? bad_.size() : not_authentic_.size();
    const size_t kind = next_bad_++ % kinds;
    if (srtp_ == nullptr) {
      drop = defects()[kind].drop;
      return {.iov_base = bad_[kind].bytes.data(), .iov_len = bad_[kind].size};
    }
    drop = srtp_defects()[kind].drop;
    const size_t newest = (next_ + frames_.size() - 1) % frames_.size();
    srtp_->spoil(frames_[newest].data(), not_authentic_[kind].data(), srtp_defects()[kind]);
    return {.iov_base = not_authentic_[kind].data(), .iov_len = frame_bytes_};
  }

  std::unique_ptr<FrameSocket> socket_;
  std::unique_ptr<SrtpSpeaker> srtp_;
  size_t frame_bytes_;
  std::vector<Buffer> frames_;
  std::vector<BadFrame> bad_;          // by kind, of plain RTP
  std::vector<Buffer> not_authentic_;  // by kind, of SRTP
  std::vector<iovec> burst_;
  std::vector<std::string> drops_;  // of the burst; empty: good
  size_t next_ = 0;
  size_t next_bad_ = 0;
  uint64_t since_bad_ = 0;
};

// Sends `rate` packets a second in each of `streams` streams of each side.
nlohmann::json send_phase(std::vector<Speakers>& sides, double streams, double seconds, double rate,
                          uint64_t bad_every) {
  const MachineTime before = machine_time();
  const double start = now_s();
  double late = 0;
  uint64_t due_so_far = 0;
  std::vector<Sent> sent(sides.size());
  const auto ticks = static_cast<uint64_t>(seconds / kTickS);
  for (uint64_t tick = 1; tick <= ticks; ++tick) {
    const double passed = static_cast<double>(tick) * kTickS;
    sleep_until(start + passed);
    late = std::max(late, now_s() - start - passed);
    const auto due = static_cast<uint64_t>(passed * streams * rate);
    for (size_t side = 0; side < sides.size(); ++side)
      sides[side].send(due - due_so_far, bad_every, sent[side]);
    due_so_far = due;
  }
  const double end = now_s();
  nlohmann::json tally{
      {"start", start},         {"end", end},
      {"seconds", end - start}, {"due", due_so_far},
      {"late_s", late},         {"busy_s", busy_seconds(before, machine_time(), end - start)}};
  for (size_t side = 0; side < sent.size(); ++side)
    tally["sides"][kSideNames[side]] = {{"good", sent[side].good}, {"bad", sent[side].bad}};
  return tally;
}

// One side's frames; `ports`: where the device listens for each call.
std::vector<Frame> frames_of(size_t side, const std::vector<uint16_t>& ports) {
  std::vector<Frame> frames;
  for (uint32_t call = 0; call < ports.size(); ++call) {
    frames.push_back(first_frame(side, call, static_cast<uint16_t>(1000 + 7 * call)));
    readdress(frames.back(), ports[call]);
  }
  return frames;
}

// The bad frames of plain RTP; a port of the range that no call has gets some.
std::vector<BadFrame> bad_frames_of(size_t side, const std::vector<uint16_t>& ports) {
  BadTargets to{.used = ports[0], .unused = kFirstMediaPort};
  while (std::ranges::find(ports, to.unused) != ports.end()) to.unused += 2;
  std::vector<BadFrame> frames;
  for (const Defect& defect : defects()) frames.push_back(bad_frame(defect, side, to));
  return frames;
}

// "SECONDS RATE BAD_EVERY" a line; the answer is an object a line.
int serve(std::vector<Speakers>& sides, size_t streams) {
  std::cout << nlohmann::json{{"ready", true}} << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    double seconds = 0;
    double rate = 0;
    unsigned bad_every = 0;
    if (std::sscanf(line.c_str(), "%lf %lf %u", &seconds, &rate, &bad_every) != 3 || seconds <= 0 ||
        seconds > kMaxSeconds || rate < 0 || rate > kMaxRate || bad_every == 1) {
      std::fprintf(stderr,
                   "holdfast-rtp-load: a line is SECONDS PACKETS_PER_S_OF_A_STREAM BAD_EVERY\n");
      return kWrongUse;
    }
    std::cout << send_phase(sides, static_cast<double>(streams), seconds, rate, bad_every)
              << std::endl;
  }
  return 0;
}

void stay_on(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Sends the media of both ends of many calls, numbered as holdfast-relay-calls does.");
  std::vector<std::string> networks(kSides);
  std::vector<std::vector<uint16_t>> ports(kSides);
  std::string interface;
  SrtpSuites suites;
  unsigned cpu = 1;
  for (size_t side = 0; side < kSides; ++side) {
    const std::string name = kSideNames[side];
    app.add_option("--" + name, networks[side], "network namespace of the remotes")->required();
    app.add_option("--" + name + "-ports", ports[side], "where the device listens, call by call")
        ->required()
        ->delimiter(',');
  }
  add_srtp_options(app, suites);
  app.add_option("--interface", interface, "its name in both namespaces")->required();
  app.add_option("--cpu", cpu, "where it runs")->check(CLI::Range(0U, 1023U));
  CLI11_PARSE(app, argc, argv);
  if (ports[0].size() != ports[1].size() || ports[0].empty() || ports[0].size() > kMaxCalls) {
    std::fprintf(stderr, "holdfast-rtp-load: as many ports on one side as on the other\n");
    return kWrongUse;
  }
  stay_on(cpu);
  std::vector<Speakers> sides;
  for (size_t side = 0; side < kSides; ++side) {
    auto socket = FrameSocket::open(networks[side], interface);
    if (!socket) {
      std::fprintf(stderr, "holdfast-rtp-load: %s\n", socket.error().c_str());
      return kFailed;
    }
    sides.emplace_back(std::move(socket).value(), frames_of(side, ports[side]),
                       bad_frames_of(side, ports[side]),
                       make_srtp_speaker(suites, side, static_cast<uint32_t>(ports[side].size())));
  }
  return serve(sides, ports[0].size());
}
