// SPDX-License-Identifier: Apache-2.0
// Answers every operation from memory.
#include "tests/control/fake_dataplane.hh"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <stdexcept>

namespace holdfast::control {

StreamReport sample_stream() {
  StreamReport s;
  s.ssrc = 0xdecafbad;
  s.clock_hz = 8000;
  s.first_seq = 65000;
  s.last_ext_seq = 65999;
  s.expected = 1000;
  s.received = 938;
  s.lost = 62;
  s.duplicates = 3;
  s.reordered = 4;
  s.strays = 2;
  s.jitter_last = 8;
  s.jitter_mean = 16;
  s.jitter_max = 80;
  s.loss_runs = {{"1", 2}, {"60", 1}};
  s.dscp_in = 46;
  s.dscp_in_first = 46;
  s.unmarked = 5;
  s.remarked = 7;
  s.active = true;
  return s;
}

FakeDataplane::FakeDataplane(const std::string& path) : wake_(::eventfd(0, EFD_CLOEXEC)) {
  auto server = ControlServer::listen(path, *this);
  if (!server) throw std::runtime_error(server.error());
  server_ = std::move(server).value();
  thread_ = std::thread([this] {
    pollfd fds[2] = {{server_->epoll_fd(), POLLIN, 0}, {wake_, POLLIN, 0}};
    while (::poll(fds, 2, -1) > 0 && fds[1].revents == 0) server_->on_ready();
  });
}

FakeDataplane::~FakeDataplane() {
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(wake_);
}

void FakeDataplane::handle(const Request& request, Reply reply) {
  if (const auto* op = std::get_if<CallAdd>(&request.operation)) {
    add(*op, reply);
  } else if (const auto* op2 = std::get_if<LegUpdate>(&request.operation)) {
    update(*op2, reply);
  } else if (const auto* op3 = std::get_if<CallDelete>(&request.operation)) {
    remove(*op3, reply);
  } else if (const auto* op4 = std::get_if<CallList>(&request.operation)) {
    list(*op4, reply);
  } else {
    reply.send(status());
  }
}

// The suites that a leg has keys for.
static std::optional<SrtpReport> srtp_report(const SharedSrtp& srtp) {
  if (srtp == nullptr) return std::nullopt;
  const auto name = [](const std::optional<media::SdesKey>& key) {
    return key ? std::string(media::traits_of(key->master.suite()).name) : std::string();
  };
  return SrtpReport{name(srtp->in), name(srtp->out)};
}

void FakeDataplane::add(const CallAdd& request, Reply& reply) {
  if (calls_.contains(request.call)) {
    return reply.fail(ErrorCode::kCallExists, "call " + request.call + " is there already");
  }
  CallReport report{request.call, 1'700'000'000'000, std::nullopt, {}};
  for (const auto& spec : request.legs) {
    if (spec.interface != "lan" && spec.interface != "wan") {
      return reply.fail(ErrorCode::kUnknownInterface, "there is no interface " + spec.interface);
    }
    LegReport leg;
    leg.leg = next_leg_++;
    leg.interface = spec.interface;
    const bool v6 = spec.family == 6 || (spec.remote && spec.remote->ip.is_v6());
    leg.local.ip = *IpAddress::parse(v6 ? "2001:db8::2" : "198.18.1.2");
    leg.local.port = static_cast<uint16_t>(20000 + 2 * leg.leg);
    leg.local_rtcp = leg.local;
    if (!spec.rtcp_mux) ++leg.local_rtcp.port;
    leg.remote = spec.remote;
    leg.srtp = srtp_report(spec.srtp);
    leg.media = spec.media;
    leg.mark = leg.rtcp_mark = {spec.dscp.value_or(46), 5};
    leg.next_hop = {"resolved", MacAddress::parse("02:00:00:00:00:01"), std::nullopt};
    leg.streams = {sample_stream()};
    leg.streams[0].clock_hz = clock_hz;
    if (far_end) {
      const uint32_t ssrc = sample_stream().ssrc;
      leg.far_end = {{ssrc, 3, 1'700'000'000'000, 0.25, 69, 62, 65'999, 24, 3.0, 41.5}};
    }
    if (crowded) {
      leg.streams_left_out = 17;
      leg.folded = {17, 100, 95, 5, 2};
      leg.unaccounted_packets = 7;
    }
    report.legs.push_back(leg);
  }
  reply.send(calls_[request.call] = report);
}

void FakeDataplane::update(const LegUpdate& request, Reply& reply) {
  for (auto& [key, call] : calls_) {
    for (auto& leg : call.legs) {
      if (leg.leg != request.leg) continue;
      if (request.remote) leg.remote = request.remote;
      if (request.srtp || request.clear_srtp) leg.srtp = srtp_report(request.srtp);
      if (request.dscp) leg.mark.dscp = leg.rtcp_mark.dscp = request.dscp;
      return reply.send(leg);
    }
  }
  reply.fail(ErrorCode::kUnknownLeg, "no leg " + std::to_string(request.leg));
}

void FakeDataplane::remove(const CallDelete& request, Reply& reply) {
  const auto found = calls_.find(request.call);
  if (found == calls_.end()) return reply.fail(ErrorCode::kUnknownCall, "no call " + request.call);
  CallReport report = found->second;
  calls_.erase(found);
  report.ended_ms = report.started_ms + 60'000;
  finished_[report.legs[0].leg] = report;
  reply.send(report);
}

void FakeDataplane::list(const CallList& request, Reply& reply) const {
  std::map<uint64_t, const CallReport*> by_leg;
  for (const auto& [key, call] : calls_) by_leg[call.legs[0].leg] = &call;
  if (request.finished) {
    by_leg.clear();
    for (const auto& [leg, call] : finished_) by_leg[leg] = &call;
  }
  CallPage page(request);
  for (auto it = by_leg.upper_bound(request.after); it != by_leg.end(); ++it) {
    if (!page.add(*it->second, it->first)) break;
  }
  reply.send(page);
}

StatusReport FakeDataplane::status() const {
  StatusReport s;
  s.srtp = {"ipsec-mb 1.3.0 (AVX2)", "the CPU has AES-NI and PCLMULQDQ", 3};
  s.version = kVersion;
  s.pid = 42;
  s.uptime_s = 3720;
  s.legs_in_use = static_cast<uint32_t>(2 * calls_.size());
  s.legs_max = 4096;
  PortStatus lan{"lan", "shared", "af_xdp", "eth0", "up", 110, 90, 15, 0, 90, {}, {}, 0, {}};
  lan.drops = {{"bad_version", 3}, {"no_leg", 2}};
  if (unbalanced) ++lan.rx;
  s.ports = {lan};
  s.lcores = {{1, 1000, 0.75, 0}};
  s.control = server_->counters();
  s.resumed = ResumedCalls{7, 1, 163};
  s.warnings = {"no huge pages: memory is ordinary pages"};
  return s;
}

}  // namespace holdfast::control
