// SPDX-License-Identifier: Apache-2.0
// Any bytes as a TFTP packet, and any packets at a transfer: what is read is written back alike,
// paths stay in the tree, and no transfer sends more than its windows allow or never ends.
#include <cstdlib>

#include "provision-proxy/tftp/counters.hh"
#include "provision-proxy/tftp/path.hh"
#include "provision-proxy/tftp/transfer.hh"

using namespace holdfast::provision;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void check_path(std::string_view name) {
  const auto path = normal_path(name);
  if (!path) return;
  require(path->size() > 1 && path->front() == '/' && path->back() != '/');
  require(path->find("//") == std::string::npos && (*path + "/").find("/../") == std::string::npos);
  require(path->find('\\') == std::string::npos && path->find('\0') == std::string::npos);
  const auto again = normal_path(*path);
  require(again && *again == *path);
  for (const char c : target_of_path(*path)) require(c > 0x20 && c < 0x7f && c != '?' && c != '#');
}

void check_packet(std::span<const uint8_t> bytes) {
  const auto packet = parse_tftp(bytes);
  if (!packet) {
    require(!name_of(packet.error()).empty() && !text_of(packet.error()).empty());
    return;
  }
  if (const auto* request = std::get_if<TftpRequest>(&*packet)) {
    require(bytes.size() <= kTftpMaxRequestBytes && !request->name.empty());
    check_path(request->name);
    const auto granted = negotiate(*request, 1000, {});
    if (granted.block_bytes) require(*granted.block_bytes >= 8 && *granted.block_bytes <= 1468);
    if (granted.window_blocks) require(*granted.window_blocks >= 1);
    const auto written = tftp_request(*request);
    if (written.size() > kTftpMaxRequestBytes) return;
    const auto again = parse_tftp(bytes_of(written));
    require(again.ok());
    const auto& same = std::get<TftpRequest>(*again);
    require(same.name == request->name && same.options == request->options &&
            same.mode == request->mode && same.write == request->write);
  }
}

// The first bytes choose the transfer; then come packets, each after its length and a wait.
void check_transfer(std::span<const uint8_t> bytes) {
  if (bytes.size() < 4) return;
  TftpOptions granted;
  if (bytes[0] & 1) granted.block_bytes = 8 + bytes[1] % 64;
  if (bytes[0] & 2) granted.window_blocks = 1 + bytes[2] % 16;
  if (bytes[0] & 4) granted.timeout_s = 1;
  const auto mode = bytes[0] & 8 ? TftpMode::netascii : TftpMode::octet;
  const std::string file(size_t{bytes[3]} * 16, '\n');
  TftpTransfer transfer(0, mode, granted, file.size(), {});
  bytes = bytes.subspan(4);
  const size_t most = granted.block_bytes.value_or(512) + 4;
  const uint32_t window = granted.window_blocks.value_or(1);
  uint64_t now = 0;
  const auto drain = [&] {
    uint32_t sent = 0;
    while (const auto datagram = transfer.next_datagram(now)) {
      require(++sent <= window + 1);
      require(datagram->size() <= std::max<size_t>(most, 200));
    }
  };
  while (bytes.size() >= 2) {
    const size_t size = std::min<size_t>(bytes[0] % 32, bytes.size() - 2);
    now += uint64_t{bytes[1]} * 20;
    if (transfer.wants_bytes()) {
      transfer.supply({file.data(), file.size()});
      transfer.supply_end();
    }
    transfer.received(now, bytes.subspan(2, size));
    drain();
    bytes = bytes.subspan(2 + size);
  }
  for (int n = 0; !transfer.ended(); ++n) {
    require(n < 100);
    now = transfer.deadline_ms();
    transfer.advance(now);
    drain();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  check_packet(bytes);
  check_path({reinterpret_cast<const char*>(data), size});
  check_transfer(bytes);
  return 0;
}
