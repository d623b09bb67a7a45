// SPDX-License-Identifier: Apache-2.0
// Answers from memory.
#include "tests/sip/anchor/hand_dataplane.hh"

#include <poll.h>
#include <unistd.h>

#include <stdexcept>

namespace holdfast::sip {

using control::CallReport;
using control::ErrorCode;
using control::LegReport;

HandDataplane::~HandDataplane() {
  server_.reset();
  ::unlink((path_ + ".lock").c_str());  // a server leaves it: another may be about to lock it
}

void HandDataplane::start() {
  auto server = control::ControlServer::listen(path_, *this);
  if (!server) throw std::runtime_error(server.error());
  server_ = std::move(server).value();
  stopped_ = false;
}

void HandDataplane::kill() {
  server_.reset();
  calls_.clear();
  keys_.clear();
  given_.clear();
}

void HandDataplane::crash() {
  server_.reset();
  for (auto& [name, call] : calls_)
    for (LegReport& leg : call.legs) leg.leg += 1000;
  next_leg_ += 1000;
}

bool HandDataplane::turn() {
  if (!server_ || stopped_) return false;
  pollfd poll{server_->epoll_fd(), POLLIN, 0};
  if (::poll(&poll, 1, 0) <= 0) return false;
  server_->on_ready();
  return true;
}

void HandDataplane::handle(const control::Request& request, control::Reply reply) {
  if (const auto* add_call = std::get_if<control::CallAdd>(&request.operation)) {
    add(*add_call, reply);
  } else if (const auto* leg = std::get_if<control::LegUpdate>(&request.operation)) {
    update(*leg, reply);
  } else if (const auto* gone = std::get_if<control::CallDelete>(&request.operation)) {
    remove(*gone, reply);
  } else if (const auto* page = std::get_if<control::CallList>(&request.operation)) {
    list(*page, reply);
  } else if (std::holds_alternative<control::CheckpointList>(request.operation)) {
    checkpoints(reply);
  } else if (const auto* minutes = std::get_if<control::MinuteList>(&request.operation)) {
    control::MinutePage page_of_none;
    page_of_none.epoch = 7;
    page_of_none.next = minutes->after;
    reply.send(page_of_none);
  } else {
    control::StatusReport status;
    status.version = control::kVersion;
    status.pid = 42;
    reply.send(status);
  }
}

std::optional<uint16_t> HandDataplane::take_port(const std::string& interface,
                                                 uint16_t wanted) const {
  std::set<uint16_t> taken;
  for (const auto& [name, call] : calls_)
    for (const LegReport& leg : call.legs)
      if (leg.interface == interface) taken.insert(leg.local.port);
  if (wanted != 0) return taken.contains(wanted) ? std::nullopt : std::optional(wanted);
  uint16_t port = kFirstPort;
  while (taken.contains(port)) port = static_cast<uint16_t>(port + 2);
  return port;
}

namespace {

std::string suite_of(const std::optional<media::SdesKey>& key) {
  return key ? std::string(media::traits_of(key->master.suite()).name) : std::string();
}
control::SrtpReport shown(const control::LegSrtp& srtp) {
  return {suite_of(srtp.in), suite_of(srtp.out)};
}

}  // namespace

void HandDataplane::add(const control::CallAdd& request, control::Reply& reply) {
  log_.push_back(std::string(request.emergency ? "for help: " : "") +
                 (request.resume ? "resume " : "add ") + request.call);
  if (refuse_adds_) return reply.fail(*refuse_adds_, "told to refuse");
  if (calls_.contains(request.call)) return reply.fail(ErrorCode::kCallExists, "is there");
  CallReport report{request.call, 1'700'000'000'000, std::nullopt, {}};
  for (const control::LegSpec& spec : request.legs) {
    if (spec.interface != "lan" && spec.interface != "wan")
      return reply.fail(ErrorCode::kUnknownInterface, "no " + spec.interface);
    LegReport leg;
    leg.leg = next_leg_++;
    leg.interface = spec.interface;
    const bool v6 = spec.family == 6 || (spec.remote && spec.remote->ip.is_v6());
    const bool lan = spec.interface == "lan";
    leg.local.ip = *IpAddress::parse(v6    ? (lan ? "2001:db8:1::2" : "2001:db8:2::2")
                                     : lan ? "198.18.1.2"
                                           : "198.18.2.2");
    // The legs of one call may lie on one interface.
    if (!report.legs.empty()) calls_[request.call] = report;
    const auto port = take_port(spec.interface, spec.local_port);
    calls_.erase(request.call);
    if (!port) return reply.fail(ErrorCode::kPortTaken, "taken");
    leg.local.port = *port;
    leg.local_rtcp = {leg.local.ip, static_cast<uint16_t>(*port + (spec.rtcp_mux ? 0 : 1))};
    leg.strict_source = spec.learn == control::Learn::kStrict;
    leg.media = spec.media;
    leg.payload = spec.payload;
    leg.remote = spec.remote;
    leg.remote_rtcp = spec.remote_rtcp;
    leg.next_hop.state = "unknown";
    if (spec.srtp) leg.srtp = shown(*spec.srtp);
    leg.sealed = spec.sealed;
    keys_[request.call][report.legs.size()] = spec.srtp;
    given_[request.call][report.legs.size()] = spec.srtp_checkpoint;
    report.legs.push_back(leg);
  }
  reply.send(calls_[request.call] = report);
}

void HandDataplane::update(const control::LegUpdate& request, control::Reply& reply) {
  log_.push_back("update " + std::to_string(request.leg) + (request.relearn ? " relearn" : "") +
                 (request.clock_rates ? " clocks" : "") +
                 (request.srtp         ? " srtp"
                  : request.clear_srtp ? " plain"
                                       : ""));
  if (refuse_updates_) return reply.fail(*refuse_updates_, "told to refuse");
  for (auto& [name, call] : calls_) {
    for (LegReport& leg : call.legs) {
      if (leg.leg != request.leg) continue;
      leg.sealed = request.sealed.value_or(leg.sealed);
      if (request.srtp || request.clear_srtp) {
        keys_[name][static_cast<size_t>(&leg - call.legs.data())] = request.srtp;
        leg.srtp.reset();
        if (request.srtp) leg.srtp = shown(*request.srtp);
      }
      if (request.remote) {
        if (request.remote->ip.family != leg.local.ip.family)
          return reply.fail(ErrorCode::kBadRequest, "another family");
        leg.remote = request.remote;
        leg.remote_rtcp.reset();
      }
      if (request.remote_rtcp) leg.remote_rtcp = request.remote_rtcp;
      if (request.rtcp_mux)
        leg.local_rtcp.port = static_cast<uint16_t>(leg.local.port + (*request.rtcp_mux ? 0 : 1));
      if (request.learn) leg.strict_source = *request.learn == control::Learn::kStrict;
      return reply.send(leg);
    }
  }
  reply.fail(ErrorCode::kUnknownLeg, "no such leg");
}

void HandDataplane::remove(const control::CallDelete& request, control::Reply& reply) {
  log_.push_back("delete " + request.call);
  const auto found = calls_.find(request.call);
  if (found == calls_.end()) return reply.fail(ErrorCode::kUnknownCall, "no such call");
  CallReport report = found->second;
  report.ended_ms = report.started_ms + 1000;
  calls_.erase(found);
  reply.send(report);
}

void HandDataplane::checkpoints(control::Reply& reply) const {
  control::CheckpointPage page;
  for (const auto& [name, call] : calls_)
    for (const LegReport& leg : call.legs)
      if (leg.srtp && !checkpoint_.empty()) page.legs.push_back({name, leg.leg, checkpoint_});
  reply.send(page);
}

void HandDataplane::list(const control::CallList& request, control::Reply& reply) const {
  std::map<uint64_t, const CallReport*> by_leg;
  for (const auto& [name, call] : calls_) by_leg[call.legs[0].leg] = &call;
  control::CallPage page(request);
  size_t count = 0;
  for (auto each = by_leg.upper_bound(request.after); each != by_leg.end(); ++each) {
    if (count++ == page_calls) {
      page.set_more();
      break;
    }
    if (!page.add(*each->second, each->first)) break;
  }
  reply.send(page);
}

void HandDataplane::media(const std::string& name, uint64_t packets, size_t leg) {
  calls_.at(name).legs[leg].rx.packets += packets;
}

void HandDataplane::rtcp(const std::string& name, size_t leg) {
  ++calls_.at(name).legs[leg].rtcp_received;
}

}  // namespace holdfast::sip
