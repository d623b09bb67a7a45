// SPDX-License-Identifier: Apache-2.0
// Whole transfers over a network that loses, doubles and reorders, in virtual time, and files with
// more blocks than block numbers.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "provision-proxy/tftp/transfer.hh"

namespace holdfast::provision {
namespace {

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

char byte_at(uint64_t place) {
  return static_cast<char>((place * 2654435761U) >> 13);
}

// A client of RFC 7440: acknowledges each full window and each gap, and again when the last block
// that it acknowledged comes again.
class Receiver {
 public:
  Receiver(size_t block, uint32_t window) : block_(block), window_(window) {}

  std::optional<std::string> hears(const std::string& datagram) {
    const auto packet = parse_tftp(bytes_of(datagram));
    if (!packet) return std::nullopt;
    if (std::holds_alternative<TftpOack>(*packet)) return tftp_ack(0);
    const auto* data = std::get_if<TftpData>(&*packet);
    if (data == nullptr) return std::nullopt;
    const auto ahead = static_cast<uint16_t>(data->block - static_cast<uint16_t>(blocks_));
    if (ahead >= 0x8000) return std::nullopt;  // had it long ago
    if (ahead == 0 && in_window_ > 0) return std::nullopt;
    if (ahead != 1) {  // a gap, or what was acknowledged comes again: the ACK was lost
      in_window_ = 0;
      return tftp_ack(static_cast<uint16_t>(blocks_));
    }
    for (const uint8_t byte : data->bytes) wrong_ += static_cast<char>(byte) != byte_at(size_++);
    ++blocks_;
    complete_ = data->bytes.size() < block_;
    if (++in_window_ < window_ && !complete_) return std::nullopt;
    in_window_ = 0;
    return tftp_ack(static_cast<uint16_t>(blocks_));
  }
  // It has waited too long.
  std::string asks_again() {
    in_window_ = 0;
    return tftp_ack(static_cast<uint16_t>(blocks_));
  }
  bool complete() const { return complete_; }
  uint64_t size() const { return size_; }
  uint64_t wrong() const { return wrong_; }

