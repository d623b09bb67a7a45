// SPDX-License-Identifier: Apache-2.0
// TFTP packets byte by byte: what is read, what is refused and why, what is granted.
#include "provision-proxy/tftp/packet.hh"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::provision {
namespace {

using namespace std::string_literals;
using enum TftpReject;

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
const auto parse = [](const std::string& text) { return parse_tftp(bytes_of(text)); };

struct GoodRequest {
  const char* name;
  std::string bytes;
  bool write;
  std::string file;
  TftpMode mode;
  TftpOptions options;
};

TEST(TftpPacket, ReadsRequests) {
  const std::string longest(kTftpMaxNameBytes, 'a');
  const GoodRequest rows[] = {
      {"RFC 1350 5: RRQ", "\0\1sip100.img\0octet\0"s, false, "sip100.img", TftpMode::octet, {}},
      {"RFC 1350 5: WRQ", "\0\2a\0octet\0"s, true, "a", TftpMode::octet, {}},
      {"RFC 1350 5: mode in any case", "\0\1a\0NetAscii\0"s, false, "a", TftpMode::netascii, {}},
      {"a space and UTF-8 are names",
       "\0\1\xc3\xa9 b\0octet\0"s,
       false,
       "\xc3\xa9 b",
       TftpMode::octet,
       {}},
      {"the longest name", "\0\1"s + longest + "\0octet\0"s, false, longest, TftpMode::octet, {}},
      {"RFC 2348: blksize",
       "\0\1a\0octet\0blksize\0001428\0"s,
       false,
       "a",
       TftpMode::octet,
       {.block_bytes = 1428, .timeout_s = {}, .window_blocks = {}, .transfer_bytes = {}}},
      {"RFC 2347: names in any case, all four",
       "\0\1a\0octet\0TSIZE\0000\0BlkSize\0008\0timeout\00042\0windowsize\00016\0"s,
       false,
       "a",
       TftpMode::octet,
       {.block_bytes = 8, .timeout_s = 42, .window_blocks = 16, .transfer_bytes = 0}},
      {"RFC 2347: others are skipped",
       "\0\1a\0octet\0multicast\0\0x\0y\0"s,
       false,
       "a",
       TftpMode::octet,
       {}},
      {"a number too large is the largest",
       "\0\1a\0octet\0blksize\00099999999999999999999999\0"s,
       false,
       "a",
       TftpMode::octet,
       {.block_bytes = 4294967295U, .timeout_s = {}, .window_blocks = {}, .transfer_bytes = {}}},
      {"zeros are padding",
       "\0\1a\0octet\0tsize\0000\0\0\0\0"s,
       false,
       "a",
       TftpMode::octet,
       {.block_bytes = {}, .timeout_s = {}, .window_blocks = {}, .transfer_bytes = 0}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto packet = parse(row.bytes);
    ASSERT_TRUE(packet) << name_of(packet.error());
    const auto* request = std::get_if<TftpRequest>(&*packet);
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->write, row.write);
    EXPECT_EQ(request->name, row.file);
    EXPECT_EQ(request->mode, row.mode);
    EXPECT_EQ(request->options, row.options);
  }
}

TEST(TftpPacket, RefusesByName) {
  const std::string request = "\0\1a\0octet\0"s;
  std::string many = request;
  for (size_t n = 0; n <= kTftpMaxOptions; ++n) many += "x\0y\0"s;
  const struct {
    const char* name;
    std::string bytes;
    TftpReject reject;
  } rows[] = {
      {"nothing", "", tftp_too_short},
      {"half an opcode", "\0"s, tftp_too_short},
      {"opcode 0", "\0\0"s, tftp_bad_opcode},
      {"opcode 7", "\0\7"s, tftp_bad_opcode},
      {"opcode 256: little-endian RRQ", "\1\0a\0octet\0"s, tftp_bad_opcode},
      {"RRQ alone", "\0\1"s, tftp_unterminated},
      {"a name without end", "\0\1abc"s, tftp_unterminated},
      {"no name", "\0\1\0octet\0"s, tftp_no_name},
      {"a name too long", "\0\1"s + std::string(kTftpMaxNameBytes + 1, 'a') + "\0octet\0"s,
       tftp_name_too_long},
      {"a line break in the name", "\0\1a\nb\0octet\0"s, tftp_name_control},
      {"DEL in the name", "\0\1a\x7f\0octet\0"s, tftp_name_control},
      {"no mode", "\0\1a\0"s, tftp_unterminated},
      {"a mode without end", "\0\1a\0octet"s, tftp_unterminated},
      {"RFC 1350: mail is obsolete", "\0\2a\0mail\0"s, tftp_bad_mode},
      {"an empty mode", "\0\1a\0\0"s, tftp_bad_mode},
      {"a mode that goes on", "\0\1a\0octets\0"s, tftp_bad_mode},
      {"an option without value", request + "tsize\0"s, tftp_option_no_value},
      {"an option without end", request + "tsize"s, tftp_unterminated},
      {"a value without end", request + "tsize\0000"s, tftp_unterminated},
      {"an option without name", request + "\0x\0"s, tftp_option_unnamed},
      {"RFC 2347: only once", request + "tsize\0000\0TSIZE\0000\0"s, tftp_option_twice},
      {"an empty number", request + "blksize\0\0"s + "x\0y\0"s, tftp_option_not_a_number},
      {"a sign", request + "blksize\0+512\0"s, tftp_option_not_a_number},
      {"hexadecimal", request + "timeout\0000x5\0"s, tftp_option_not_a_number},
      {"a blank", request + "windowsize\0 4\0"s, tftp_option_not_a_number},
      {"too many options", many, tftp_too_many_options},
      {"RFC 2347: 512 bytes at most", request + std::string(504, '\0'), tftp_too_long},
      {"DATA without a block number", "\0\3\0"s, tftp_too_short},
      {"DATA too long", "\0\3\0\1"s + std::string(kTftpMaxBlockBytes + 1, 'x'), tftp_too_long},
      {"ACK without a block number", "\0\4\1"s, tftp_too_short},
      {"ACK too long", "\0\4\0\1\0"s, tftp_too_long},
      {"ERROR without a code", "\0\5\0"s, tftp_too_short},
      {"OACK with half an option", "\0\6blksize\0"s, tftp_option_no_value},
      {"OACK too long", "\0\6"s + std::string(511, '\0'), tftp_too_long},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto packet = parse(row.bytes);
    ASSERT_FALSE(packet);
    EXPECT_EQ(name_of(packet.error()), name_of(row.reject));
    EXPECT_FALSE(text_of(packet.error()).empty());
  }
}

TEST(TftpPacket, ReadsWhatIsNoRequest) {
  const auto data = parse("\0\3\xff\xfe"s + "abc");
  ASSERT_TRUE(data);
  EXPECT_EQ(std::get<TftpData>(*data).block, 65534);
  EXPECT_EQ(std::get<TftpData>(*data).bytes.size(), 3U);
  const auto empty = parse("\0\3\0\1"s);  // the last block of a file of full blocks
  ASSERT_TRUE(empty);
  EXPECT_TRUE(std::get<TftpData>(*empty).bytes.empty());
  const auto ack = parse(tftp_ack(0x1234));
  ASSERT_TRUE(ack);
  EXPECT_EQ(std::get<TftpAck>(*ack).block, 0x1234);
  const auto oack = parse("\0\6blksize\0001428\0timeout\0003\0"s);
  ASSERT_TRUE(oack);
  EXPECT_EQ(std::get<TftpOack>(*oack).options.timeout_s, 3U);
  // An ERROR ends a transfer in whatever form it comes.
  for (const auto& text : {"\0\5\0\1gone\0"s, "\0\5\0\1gone"s, "\0\5\0\1gone\0more"s}) {
    const auto error = parse(text);
    ASSERT_TRUE(error);
    EXPECT_EQ(std::get<TftpErrorPacket>(*error).code, 1);
    EXPECT_EQ(std::get<TftpErrorPacket>(*error).text, "gone");
  }
}

TEST(TftpPacket, Writes) {
  EXPECT_EQ(tftp_data_header(0xfffe), "\0\3\xff\xfe"s);
  EXPECT_EQ(tftp_ack(258), "\0\4\1\2"s);
  EXPECT_EQ(tftp_error(TftpErrorCode::option_refused, "no"), "\0\5\0\10no\0"s);
  EXPECT_EQ(tftp_error(TftpErrorCode::undefined, std::string(500, 'x')).size(),
            4 + kTftpMaxErrorText + 1);
  EXPECT_EQ(tftp_error(TftpErrorCode::undefined, "a\0b"s), "\0\5\0\0a\0"s);
  const TftpOptions all{
      .block_bytes = 1428, .timeout_s = 2, .window_blocks = 4, .transfer_bytes = 5000000000};
  EXPECT_EQ(tftp_oack(all),
            "\0\6blksize\0001428\0timeout\0002\0tsize\0005000000000\0windowsize\0004\0"s);
  EXPECT_EQ(tftp_request({false, "a", TftpMode::netascii, {}}), "\0\1a\0netascii\0"s);
}

// What RFC 2348, 2349 and 7440 let a server do with a value.
TEST(TftpPacket, Negotiates) {
  const TftpPolicy policy{.max_block_bytes = 1468, .max_window_blocks = 16, .max_timeout_s = 10};
  const auto octet = TftpMode::octet;
  const struct {
    const char* name;
    TftpMode mode;
    TftpOptions asked;
    std::optional<uint64_t> size;
    TftpOptions granted;
  } rows[] = {
      {"nothing for nothing", octet, {}, 100, {}},
      {"as asked", octet, {1428, 3, 8, 0}, 100, {1428, 3, 8, 100}},
      {"larger than ours", octet, {65464, {}, 65535, {}}, 100, {1468, {}, 16, {}}},
      {"no block that small (2348)", octet, {7, {}, {}, {}}, 100, {}},
      {"the smallest block", octet, {8, {}, {}, {}}, 100, {8, {}, {}, {}}},
      {"windows begin at 1 (7440)", octet, {{}, {}, 0, {}}, 100, {}},
      {"timeouts begin at 1 (2349)", octet, {{}, 0, {}, {}}, 100, {}},
      {"a timeout is granted as asked or not", octet, {{}, 11, {}, {}}, 100, {}},
      {"out of range", octet, {{}, 256, {}, {}}, 100, {}},
      {"a size that is not known", octet, {{}, {}, {}, 0}, {}, {}},
      {"the client's own size is not read", octet, {{}, {}, {}, 77}, 100, {{}, {}, {}, 100}},
      {"an empty file has none to tell", octet, {{}, {}, {}, 0}, 0, {}},
      {"netascii has another size", TftpMode::netascii, {512, {}, {}, 0}, 100, {512, {}, {}, {}}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(negotiate({false, "a", row.mode, row.asked}, row.size, policy), row.granted);
  }
}

}  // namespace
}  // namespace holdfast::provision
