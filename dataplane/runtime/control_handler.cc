// SPDX-License-Identifier: Apache-2.0
// Control requests and the status report.
#include "dataplane/runtime/control_handler.hh"

#include <unistd.h>

#include "dataplane/kernel/link.hh"
#include "dataplane/kernel/xdp_steer.hh"
#include "dataplane/runtime/lcore_loop.hh"

namespace holdfast::dataplane {
namespace {

constexpr uint64_t kNsPerS = 1'000'000'000;
static_assert(kDropReasons <= control::kMaxNamedCounts, "else the books lose rows on the wire");

template <typename T>
void answer(control::Reply& reply, const Answer<T>& result) {
  if (result) {
    reply.send(*result);
  } else {
    reply.fail(result.error().code, result.error().message);
  }
}

void add_counters(control::PortStatus& out, const std::vector<const PortCounters*>& parts) {
  for (const PortCounters* c : parts) {
    out.rx += c->rx.read();
    out.relayed += c->relayed.read();
    out.to_kernel += c->to_kernel.read();
    out.joined += c->joined.read();
    out.from_kernel += c->from_kernel.read();
    out.tx += c->tx_media.read() + c->tx_kernel.read();
  }
  for (size_t i = 1; i < kDropReasons; ++i) {
    uint64_t drops = 0;
    uint64_t kernel_drops = 0;
    for (const PortCounters* c : parts) {
      drops += c->drops[i].read();
      kernel_drops += c->kernel_drops[i].read();
    }
    const std::string name(name_of(static_cast<DropReason>(i)));
    if (drops > 0) out.drops.push_back({name, drops});
    if (kernel_drops > 0) out.tx_drops.push_back({name, kernel_drops});
  }
}

void add_drops(std::vector<control::NamedCount>& drops, DropReason reason, uint64_t frames) {
  for (control::NamedCount& drop : drops) {
    if (drop.name != name_of(reason)) continue;
    drop.count += frames;
    return;
  }
  drops.push_back({std::string(name_of(reason)), frames});
}

// Frames that came in at this port too and were dropped before an lcore saw them: in both sides of
// the books.
void add_unseen(control::PortStatus& out, DropReason reason, uint64_t frames) {
  if (frames == 0) return;
  out.rx += frames;
  add_drops(out.drops, reason, frames);
}

// The same of frames that the kernel wanted sent.
void add_unsent(control::PortStatus& out, uint64_t frames) {
  if (frames == 0) return;
  out.from_kernel += frames;
  add_drops(out.tx_drops, DropReason::tap_full, frames);
}

// What the XDP program dropped.
void add_steer_drops(control::PortStatus& out, const std::string& device) {
  const auto link = find_link(device);
  if (!link) return;
  const auto steer = read_steer_counters(link->ifindex);
  if (!steer) return;
  add_unseen(out, DropReason::fragment, steer->fragments_dropped);
  add_unseen(out, DropReason::no_leg, steer->unused_dropped);
  add_unseen(out, DropReason::call_ended, steer->ended_dropped);
}

}  // namespace

void ControlRequests::attach(Assembly* parts, const control::ControlServer* server) {
  parts_ = parts;
  server_ = server;
  for (const auto& port : parts->ports) missed_.emplace_back(port->sockets());
}

void ControlRequests::handle(const control::Request& request, control::Reply reply) {
  CallBook& book = *parts_->book;
  std::visit(
      [&](const auto& operation) {
        using T = std::decay_t<decltype(operation)>;
        if constexpr (std::is_same_v<T, control::CallAdd>) {
          answer(reply, book.add(operation));
        } else if constexpr (std::is_same_v<T, control::LegUpdate>) {
          answer(reply, book.update(operation));
        } else if constexpr (std::is_same_v<T, control::CallDelete>) {
          answer(reply, book.remove(operation.call));
        } else if constexpr (std::is_same_v<T, control::CallList>) {
          answer(reply, book.list(operation));
        } else if constexpr (std::is_same_v<T, control::StatusGet>) {
          reply.send(status());
        } else if constexpr (std::is_same_v<T, control::MinuteList>) {
          reply.send(book.minutes().list(operation));
        } else if constexpr (std::is_same_v<T, control::CheckpointList>) {
          answer(reply, book.checkpoints(operation));
        } else if constexpr (std::is_same_v<T, control::CaptureStart>) {
          answer(reply, parts_->captures->start(operation, reply.client(), steady_ns()));
        } else if constexpr (std::is_same_v<T, control::CaptureRead>) {
          answer(reply, parts_->captures->read(operation, reply.client(), steady_ns()));
        } else if constexpr (std::is_same_v<T, control::CaptureStop>) {
          answer(reply, parts_->captures->stop(operation, reply.client(), steady_ns()));
        }
      },
      request.operation);
}

void ControlRequests::on_client_gone(uint64_t client) {
  parts_->captures->on_client_gone(client);
}

control::PortStatus ControlRequests::port_status(size_t port) {
  const config::InterfaceConfig& interface = config_.interfaces[port];
  control::PortStatus out;
  out.name = interface.name;
  out.take = to_string(interface.take);
  out.driver = to_string(interface.driver);
  out.device = interface.device;
  out.link = parts_->ports[port]->link_up() ? "up" : "down";
  std::vector<const PortCounters*> counters = {&parts_->slow_counters[port]};
  for (const auto& core : parts_->cores) counters.push_back(&core->counters(port));
  add_counters(out, counters);
  if (interface.driver == config::Driver::kAfXdp) add_steer_drops(out, interface.device);
  add_unseen(out, DropReason::port_missed,
             missed_[port].read(driver_missed(parts_->ports[port]->id())));
  if (const auto& path = parts_->exceptions[port]; path != nullptr)
    add_unsent(out, path->dropped_by_kernel());
  out.media_ports = parts_->book->media_ports(port);
  return out;
}

control::StatusReport ControlRequests::status() {
  control::StatusReport out;
  const uint64_t now_ns = steady_ns();
  out.version = control::kVersion;
  out.pid = static_cast<uint32_t>(getpid());
  out.uptime_s = (now_ns - started_ns_) / kNsPerS;
  out.huge_pages = parts_->eal->huge_pages();
  out.legs_in_use = parts_->book->legs_in_use();
  out.legs_max = config_.max_legs;
  out.refused = parts_->book->refused();
  for (size_t i = 0; i < config_.interfaces.size(); ++i) out.ports.push_back(port_status(i));
  for (size_t i = 0; i < parts_->cores.size(); ++i) {
    const CoreCounters& counters = parts_->cores[i]->core_counters();
    control::LcoreStatus lcore;
    lcore.cpu = config_.cpus[i];
    lcore.polls = counters.polls.read();
    lcore.idle_ratio =
        static_cast<double>(counters.slept_ns.read()) / static_cast<double>(now_ns - started_ns_);
    lcore.heap_allocated_bytes = parts_->loops[i]->heap_allocated_bytes();
    out.lcores.push_back(lcore);
  }
  out.srtp = parts_->book->srtp_status();
  out.resumed = parts_->resumed;
  out.minutes_kept = parts_->book->minutes().kept();
  out.minutes_dropped = parts_->book->minutes().dropped();
  out.control = server_->counters();
  out.warnings = parts_->warnings;
  return out;
}

}  // namespace holdfast::dataplane
