// SPDX-License-Identifier: Apache-2.0
// Folders that the daemons write to: there, writable, with room.
#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;
constexpr uint64_t kLittleRecordsMiB = 1024;
constexpr uint64_t kLegKiB = 2;  // of the dataplane's memory file
constexpr uint64_t kSmallFilesMiB = 16;

std::string parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// The folder itself, or the nearest above it that exists: there it would be made.
std::string nearest(const Machine& machine, std::string path) {
  while (path != "/" && !machine.exists(path)) path = parent(path);
  return path;
}

void check_place(const Machine& machine, const std::string& name, const std::string& folder,
                 uint64_t little_mib, Rows& rows) {
  const std::string at = nearest(machine, folder);
  if (!machine.writable(at)) {
    return rows.refuse(name, at + " cannot be written", "run as root, or correct its rights", true);
  }
  const auto free = machine.free_bytes(at);
  const std::string room = free ? std::to_string(*free / kMiB) + " MiB free" : "room unknown";
  if (free && *free / kMiB < little_mib) {
    return rows.warn(name, folder + ": " + room + ", fewer than " + std::to_string(little_mib),
                     "make room, or name another folder");
  }
  rows.ok(name, folder + (at == folder ? ": " : " will be made: ") + room);
}

}  // namespace

void check_places(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& all) {
  Rows rows(all, "folder");
  const config::DataplaneConfig dataplane =
      site == nullptr ? config::DataplaneConfig{} : site->dataplane;
  check_place(machine, "sockets", parent(dataplane.control_socket),
              kSmallFilesMiB + dataplane.max_legs * kLegKiB / 1024, rows);
  if (site == nullptr) return;
  if (site->daemon)
    check_place(machine, "records", site->daemon->storage.directory, kLittleRecordsMiB, rows);
  if (site->provision) {
    const auto& provision = site->provision->provision;
    check_place(machine, "phones' files", provision.directory,
                provision.max_store_mib + provision.max_upload_mib, rows);
  }
}

}  // namespace holdfast::doctor
