// SPDX-License-Identifier: Apache-2.0
// Reads and writes the six packets of TFTP.
#include "provision-proxy/tftp/packet.hh"

#include <algorithm>
#include <limits>

#include "media/endian.hh"

namespace holdfast::provision {
namespace {

constexpr std::string_view kNames[] = {
#define HOLDFAST_X(name, text) #name,
    HOLDFAST_TFTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
constexpr std::string_view kTexts[] = {
#define HOLDFAST_X(name, text) text,
    HOLDFAST_TFTP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Without case: RFC 1350 for modes, RFC 2347 for options.
bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// The next zero-ended text; none: it is not ended.
std::optional<std::string_view> take_text(std::string_view& rest) {
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const auto text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

// Decimal digits alone. What does not fit becomes the largest.
std::optional<uint64_t> number(std::string_view text, uint64_t most) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    value = value > (most - digit) / 10 ? most : value * 10 + digit;
  }
  return value;
}

template <typename Number>
std::optional<TftpReject> set_option(std::optional<Number>& place, std::string_view value) {
  if (place) return TftpReject::tftp_option_twice;
  const auto found = number(value, std::numeric_limits<Number>::max());
  if (!found) return TftpReject::tftp_option_not_a_number;
  place = static_cast<Number>(*found);
  return std::nullopt;
}

std::optional<TftpReject> add_option(TftpOptions& options, std::string_view name,
                                     std::string_view value) {
  if (same(name, "blksize")) return set_option(options.block_bytes, value);
  if (same(name, "timeout")) return set_option(options.timeout_s, value);
  if (same(name, "windowsize")) return set_option(options.window_blocks, value);
  if (same(name, "tsize")) return set_option(options.transfer_bytes, value);
  return std::nullopt;
}

Result<TftpOptions, TftpReject> parse_options(std::string_view rest) {
  TftpOptions options;
  for (size_t count = 0; !rest.empty(); ++count) {
    if (rest.find_first_not_of('\0') == std::string_view::npos) break;  // padding
    if (count == kTftpMaxOptions) return TftpReject::tftp_too_many_options;
    const auto name = take_text(rest);
    if (!name) return TftpReject::tftp_unterminated;
    if (name->empty()) return TftpReject::tftp_option_unnamed;
    if (rest.empty()) return TftpReject::tftp_option_no_value;
    const auto value = take_text(rest);
    if (!value) return TftpReject::tftp_unterminated;
    if (const auto wrong = add_option(options, *name, *value)) return *wrong;
  }
  return options;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

Result<TftpPacket, TftpReject> parse_request(std::string_view rest, bool write) {
  if (rest.size() + 2 > kTftpMaxRequestBytes) return TftpReject::tftp_too_long;
  TftpRequest request;
  request.write = write;
  const auto name = take_text(rest);
  if (!name) return TftpReject::tftp_unterminated;
  if (name->empty()) return TftpReject::tftp_no_name;
  if (name->size() > kTftpMaxNameBytes) return TftpReject::tftp_name_too_long;
  if (std::any_of(name->begin(), name->end(), is_control)) return TftpReject::tftp_name_control;
  request.name = *name;
  const auto mode = take_text(rest);
  if (!mode) return TftpReject::tftp_unterminated;
  if (same(*mode, "octet")) {
    request.mode = TftpMode::octet;
  } else if (same(*mode, "netascii")) {
    request.mode = TftpMode::netascii;
  } else {
    return TftpReject::tftp_bad_mode;  // "mail" too, which RFC 1350 calls obsolete
  }
  const auto options = parse_options(rest);
  if (!options) return options.error();
  request.options = *options;
  return TftpPacket(request);
}

void put_be16(std::string& out, uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

std::string start(TftpOpcode opcode) {
  std::string out;
  put_be16(out, static_cast<uint16_t>(opcode));
  return out;
}

void put_text(std::string& out, std::string_view text) {
  out += text;
  out += '\0';
}

void put_options(std::string& out, const TftpOptions& options) {
  const auto put = [&out](std::string_view name, const auto& value) {
    if (!value) return;
    put_text(out, name);
    put_text(out, std::to_string(*value));
  };
  put("blksize", options.block_bytes);
  put("timeout", options.timeout_s);
  put("tsize", options.transfer_bytes);
  put("windowsize", options.window_blocks);
}

}  // namespace

std::string_view name_of(TftpReject reject) {
  return reject < TftpReject::count ? kNames[static_cast<size_t>(reject)] : "";
}
std::string_view text_of(TftpReject reject) {
  return reject < TftpReject::count ? kTexts[static_cast<size_t>(reject)] : "";
}

Result<TftpPacket, TftpReject> parse_tftp(std::span<const uint8_t> datagram) {
  if (datagram.size() < 2) return TftpReject::tftp_too_short;
  const auto opcode = static_cast<TftpOpcode>(load_be16(datagram.data()));
  const auto body = datagram.subspan(2);
  const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
  switch (opcode) {
    case TftpOpcode::rrq:
    case TftpOpcode::wrq:
      return parse_request(text, opcode == TftpOpcode::wrq);
    case TftpOpcode::data:
      if (body.size() < 2) return TftpReject::tftp_too_short;
      if (body.size() > 2 + size_t{kTftpMaxBlockBytes}) return TftpReject::tftp_too_long;
      return TftpPacket(TftpData{load_be16(body.data()), body.subspan(2)});
    case TftpOpcode::ack:
      if (body.size() < 2) return TftpReject::tftp_too_short;
      if (body.size() > 2) return TftpReject::tftp_too_long;
      return TftpPacket(TftpAck{load_be16(body.data())});
    case TftpOpcode::error: {
      if (body.size() < 2) return TftpReject::tftp_too_short;
      auto message = text.substr(2);
      message = message.substr(0, message.find('\0'));
      return TftpPacket(
          TftpErrorPacket{load_be16(body.data()), message.substr(0, kTftpMaxErrorText)});
    }
    case TftpOpcode::oack: {
      if (body.size() + 2 > kTftpMaxRequestBytes) return TftpReject::tftp_too_long;
      const auto options = parse_options(text);
      if (!options) return options.error();
      return TftpPacket(TftpOack{*options});
    }
  }
  return TftpReject::tftp_bad_opcode;
}

std::string tftp_request(const TftpRequest& request) {
  std::string out = start(request.write ? TftpOpcode::wrq : TftpOpcode::rrq);
  put_text(out, request.name);
  put_text(out, request.mode == TftpMode::octet ? "octet" : "netascii");
  put_options(out, request.options);
  return out;
}

std::string tftp_data_header(uint16_t block) {
  std::string out = start(TftpOpcode::data);
  put_be16(out, block);
  return out;
}

std::string tftp_ack(uint16_t block) {
  std::string out = start(TftpOpcode::ack);
  put_be16(out, block);
  return out;
}

std::string tftp_error(TftpErrorCode code, std::string_view text) {
  std::string out = start(TftpOpcode::error);
  put_be16(out, static_cast<uint16_t>(code));
  text = text.substr(0, std::min(text.find('\0'), kTftpMaxErrorText));
  put_text(out, text);
  return out;
}

std::string tftp_oack(const TftpOptions& options) {
  std::string out = start(TftpOpcode::oack);
  put_options(out, options);
  return out;
}

TftpOptions negotiate(const TftpRequest& request, std::optional<uint64_t> file_bytes,
                      const TftpPolicy& policy) {
  const auto& asked = request.options;
  TftpOptions granted;
  if (asked.block_bytes && *asked.block_bytes >= kTftpMinBlockBytes)
    granted.block_bytes = std::min<uint32_t>(*asked.block_bytes, policy.max_block_bytes);
  if (asked.timeout_s && *asked.timeout_s >= 1 && *asked.timeout_s <= policy.max_timeout_s)
    granted.timeout_s = asked.timeout_s;
  if (asked.window_blocks && *asked.window_blocks >= 1)
    granted.window_blocks = std::min<uint32_t>(*asked.window_blocks, policy.max_window_blocks);
  if (asked.transfer_bytes && request.mode == TftpMode::octet && file_bytes != 0)
    granted.transfer_bytes = file_bytes;
  return granted;
}

}  // namespace holdfast::provision
