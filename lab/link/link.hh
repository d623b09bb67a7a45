// SPDX-License-Identifier: Apache-2.0
// A link between two interfaces: two directions, the commands that change them, their counters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lab/link/direction.hh"
#include "lab/link/packet_port.hh"

namespace holdfast::lab {

struct LinkOptions {
  std::string interface_a;
  std::string interface_b;
  Rules a_to_b;
  Rules b_to_a;
  uint64_t seed = 1;
  size_t queue_frames = 16384;  // a direction; 300 ms of 50,000 packets/s
};

class Link {
 public:
  explicit Link(const LinkOptions& options);

  std::string open();  // empty, or one line that says why not
  const PacketPort& a() const { return port_a_; }
  const PacketPort& b() const { return port_b_; }

  // Reads one burst of a port into its direction.
  void receive_a(int64_t now_ns) { receive(port_a_, a_to_b_, now_ns); }
  void receive_b(int64_t now_ns) { receive(port_b_, b_to_a_, now_ns); }
  // Sends what is due, both ways.
  void send_due(int64_t now_ns);
  int64_t next_due_ns() const;

  // Carries out one command line and answers in one line: "ok", JSON, or "error: ...".
  std::string command(std::string_view line);
  static std::string command_help();

 private:
  void receive(PacketPort& from, Direction& direction, int64_t now_ns);
  void send_due(Direction& direction, PacketPort& to, int64_t now_ns);
  std::string show();

  LinkOptions options_;
  FramePool pool_;
  PacketPort port_a_;
  PacketPort port_b_;
  Direction a_to_b_;
  Direction b_to_a_;
};

}  // namespace holdfast::lab
