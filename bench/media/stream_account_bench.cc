// SPDX-License-Identifier: Apache-2.0
// What the accounting costs per packet, in order and not, with few streams (cached) and many (not).
#include "media/stream_account.hh"

#include <benchmark/benchmark.h>

#include <vector>

namespace holdfast::media {
namespace {

constexpr uint64_t kStepNs = 20'000'000;

struct Sender {
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
};

// Every stream gets a packet in turn, as 20 ms streams do. One packet in `lost_every` never comes;
// 0: none.
void account(benchmark::State& state, uint32_t lost_every) {
  const auto streams = static_cast<size_t>(state.range(0));
  std::vector<StreamAccount> accounts;
  for (size_t i = 0; i < streams; ++i) accounts.emplace_back(static_cast<uint32_t>(i), 8000U);
  Sender sender;
  uint64_t now = 1'700'000'000'000'000'000;
  uint32_t turn = 0;
  for (auto _ : state) {
    for (StreamAccount& one : accounts) one.on_packet(sender.sequence, sender.timestamp, now);
    const uint32_t step = lost_every != 0 && ++turn % lost_every == 0 ? 2 : 1;
    sender.sequence = static_cast<uint16_t>(sender.sequence + step);
    sender.timestamp += 160 * step;
    now += kStepNs * step + (turn & 0xfffff);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(streams));
}
BENCHMARK_CAPTURE(account, in_order, 0U)->Arg(2)->Arg(200)->Arg(20'000);
BENCHMARK_CAPTURE(account, one_in_50_lost, 50U)->Arg(2)->Arg(200)->Arg(20'000);

// The worst a sender can ask for: each packet leaves a window of alternating holes behind.
void account_worst(benchmark::State& state) {
  StreamAccount one(1, 8000);
  uint16_t sequence = 0;
  uint64_t now = 0;
  for (auto _ : state) {
    for (int i = 0; i < 256; ++i)
      one.on_packet(sequence = static_cast<uint16_t>(sequence + 2), 0, now);
    one.on_packet(sequence = static_cast<uint16_t>(sequence + 512), 0, now);
    now += 1000;
  }
  state.SetItemsProcessed(state.iterations() * 257);
}
BENCHMARK(account_worst);

void report(benchmark::State& state) {
  StreamAccount one(1, 8000);
  for (uint16_t n = 0; n < 2000; ++n)
    if (n % 3 != 0) one.on_packet(n, n * 160U, n * kStepNs);
  for (auto _ : state) benchmark::DoNotOptimize(one.report());
}
BENCHMARK(report);

}  // namespace
}  // namespace holdfast::media

BENCHMARK_MAIN();
