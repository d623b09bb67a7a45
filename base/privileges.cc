// SPDX-License-Identifier: Apache-2.0
// Drops capabilities by the kernel's own interface.
#include "base/privileges.hh"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace holdfast {

std::string drop_capabilities(Keep keep) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::string("no_new_privs cannot be set: ") + std::strerror(errno);
  // Once the set is empty, the bounding set cannot be changed: it goes first. EINVAL: past the
  // last.
  for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct had[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, had) != 0)
    return std::string("capabilities cannot be read: ") + std::strerror(errno);
  const uint32_t kept = keep == Keep::kBindOnly ? had[0].permitted & 1U << CAP_NET_BIND_SERVICE : 0;
  __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = {{kept, kept, 0}, {0, 0, 0}};
  if (::syscall(SYS_capset, &header, left) != 0)
    return std::string("capabilities cannot be dropped: ") + std::strerror(errno);
  return "";
}

EffectiveCapabilities set_effective_capabilities(const EffectiveCapabilities& wanted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return wanted;
  const EffectiveCapabilities had{sets[0].effective, sets[1].effective};
  sets[0].effective = wanted.low & sets[0].permitted;
  sets[1].effective = wanted.high & sets[1].permitted;
  ::syscall(SYS_capset, &header, sets);
  return had;
}

}  // namespace holdfast
