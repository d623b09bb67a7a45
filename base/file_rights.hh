// SPDX-License-Identifier: Apache-2.0
// Files as the daemons may use them: as their user, without the capabilities that pass permissions.
#pragma once

#include <cstdint>
#include <string>

#include "base/privileges.hh"

namespace holdfast {

// For its life the thread that made it passes nobody's permissions, as a daemon after
// drop_capabilities; then it has again what it had. Not shared between threads.
class RightsOfDaemon {
 public:
  RightsOfDaemon();
  ~RightsOfDaemon();
  RightsOfDaemon(const RightsOfDaemon&) = delete;
  RightsOfDaemon& operator=(const RightsOfDaemon&) = delete;

 private:
  EffectiveCapabilities had_;
};

// After EACCES at `path`, with the rights of then: which file or folder on the way is in the way,
// whose it is, and what mends it; begins with ": ". Empty if that cannot be told.
std::string why_denied(const std::string& path);

// Why the file cannot be opened for reading, "PATH: No such file or directory"; empty: it can.
std::string read_fault(const std::string& path);

// Shared: files may be made in it. For state: as make_state_directory (state_file.hh) wants it,
// which closes it to others.
enum class FolderUse : uint8_t { kShared, kState };
// Why the folder, which is there, cannot be used so; empty: it can. Changes nothing.
std::string folder_fault(const std::string& path, FolderUse use);

}  // namespace holdfast
