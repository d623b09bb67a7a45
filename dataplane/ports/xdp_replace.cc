// SPDX-License-Identifier: Apache-2.0
// Keeps the steering program that a dead process left, or puts the new one in its place.
//
// DPDK's af_xdp driver (22.11) attaches its program only where there is none. Taking the old one
// off first would cost twice: the kernel waits for all CPUs each time, and many network cards reset
// their link when XDP goes off or on, though not when one program follows another. So the driver's
// call comes here (--wrap=bpf_xdp_attach). A foreign program stays, and the driver fails as it
// would.
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include "dataplane/kernel/xdp_steer.hh"

namespace holdfast::dataplane {

extern "C" int libbpf_xdp_attach(int ifindex, int program, uint32_t flags,
                                 const bpf_xdp_attach_opts* options) asm("__real_bpf_xdp_attach");
extern "C" int replace_or_attach(int ifindex, int program, uint32_t flags,
                                 const bpf_xdp_attach_opts* options) asm("__wrap_bpf_xdp_attach");

extern "C" int replace_or_attach(int ifindex, int program, uint32_t flags,
                                 const bpf_xdp_attach_opts* options) {
  const LeftSteer left = left_steer(static_cast<unsigned>(ifindex), program);
  if (left.program < 0) return libbpf_xdp_attach(ifindex, program, flags, options);
  bpf_xdp_attach_opts in_its_place{};
  in_its_place.sz = sizeof in_its_place;
  in_its_place.old_prog_fd = left.program;  // so that another one attached meanwhile is not hit
  const int error = left.same
                        ? 0  // its socket comes by steer_to()
                        : libbpf_xdp_attach(ifindex, program, flags & ~XDP_FLAGS_UPDATE_IF_NOEXIST,
                                            &in_its_place);
  close(left.program);
  return error;
}

}  // namespace holdfast::dataplane
