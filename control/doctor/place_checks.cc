// SPDX-License-Identifier: Apache-2.0
// Folders that the daemons write to: there, writable, with room.
#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;
constexpr uint64_t kLittleRecordsMiB = 1024;
constexpr uint64_t kLegKiB = 2;  // of the dataplane's memory file
constexpr uint64_t kSmallFilesMiB = 16;
// With less nothing starts: sockets and small files need some room, and SQLite's log grows to 1000
// pages of 4 KiB before it is worked in.
constexpr uint64_t kLeastMiB = 1;
constexpr uint64_t kLeastRecordsMiB = 5;

std::string parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// The folder itself, or the nearest above it that exists: there it would be made.
std::string nearest(const Machine& machine, std::string path) {
  while (path != "/" && !machine.exists(path)) path = parent(path);
  return path;
}

struct Place {
  std::string name, folder;
  FolderUse use;
  uint64_t least_mib, little_mib;
};

void check_place(const Machine& machine, const Place& place, Rows& rows) {
  const std::string at = nearest(machine, place.folder);
  const bool is_there = at == place.folder;
  if (const auto wrong = machine.folder_fault(at, is_there ? place.use : FolderUse::kShared);
      !wrong.empty())
    return rows.refuse(place.name, wrong, "correct its rights, or name another folder", true);
  const auto free = machine.free_bytes(at);
  const std::string room = free ? std::to_string(*free / kMiB) + " MiB free" : "room unknown";
  const auto fewer_than = [&](uint64_t mib) {
    return place.folder + ": " + room + ", fewer than " + std::to_string(mib);
  };
  if (free && *free / kMiB < place.least_mib)
    return rows.refuse(place.name, fewer_than(place.least_mib) + ", without which nothing starts",
                       "make room, or name another folder", true);
  if (free && *free / kMiB < place.little_mib)
    return rows.warn(place.name, fewer_than(place.little_mib), "make room, or name another folder");
  rows.ok(place.name, place.folder + (is_there ? ": " : " will be made: ") + room);
}

}  // namespace

void check_places(const Machine& machine, const config::SiteConfig* site, std::vector<Row>& all) {
  Rows rows(all, "folder");
  const config::DataplaneConfig dataplane =
      site == nullptr ? config::DataplaneConfig{} : site->dataplane;
  check_place(machine,
              {"sockets", parent(dataplane.control_socket), FolderUse::kShared, kLeastMiB,
               kSmallFilesMiB + dataplane.max_legs * kLegKiB / 1024},
              rows);
  if (site == nullptr) return;
  if (site->daemon)
    check_place(machine,
                {"records", site->daemon->storage.directory, FolderUse::kState, kLeastRecordsMiB,
                 kLittleRecordsMiB},
                rows);
  if (site->provision) {
    const auto& provision = site->provision->provision;
    check_place(machine,
                {"phones' files", provision.directory, FolderUse::kState, kLeastMiB,
                 provision.max_store_mib + provision.max_upload_mib},
                rows);
  }
}

}  // namespace holdfast::doctor