 private:
  const size_t block_;
  const uint32_t window_;
  uint32_t in_window_ = 0;
  uint64_t blocks_ = 0;
  uint64_t size_ = 0, wrong_ = 0;
  bool complete_ = false;
};

constexpr uint64_t kPatienceMs = 5000;  // of the client

struct Weather {
  double loss = 0, doubled = 0;
  uint64_t most_delay_ms = 1;  // each datagram draws its own: they overtake each other
};

struct Outcome {
  std::optional<TftpEnd> end;
  TftpTransferCounters counters;
  uint64_t ms = 0;
};

Outcome run(uint64_t file_bytes, uint32_t block, uint32_t window, const Weather& weather,
            unsigned seed, Receiver& receiver) {
  std::mt19937 random(seed);
  const auto chance = [&random] { return static_cast<double>(random()) / 4294967296.0; };
  TftpOptions granted{
      .block_bytes = block, .timeout_s = {}, .window_blocks = window, .transfer_bytes = {}};
  uint64_t now = 0, supplied = 0, heard_ms = 0;
  TftpTransfer transfer(now, TftpMode::octet, granted, file_bytes, {});
  struct Flight {
    bool to_client;
    std::string datagram;
  };
  std::multimap<uint64_t, Flight> sky;
  const auto launch = [&](bool to_client, const std::string& datagram) {
    for (int copies = chance() < weather.doubled ? 2 : 1; copies > 0; --copies)
      if (chance() >= weather.loss)
        sky.emplace(now + 1 + random() % weather.most_delay_ms, Flight{to_client, datagram});
  };
  while (true) {
    while (transfer.wants_bytes()) {
      std::string piece(std::min<uint64_t>(1 + random() % 5000, file_bytes - supplied), '\0');
      for (char& c : piece) c = byte_at(supplied++);
      if (!piece.empty()) transfer.supply({piece.data(), piece.size()});
      if (supplied == file_bytes) transfer.supply_end();
    }
    while (const auto datagram = transfer.next_datagram(now)) launch(true, *datagram);
    if (transfer.ended()) break;
    const uint64_t patience = receiver.complete() ? ~uint64_t{0} : heard_ms + kPatienceMs;
    now = std::min(transfer.deadline_ms(), patience);
    if (sky.empty() || sky.begin()->first > now) {
      transfer.advance(now);
      if (now == patience) launch(false, receiver.asks_again());
      if (now == patience) heard_ms = now;
      continue;
    }
    now = sky.begin()->first;
    const Flight flight = sky.begin()->second;
    sky.erase(sky.begin());
    if (!flight.to_client) {
      transfer.received(now, bytes_of(flight.datagram));
      continue;
    }
    const uint64_t had = receiver.size();
    const auto answer = receiver.hears(flight.datagram);
    if (answer) launch(false, *answer);
    if (receiver.size() != had) heard_ms = now;
  }
  return {transfer.ended(), transfer.counters(), now};
}

TEST(TftpTransferLoss, AGoodNetworkSendsEachBlockOnce) {
  for (const uint32_t window : {1U, 2U, 7U, 16U}) {
    Receiver receiver(512, window);
    const auto outcome = run(1'000'000, 512, window, {}, 1, receiver);
    EXPECT_EQ(outcome.end, TftpEnd::done);
    EXPECT_EQ(outcome.counters.data_sent, 1'000'000 / 512 + 1);
    EXPECT_EQ(outcome.counters.timeouts + outcome.counters.rewinds, 0U);
    EXPECT_EQ(receiver.size(), 1'000'000U);
    EXPECT_EQ(receiver.wrong(), 0U);
  }
}

TEST(TftpTransferLoss, ABadNetworkCorruptsNothing) {
  const Weather weathers[] = {{.loss = 0.05, .doubled = 0, .most_delay_ms = 1},
                              {.loss = 0, .doubled = 0.3, .most_delay_ms = 1},
                              {.loss = 0.02, .doubled = 0.1, .most_delay_ms = 20},
                              {.loss = 0.2, .doubled = 0.05, .most_delay_ms = 3}};
  for (const auto& weather : weathers) {
    for (const uint32_t window : {1U, 4U, 16U}) {
      for (unsigned seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(testing::Message()
                     << weather.loss << " " << weather.doubled << " " << window << " " << seed);
        Receiver receiver(64, window);
        const auto outcome = run(64 * 300, 64, window, weather, seed, receiver);
        ASSERT_TRUE(outcome.end == TftpEnd::done || outcome.end == TftpEnd::unconfirmed ||
                    (weather.loss >= 0.2 && outcome.end == TftpEnd::peer_silent))
            << name_of(*outcome.end);
        EXPECT_EQ(receiver.wrong(), 0U);
        if (outcome.end != TftpEnd::peer_silent) {
          EXPECT_TRUE(receiver.complete());
          EXPECT_EQ(receiver.size(), 64U * 300);
        }
        if (window == 1) {  // what is sent again was lost, or its ACK was: a timeout each
          EXPECT_LE(outcome.counters.data_resent, outcome.counters.timeouts);
        }
      }
    }
  }
}

// A network that doubles everything doubles what arrives, not what is sent.
TEST(TftpTransferLoss, NoSorcerersApprentice) {
  for (const uint32_t window : {1U, 8U}) {
    Receiver receiver(512, window);
    const auto outcome =
        run(512 * 1000, 512, window, {.loss = 0, .doubled = 1, .most_delay_ms = 1}, 3, receiver);
    EXPECT_EQ(outcome.end, TftpEnd::done);
    EXPECT_EQ(receiver.wrong(), 0U);
    // A repeated ACK starts a window again once at most.
    EXPECT_LE(outcome.counters.data_sent, window == 1 ? 1001U : 2002U);
  }
}

// 65,536 blocks and more: the number runs on from 65535 to 0. 512-byte blocks: 32 MB.
TEST(TftpTransferLoss, BlockNumbersWrap) {
  const struct {
    uint64_t bytes;
    uint32_t block, window;
    double loss;
  } rows[] = {
      {8 * 65535 - 1, 8, 1, 0},      {8 * 65535, 8, 1, 0},          {8 * 65536, 8, 16, 0.001},
      {8 * 140'000 + 5, 8, 16, 0.0}, {34'000'000, 512, 16, 0.0005},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.bytes);
    Receiver receiver(row.block, row.window);
    const auto outcome = run(row.bytes, row.block, row.window,
                             {.loss = row.loss, .doubled = 0, .most_delay_ms = 1}, 5, receiver);
    EXPECT_EQ(outcome.end, TftpEnd::done);
    EXPECT_EQ(receiver.size(), row.bytes);
    EXPECT_EQ(receiver.wrong(), 0U);
  }
}

}  // namespace
}  // namespace holdfast::provision
