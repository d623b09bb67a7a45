// SPDX-License-Identifier: Apache-2.0
// Opens DPDK ports by driver.
#include "dataplane/ports/ethernet_port.hh"

#include <dirent.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace holdfast::dataplane {
namespace {

constexpr uint16_t kDescriptors = 1024;
constexpr unsigned kPoolCache = 256;
constexpr uint16_t kMemifBuffer = 2048;  // its driver's own default
// virtio frees what it has sent when more than this many frames lie in its queue. By default it
// waits until the queue is all but full: then a thousand frames, out of the caches by now, are
// freed in one go of 10 to 60 us, in which nothing is relayed.
constexpr uint16_t kVirtioSent = 64;
constexpr auto kAnySocket = static_cast<unsigned>(SOCKET_ID_ANY);

struct DriverArguments {
  std::string bus = "vdev";
  std::string device;
  std::string arguments;
};

// A frame in one buffer.
uint16_t memif_buffer(uint16_t longest_frame) {
  return std::max<uint16_t>(kMemifBuffer, static_cast<uint16_t>((longest_frame + 63) / 64 * 64));
}

DriverArguments arguments_for(const PortRequest& request) {
  const std::string device = "net_" + request.driver + "_" + request.name;
  const std::string queues = std::to_string(request.queues);
  if (request.driver == "af_xdp") {
    // Busy polling is off: it would pay a system call per empty poll, and an idle lcore sleeps
    // anyway.
    return {"vdev", device,
            "iface=" + request.device + ",queue_count=" + queues +
                ",busy_budget=0,xdp_prog=" + request.xdp_program};
  }
  if (request.driver == "af_packet") {
    return {"vdev", device,
            "iface=" + request.device + ",blocksz=65536,framesz=2048,framecnt=2048,qdisc_bypass=1"};
  }
  if (request.driver == "virtio_user") {
    std::string arguments = "path=" + request.device + ",queues=" + queues + ",queue_size=1024";
    if (request.mac) arguments += ",mac=" + request.mac->to_string();
    return {"vdev", device, arguments};
  }
  if (request.driver == "vhost")
    return {"vdev", device, "iface=" + request.device + ",queues=" + queues};
  if (request.driver == "memif") {
    // A client, never a server: the driver's server (22.11) crashes when its client dies.
    std::string arguments = "role=client,socket-abstract=no,socket=" + request.device +
                            ",id=" + std::to_string(request.memif_id) +
                            ",bsize=" + std::to_string(memif_buffer(request.longest_frame));
    if (request.mac) arguments += ",mac=" + request.mac->to_string();
    return {"vdev", device, arguments};
  }
  if (request.driver == "pci") return {"pci", request.device, ""};
  return {"vdev", device, ""};  // ring, null
}

// The sockets of this process that a packet driver may have opened.
std::vector<int> packet_sockets() {
  std::vector<int> found;
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return found;
  while (const dirent* entry = readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    int domain = 0;
    socklen_t size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
        (domain == AF_XDP || domain == AF_PACKET)) {
      found.push_back(fd);
    }
  }
  closedir(folder);
  std::sort(found.begin(), found.end());
  return found;
}

// Sockets that were opened since `known`, which then has them too.
std::vector<int> new_sockets(std::vector<int>& known) {
  std::vector<int> now = packet_sockets(), added;
  std::set_difference(now.begin(), now.end(), known.begin(), known.end(),
                      std::back_inserter(added));
  known = std::move(now);
  return added;
}

// A card with several queues spreads by addresses and ports, so that a stream stays on its queue.
std::string configure(uint16_t id, uint16_t queues) {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id, &info); error != 0) return rte_strerror(-error);
  if (queues > info.max_rx_queues || queues > info.max_tx_queues) {
    return "queues: it has " + std::to_string(std::min(info.max_rx_queues, info.max_tx_queues)) +
           ", not " + std::to_string(queues);
  }
  rte_eth_conf conf{};
  constexpr uint64_t kFlows = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
  if (queues > 1 && (info.flow_type_rss_offloads & kFlows) != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & kFlows;
  }
  const int error = rte_eth_dev_configure(id, queues, queues, &conf);
  return error == 0 ? "" : rte_strerror(-error);
}

rte_eth_txconf tx_defaults(uint16_t id) {
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(id, &info);
  return info.default_txconf;
}

