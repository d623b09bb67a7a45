// SPDX-License-Identifier: Apache-2.0
// A read transfer step by step: windows, timeouts, repeated and late ACKs, every end.
#include "provision-proxy/tftp/transfer.hh"

#include <gtest/gtest.h>

#include <vector>

#include "media/endian.hh"

namespace holdfast::provision {
namespace {

using namespace std::string_literals;

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A transfer and what it says, in words: "D3" is DATA of block 3, "OACK", "E4" is ERROR 4.
class Talk {
 public:
  Talk(const TftpOptions& granted, const std::string& file, TftpMode mode = TftpMode::octet,
       const TftpTimes& times = {})
      : transfer(0, mode, granted, file.size(), times) {
    transfer.supply({file.data(), file.size()});
    transfer.supply_end();
  }

  std::string said() {
    std::string words;
    while (const auto datagram = transfer.next_datagram(now)) {
      const auto packet = parse_tftp(bytes_of(*datagram));
      EXPECT_TRUE(packet);
      words += words.empty() ? "" : " ";
      if (const auto* data = std::get_if<TftpData>(&*packet)) {
        words += "D" + std::to_string(data->block);
        last = std::string(data->bytes.begin(), data->bytes.end());
      } else if (const auto* error = std::get_if<TftpErrorPacket>(&*packet)) {
        words += "E" + std::to_string(error->code);
      } else {
        words += "OACK";
      }
    }
    return words;
  }
  std::string hears(const std::string& datagram) {
    transfer.received(now, bytes_of(datagram));
    return said();
  }
  std::string ack(uint16_t block) { return hears(tftp_ack(block)); }
  std::string wait(uint64_t ms) {
    now += ms;
    transfer.advance(now);
    return said();
  }

