// SPDX-License-Identifier: Apache-2.0
// What it costs to classify and parse RTP: bursts of 32 packets, all in the first-level cache.
#include "media/rtp_packet.hh"

#include <benchmark/benchmark.h>

#include <array>
#include <vector>

namespace holdfast::media {
namespace {

constexpr size_t kBurst = 32;

std::vector<std::array<uint8_t, 172>> packets(uint8_t first_byte) {
  std::vector<std::array<uint8_t, 172>> burst(kBurst);
  for (auto& bytes : burst) bytes[0] = first_byte;
  return burst;
}

void parse(benchmark::State& state, uint8_t first_byte) {
  const auto burst = packets(first_byte);
  uint32_t sum = 0;
  for (auto _ : state) {
    for (const auto& bytes : burst) {
      if (classify(bytes) != MediaKind::rtp) continue;
      const auto packet = parse_rtp(bytes);
      if (packet) sum += packet->sequence + packet->payload_length;
    }
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * int64_t{kBurst});
}
BENCHMARK_CAPTURE(parse, plain, uint8_t{0x80});
BENCHMARK_CAPTURE(parse, with_extension, uint8_t{0x90});
BENCHMARK_CAPTURE(parse, refused, uint8_t{0xb0});

// The limit: loading the three words of each header and looking at nothing.
void load_only(benchmark::State& state) {
  const auto burst = packets(0x80);
  uint32_t sum = 0;
  for (auto _ : state) {
    for (const auto& bytes : burst)
      sum += load_be32(bytes.data()) + load_be32(bytes.data() + 4) + load_be32(bytes.data() + 8);
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * int64_t{kBurst});
}
BENCHMARK(load_only);

}  // namespace
}  // namespace holdfast::media

BENCHMARK_MAIN();
