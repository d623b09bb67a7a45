// SPDX-License-Identifier: Apache-2.0
// What this machine tells by system calls: ethtool's answers, free space, rights, the clock.
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "control/doctor/machine.hh"

namespace holdfast::doctor {
namespace {

// False where the device or the kernel does not know the question.
bool ask_ethtool(int socket, const std::string& device, void* question) {
  ifreq request{};
  if (device.size() >= sizeof request.ifr_name) return false;
  std::memcpy(request.ifr_name, device.data(), device.size());
  request.ifr_data = static_cast<char*>(question);
  return ::ioctl(socket, SIOCETHTOOL, &request) == 0;
}

LinkFacts ask_link(const std::string& device) {
  LinkFacts facts;
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return facts;
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (ask_ethtool(socket, device, &driver))
    facts.driver = std::string(driver.driver, ::strnlen(driver.driver, sizeof driver.driver));
  ethtool_value gro{ETHTOOL_GGRO, 0};
  facts.gro = ask_ethtool(socket, device, &gro) && gro.data != 0;
  ethtool_value flags{ETHTOOL_GFLAGS, 0};
  facts.lro = ask_ethtool(socket, device, &flags) && (flags.data & ETH_FLAG_LRO) != 0;
  ::close(socket);
  return facts;
}

std::optional<uint64_t> free_bytes_at(const std::string& path) {
  struct statvfs found {};
  if (::statvfs(path.c_str(), &found) != 0) return std::nullopt;
  return uint64_t{found.f_bavail} * found.f_frsize;
}

std::optional<bool> clock_is_set() {
  timex asked{};  // no modes: reads only
  const int state = ::adjtimex(&asked);
  if (state < 0) return std::nullopt;
  return state != TIME_ERROR;
}

}  // namespace

Machine real_machine() {
  Machine machine;
  machine.link_facts = ask_link;
  machine.free_bytes = free_bytes_at;
  machine.folder_fault = [](const std::string& folder, FolderUse use) {
    const RightsOfDaemon rights;
    return holdfast::folder_fault(folder, use);
  };
  machine.time_synchronised = clock_is_set();
  machine.now_s = std::time(nullptr);
  return machine;
}

}  // namespace holdfast::doctor
