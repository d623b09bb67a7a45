// SPDX-License-Identifier: Apache-2.0
// Waits for a queue that a dead process had.
//
// The kernel gives a queue back some time after the process has ended: a worker of its own does it,
// later where the machine is busy. A successor that comes at once gets EBUSY, and DPDK's af_xdp
// driver (22.11) would give up. So the driver's call comes here (--wrap=xsk_socket__create); libxdp
// lets it be made again.
#include <xdp/xsk.h>

#include <cerrno>
#include <chrono>
#include <thread>

extern "C" int libxdp_socket_create(
    xsk_socket** socket, const char* interface, uint32_t queue, xsk_umem* umem, xsk_ring_cons* rx,
    xsk_ring_prod* tx, const xsk_socket_config* config) asm("__real_xsk_socket__create");
extern "C" int wait_and_create(xsk_socket** socket, const char* interface, uint32_t queue,
                               xsk_umem* umem, xsk_ring_cons* rx, xsk_ring_prod* tx,
                               const xsk_socket_config* config) asm("__wrap_xsk_socket__create");

// Start-up only: it sleeps, a second at most. Then another program has the queue.
extern "C" int wait_and_create(xsk_socket** socket, const char* interface, uint32_t queue,
                               xsk_umem* umem, xsk_ring_cons* rx, xsk_ring_prod* tx,
                               const xsk_socket_config* config) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (;;) {
    const int error = libxdp_socket_create(socket, interface, queue, umem, rx, tx, config);
    if (error != -EBUSY || std::chrono::steady_clock::now() > end) return error;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}