  uint64_t now = 0;
  TftpTransfer transfer;
  std::string last;  // block
};

TftpOptions blocks(uint32_t bytes, uint32_t window) {
  return {.block_bytes = bytes, .timeout_s = {}, .window_blocks = window, .transfer_bytes = {}};
}

TEST(TftpTransfer, GoesBlockByBlock) {
  Talk talk({}, std::string(512, 'a') + "bc");
  EXPECT_EQ(talk.said(), "D1");
  EXPECT_EQ(talk.last, std::string(512, 'a'));
  EXPECT_EQ(talk.ack(1), "D2");
  EXPECT_EQ(talk.last, "bc");
  EXPECT_EQ(talk.ack(2), "");
  EXPECT_EQ(talk.transfer.ended(), TftpEnd::done);
  EXPECT_EQ(talk.transfer.counters().bytes_acked, 514U);
  EXPECT_EQ(talk.transfer.deadline_ms(), ~uint64_t{0});
}

// RFC 1350 section 2: a block that is not full ends it, if need be an empty one.
TEST(TftpTransfer, EndsWithABlockThatIsNotFull) {
  Talk full({}, std::string(1024, 'a'));
  EXPECT_EQ(full.said(), "D1");
  EXPECT_EQ(full.ack(1), "D2");
  EXPECT_EQ(full.ack(2), "D3");
  EXPECT_EQ(full.last, "");
  EXPECT_FALSE(full.transfer.ended());
  full.ack(3);
  EXPECT_EQ(full.transfer.ended(), TftpEnd::done);
  Talk empty({}, "");
  EXPECT_EQ(empty.said(), "D1");
  empty.ack(1);
  EXPECT_EQ(empty.transfer.ended(), TftpEnd::done);
}

TEST(TftpTransfer, AnOackIsAcknowledgedFirst) {
  Talk talk(blocks(8, 1), "123456789");
  EXPECT_EQ(talk.said(), "OACK");
  EXPECT_EQ(talk.ack(1), "");  // not yet
  EXPECT_EQ(talk.wait(1000), "OACK");
  EXPECT_EQ(talk.ack(0), "D1");
  EXPECT_EQ(talk.ack(0), "");  // that of the first OACK
  EXPECT_EQ(talk.ack(1), "D2");
  talk.ack(2);
  EXPECT_EQ(talk.transfer.ended(), TftpEnd::done);
}

// RFC 1123 section 4.2.3.1: the Sorcerer's Apprentice. Each ACK comes twice, nothing is sent twice.
TEST(TftpTransfer, ARepeatedAckSendsNothing) {
  Talk talk({}, std::string(512 * 20, 'a'));
  talk.said();
  for (uint16_t n = 1; n <= 21; ++n) {
    talk.ack(n);
    EXPECT_EQ(talk.ack(n), "");
    EXPECT_EQ(talk.ack(static_cast<uint16_t>(n - 1)), "");
  }
  EXPECT_EQ(talk.transfer.ended(), TftpEnd::done);
  EXPECT_EQ(talk.transfer.counters().data_sent, 21U);
  EXPECT_EQ(talk.transfer.counters().data_resent, 0U);
}

// RFC 7440 section 4.
TEST(TftpTransfer, SendsAWindowAtATime) {
  Talk talk(blocks(8, 4), std::string(8 * 9 + 3, 'a'));
  EXPECT_EQ(talk.said(), "OACK");
  EXPECT_EQ(talk.ack(0), "D1 D2 D3 D4");
  EXPECT_EQ(talk.ack(4), "D5 D6 D7 D8");
  EXPECT_EQ(talk.ack(6), "D7 D8 D9 D10");  // the seventh was lost
  EXPECT_EQ(talk.ack(6), "");              // told again for the eighth
  EXPECT_EQ(talk.transfer.counters().rewinds, 1U);
  EXPECT_EQ(talk.ack(10), "");
  EXPECT_EQ(talk.transfer.ended(), TftpEnd::done);
}

TEST(TftpTransfer, TheFirstBlockOfAWindowIsLost) {
  Talk talk(blocks(8, 3), std::string(8 * 5, 'a'));
  talk.said();
  EXPECT_EQ(talk.ack(0), "D1 D2 D3");
  EXPECT_EQ(talk.ack(0), "D1 D2 D3");  // believed
  EXPECT_EQ(talk.ack(0), "");          // once
  EXPECT_EQ(talk.wait(1000), "D1 D2 D3");
  EXPECT_EQ(talk.ack(0), "D1 D2 D3");  // and once more after a timeout
  EXPECT_EQ(talk.ack(3), "D4 D5 D6");
}

TEST(TftpTransfer, ALateAckOfWhatWasSentAgainIsProgress) {
  Talk talk(blocks(8, 4), std::string(8 * 8, 'a'));
  talk.said();
  talk.ack(0);
  EXPECT_EQ(talk.wait(1000), "D1 D2 D3 D4");
  EXPECT_EQ(talk.ack(4), "D5 D6 D7 D8");
  EXPECT_EQ(talk.ack(4),
            "D5 D6 D7 D8");  // of the window that was sent again: bounded, see rewound_
  EXPECT_EQ(talk.ack(4), "");
  EXPECT_EQ(talk.ack(9), "");  // never sent
  EXPECT_EQ(talk.ack(65535), "");
  EXPECT_EQ(talk.transfer.counters().stale_acks, 2U);
}

TEST(TftpTransfer, TimeoutsDouble) {
  Talk talk({}, std::string(600, 'a'));
  EXPECT_EQ(talk.said(), "D1");
  for (const uint64_t ms : {1000U, 2000U, 4000U, 4000U, 4000U, 4000U}) {
    EXPECT_EQ(talk.wait(ms - 1), "");
    EXPECT_EQ(talk.wait(1), "D1") << ms;
  }
  EXPECT_EQ(talk.wait(4000), "");
  EXPECT_EQ(talk.transfer.ended(), TftpEnd::peer_silent);
}

TEST(TftpTransfer, ProgressEndsTheDoubling) {
  Talk talk({}, std::string(2000, 'a'));
  talk.said();
  talk.wait(1000);
  EXPECT_EQ(talk.wait(2000), "D1");
  EXPECT_EQ(talk.ack(1), "D2");
  EXPECT_EQ(talk.wait(999), "");
  EXPECT_EQ(talk.wait(1), "D2");
}

// RFC 2349: the interval that the client named, each time.
TEST(TftpTransfer, ANamedTimeoutStays) {
  Talk talk({.block_bytes = {}, .timeout_s = 3, .window_blocks = {}, .transfer_bytes = {}}, "abc");
  EXPECT_EQ(talk.said(), "OACK");
  for (int n = 1; n < 7; ++n) {
    EXPECT_EQ(talk.wait(2999), "");
    EXPECT_EQ(talk.wait(1), "OACK");
  }
  talk.wait(3000);
  EXPECT_EQ(talk.transfer.ended(), TftpEnd::peer_silent);
}

TEST(TftpTransfer, TheLastAckIsLost) {
  Talk talk({}, "abc");
  EXPECT_EQ(talk.said(), "D1");
  while (!talk.transfer.ended()) talk.wait(4000);
  EXPECT_EQ(talk.transfer.ended(), TftpEnd::unconfirmed);
  EXPECT_EQ(talk.transfer.counters().data_sent, 7U);
}

TEST(TftpTransfer, WhatTheClientMaySay) {
  const struct {
    const char* name;
    std::string datagram;
    std::optional<TftpEnd> end;
    const char* answer;
  } rows[] = {
      {"an error", tftp_error(TftpErrorCode::disk_full, "full"), TftpEnd::peer_error, ""},
      {"an error of no known code", "\0\5\1\1"s, TftpEnd::peer_error, ""},
      {"its request again", "\0\1a\0octet\0"s, {}, ""},
      {"a write", "\0\2a\0octet\0"s, TftpEnd::peer_illegal, "E4"},
      {"data", "\0\3\0\1abc"s, TftpEnd::peer_illegal, "E4"},
      {"options", "\0\6"s, TftpEnd::peer_illegal, "E4"},
      {"noise", "\xff\xff"s, {}, ""},
      {"an ACK with a tail", "\0\4\0\1\0"s, {}, ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    Talk talk({}, std::string(600, 'a'));
    talk.said();
    EXPECT_EQ(talk.hears(row.datagram), row.answer);
    EXPECT_EQ(talk.transfer.ended(), row.end);
    EXPECT_EQ(talk.ack(1), row.end ? "" : "D2");
  }
}

// Pieces come when they come; the client hears nothing meanwhile, and no timer runs against it.
TEST(TftpTransfer, WaitsForTheFile) {
  TftpTransfer transfer(0, TftpMode::octet, {}, std::nullopt, {});
  EXPECT_TRUE(transfer.wants_bytes());
  EXPECT_FALSE(transfer.next_datagram(0));
  EXPECT_EQ(transfer.deadline_ms(), TftpTimes{}.max_transfer_ms);
  const std::string piece(512, 'a');
  transfer.supply({piece.data(), 511});
  EXPECT_FALSE(transfer.next_datagram(5)) << "it could be the last, or not";
  transfer.supply({piece.data(), 1});
  EXPECT_TRUE(transfer.next_datagram(5));
  transfer.supply({piece.data(), 512});
  EXPECT_FALSE(transfer.wants_bytes());
  transfer.received(9, bytes_of(tftp_ack(1)));
  EXPECT_TRUE(transfer.wants_bytes());
  transfer.supply_end();
  EXPECT_FALSE(transfer.wants_bytes());
  EXPECT_TRUE(transfer.next_datagram(9));
  transfer.received(9, bytes_of(tftp_ack(2)));
  EXPECT_EQ(transfer.next_datagram(9), tftp_data_header(3));
}

TEST(TftpTransfer, TheFileFails) {
  const std::string piece(600, 'a');
  const struct {
    const char* name;
    std::optional<uint64_t> size;
    void (*then)(TftpTransfer&);
    TftpEnd end;
  } rows[] = {
      {"broken off", {}, [](TftpTransfer& t) { t.supply_failed(); }, TftpEnd::source_failed},
      {"shorter than said", 601, [](TftpTransfer& t) { t.supply_end(); }, TftpEnd::size_differs},
      {"longer than said", 600,
       [](TftpTransfer& t) {
         t.supply({"b", 1});
       },
       TftpEnd::size_differs},
      {"longer than an hour", {}, [](TftpTransfer& t) { t.advance(3'600'000); }, TftpEnd::too_slow},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    TftpTransfer transfer(0, TftpMode::octet, {}, row.size, {});
    transfer.supply({piece.data(), piece.size()});
    transfer.next_datagram(0);
    row.then(transfer);
    EXPECT_EQ(transfer.ended(), row.end);
    const auto error = transfer.next_datagram(0);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->substr(0, 4), "\0\5\0\0"s);
    EXPECT_FALSE(transfer.next_datagram(0)) << "said once";
    transfer.supply_end();
    transfer.received(1, bytes_of(tftp_ack(1)));
    EXPECT_EQ(transfer.ended(), row.end);
    EXPECT_FALSE(text_of(row.end).empty());
  }
}

TEST(TftpTransfer, NetasciiCountsAsEncoded) {
  Talk talk({}, "a\nb\r\nc\r", TftpMode::netascii);
  EXPECT_EQ(talk.said(), "D1");
  EXPECT_EQ(talk.last, "a\r\nb\r\0\r\nc\r\0"s);
  // 511 bytes and a line feed are one block and a byte of the next.
  Talk split({}, std::string(511, 'x') + "\n", TftpMode::netascii);
  EXPECT_EQ(split.said(), "D1");
  EXPECT_EQ(split.last.back(), '\r');
  EXPECT_EQ(split.ack(1), "D2");
  EXPECT_EQ(split.last, "\n");
}

}  // namespace
}  // namespace holdfast::provision
