// SPDX-License-Identifier: Apache-2.0
// Whether the ports that the daemons listen on are free, by the kernel's lists of sockets.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <sstream>

#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

constexpr std::string_view kSocketLink = "socket:[";  // "socket:[12345]" in /proc/PID/fd
constexpr size_t kMaxCommand = 15;                    // TASK_COMM_LEN without its end
constexpr std::string_view kListening = "0A";         // TCP_LISTEN, in /proc/net/tcp

struct Bound {
  bool tcp = false;
  IpAddress ip;
  uint16_t port = 0;
  std::string inode;  // of the socket
};

// "0100007F:13C4": words of the address in the byte order of the host (little endian), the port.
std::optional<Bound> read_bound(std::string_view text, bool tcp) {
  const size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  Bound bound{tcp, {static_cast<uint8_t>(colon == 8 ? 4 : 6), {}}, 0, ""};
  for (size_t i = 0; i < colon / 2; ++i) {
    const size_t at = i / 4 * 4 + (3 - i % 4);
    const char* hex = text.data() + 2 * i;
    if (std::from_chars(hex, hex + 2, bound.ip.bytes[at], 16).ec != std::errc{})
      return std::nullopt;
  }
  const char* port = text.data() + colon + 1;
  if (std::from_chars(port, text.data() + text.size(), bound.port, 16).ec != std::errc{})
    return std::nullopt;
  return bound;
}

void add_bound(const Machine& machine, const std::string& protocol, std::vector<Bound>& all) {
  const bool tcp = protocol.starts_with("tcp");
  std::istringstream lines(machine.read("/proc/net/" + protocol).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
        timeout >> inode;
    if (tcp && state != kListening) continue;
    if (auto bound = read_bound(local, tcp)) {
      bound->inode = std::move(inode);
      all.push_back(std::move(*bound));
    }
  }
}

struct Holder {
  std::string program;  // its first 15 characters, as the kernel keeps them
  std::string pid;
};

// By inode, of those sockets whose holders can be seen from here.
std::map<std::string, Holder> holders_of(const Machine& machine, const std::set<std::string>& all) {
  std::map<std::string, Holder> found;
  if (all.empty()) return found;
  for (const auto& pid : machine.list("/proc")) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string folder = "/proc/" + pid;
    const std::string open_files = folder + "/fd/";
    for (const auto& fd : machine.list(open_files)) {
      const std::string target = machine.link_target_name(std::string(open_files).append(fd));
      if (!target.starts_with(kSocketLink)) continue;
      const std::string inode =
          target.substr(kSocketLink.size(), target.size() - kSocketLink.size() - 1);
      if (all.contains(inode))
        found[inode] = {machine.read(folder + "/comm").value_or("a program"), pid};
    }
  }
  return found;
}

struct Wanted {
  std::string name;     // "SIP", "provision"
  std::string_view by;  // the program
  bool tcp;
  SocketAddress at;
  std::string pid_file;  // of the daemon that the configuration is for
};

std::vector<Wanted> wanted_by(const config::SiteConfig& site) {
  std::vector<Wanted> all;
  if (site.daemon) {
    const std::string pid_file = site.daemon->storage.directory + "/holdfastd.pid";
    for (const auto& l : site.daemon->listeners) {
      for (const auto& ip : l.addresses) {
        for (const auto transport : config::kTransports) {
          if (l.has(transport))
            all.push_back({"SIP",
                           "holdfastd",
                           transport != sip::Transport::udp,
                           {ip, l.port_of(transport)},
                           pid_file});
        }
      }
    }
    all.push_back({"admin page", "holdfastd", true, site.daemon->admin.listen, pid_file});
  }
  if (site.provision) {
    const std::string pid_file = site.provision->provision.directory + "/holdfast-provision.pid";
    for (const auto& l : site.provision->listeners)
      for (const auto& ip : l.addresses)
        all.push_back({"provision", "holdfast-provision", true, {ip, l.port}, pid_file});
    for (const auto& t : site.provision->tftps)
      for (const auto& ip : t.addresses)
        all.push_back({"TFTP", "holdfast-provision", false, {ip, t.port}, pid_file});
  }
  return all;
}

bool clashes(const Bound& bound, const Wanted& wanted) {
  return bound.tcp == wanted.tcp && bound.port == wanted.at.port &&
         (bound.ip == wanted.at.ip || bound.ip.is_unspecified());
}

// Whether it is the one that wrote the file, or there is no file to tell. A container counts pids
// of its own, and the file is of inside.
bool wrote(const Machine& machine, const Holder& holder, const std::string& pid_file) {
  const auto pid = machine.read(pid_file);
  if (!pid || pid->empty() || *pid == holder.pid) return true;
  const auto status = machine.read("/proc/" + holder.pid + "/status");
  return status && has_word(value_of(*status, "NSpid"), *pid);
}

void check_port(const Machine& machine, const Wanted& wanted, const std::vector<Bound>& taken,
                const std::map<std::string, Holder>& holders, Rows& rows) {
  const std::string name =
      wanted.name + " " + (wanted.tcp ? "TCP " : "UDP ") + wanted.at.to_string();
  const std::string list = "ss -lnp" + std::string(wanted.tcp ? "t" : "u");
  std::string ours;
  for (const Bound& bound : taken) {
    if (!clashes(bound, wanted)) continue;
    const auto holder = holders.find(bound.inode);
    if (holder == holders.end()) {
      if (!machine.runs(wanted.by))
        return rows.refuse(name, "another program has it", "see " + list + "; end that program",
                           true);
      return rows.warn(name, "taken; whether " + std::string(wanted.by) + " has it is not seen",
                       "run holdfast doctor as root, or see " + list);
    }
    const std::string who = holder->second.program + " (pid " + holder->second.pid + ")";
    if (holder->second.program != wanted.by.substr(0, kMaxCommand))
      return rows.refuse(name, "another program has it: " + who,
                         "end that program, or choose another port", true);
    if (!wrote(machine, holder->second, wanted.pid_file))
      return rows.refuse(name, "another " + who + " has it, not that of " + wanted.pid_file,
                         "end that one, or choose another port", true);
    ours = who;
  }
  rows.ok(name, ours.empty() ? "free" : "taken by " + ours);
}

}  // namespace

void check_sockets(const Machine& machine, const config::SiteConfig& site, std::vector<Row>& all) {
  std::vector<Bound> taken;
  for (const char* protocol : {"udp", "udp6", "tcp", "tcp6"}) add_bound(machine, protocol, taken);
  const auto wanted = wanted_by(site);
  std::set<std::string> inodes;
  for (const Bound& bound : taken)
    if (std::any_of(wanted.begin(), wanted.end(), [&](const auto& w) { return clashes(bound, w); }))
      inodes.insert(bound.inode);
  const auto holders = holders_of(machine, inodes);
  Rows rows(all, "port");
  for (const auto& one : wanted) check_port(machine, one, taken, holders, rows);
}

}  // namespace holdfast::doctor