// `known`: the sockets before the port was made. Fills in those of each queue; what was opened with
// the device is the first one's.
std::string set_up_queues(uint16_t id, bool virtio, rte_mempool* pool, std::vector<int> known,
                          std::vector<std::vector<int>>& wake_fds) {
  const auto queues = static_cast<uint16_t>(wake_fds.size());
  if (std::string error = configure(id, queues); !error.empty()) return error;
  uint16_t rx = kDescriptors;
  uint16_t tx = kDescriptors;
  if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx, &tx); error != 0)
    return rte_strerror(-error);
  rte_eth_txconf sending = tx_defaults(id);
  if (virtio) sending.tx_free_thresh = static_cast<uint16_t>(tx - kVirtioSent);
  for (uint16_t queue = 0; queue < queues; ++queue) {
    int error = rte_eth_rx_queue_setup(id, queue, rx, kAnySocket, nullptr, pool);
    if (error == 0) error = rte_eth_tx_queue_setup(id, queue, tx, kAnySocket, &sending);
    if (error != 0) return rte_strerror(-error);
    wake_fds[queue] = new_sockets(known);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<EthernetPort>, std::string> EthernetPort::open(const PortRequest& request,
                                                                      rte_mempool* pool) {
  const DriverArguments driver = arguments_for(request);
  const std::string what =
      "interface " + request.name + ": " + request.driver + " on " + request.device;
  std::vector<int> before = packet_sockets();
  if (driver.bus == "vdev") {
    if (const int error =
            rte_eal_hotplug_add("vdev", driver.device.c_str(), driver.arguments.c_str());
        error != 0) {
      return what + ": the DPDK driver refuses it: " + rte_strerror(-error);
    }
  }
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(driver.device.c_str(), &id) != 0)
    return what + ": DPDK made no port of it";
  std::unique_ptr<EthernetPort> port(new EthernetPort(id));
  if (request.driver == "vhost") port->given_mac_ = request.mac;
  port->wake_fds_.resize(request.queues);
  if (std::string error = set_up_queues(id, request.driver == "virtio_user", pool,
                                        std::move(before), port->wake_fds_);
      !error.empty())
    return what + ": " + error;
  return port;
}

EthernetPort::~EthernetPort() {
  stop();
  rte_eth_dev_close(id_);
}

std::string EthernetPort::start() {
  if (const int error = rte_eth_dev_start(id_); error != 0) return rte_strerror(-error);
  started_ = true;
  return {};
}

void EthernetPort::stop() {
  if (started_) rte_eth_dev_stop(id_);
  started_ = false;
}

std::vector<int> EthernetPort::sockets() const {
  std::vector<int> all;
  for (const auto& of_queue : wake_fds_) all.insert(all.end(), of_queue.begin(), of_queue.end());
  return all;
}

// A vhost port has no filter: it hands over what the other side sends, and its address is what we
// say it is.
MacAddress EthernetPort::mac() const {
  if (given_mac_) return *given_mac_;
  rte_ether_addr address{};
  rte_eth_macaddr_get(id_, &address);
  MacAddress mac;
  std::memcpy(mac.bytes.data(), address.addr_bytes, mac.bytes.size());
  return mac;
}

bool EthernetPort::link_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

// The af_xdp driver gives the kernel as many bytes as buffers times their size, and the kernel
// silently drops what lies behind. So the buffers must lie without gaps: DPDK would else leave one
// wherever a buffer crosses a page. They may cross: addresses for devices are virtual ones here
// (--iova-mode va).
rte_mempool* make_packet_pool(uint32_t frames, uint16_t longest_frame, std::string& error) {
  const uint16_t room = static_cast<uint16_t>(
      std::max<unsigned>(RTE_MBUF_DEFAULT_DATAROOM, longest_frame) + RTE_PKTMBUF_HEADROOM);
  rte_mempool* pool = rte_mempool_create_empty(
      "holdfast_frames", frames, static_cast<unsigned>(sizeof(rte_mbuf)) + room, kPoolCache,
      sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
  if (pool != nullptr) {
    rte_pktmbuf_pool_private sizes{};
    sizes.mbuf_data_room_size = room;
    rte_pktmbuf_pool_init(pool, &sizes);
    if (rte_mempool_populate_default(pool) >= 0 && pool->nb_mem_chunks == 1) {
      rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
      return pool;
    }
    rte_mempool_free(pool);
  }
  error = "memory-mib: no room for " + std::to_string(frames) + " packet buffers of " +
          std::to_string(room) + " bytes in one piece";
  return nullptr;
}

}  // namespace holdfast::dataplane
