// SPDX-License-Identifier: Apache-2.0
// SDP (RFC 8866): checks a body once, then shows its lines and the few fields that anchoring needs.
//
// A body is a list of lines. What is not understood is kept byte for byte; nothing is reordered.
// Views point into the caller's bytes and live no longer than these. Safe on any bytes, bounded by
// sdp_limits.hh; any thread. docs/sdp.md says what is tolerated and why.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "media/address.hh"
#include "media/result.hh"

namespace holdfast::media {

// Every reason to refuse an SDP body: X(name, what is wrong). The names are counter names.
#define HOLDFAST_SDP_REJECTS(X)                                                              \
  X(sdp_empty, "no line at all")                                                             \
  X(sdp_too_long, "longer than 64 KiB")                                                      \
  X(sdp_too_many_lines, "more than 512 lines")                                               \
  X(sdp_too_many_media, "more than 16 m= lines")                                             \
  X(sdp_bad_line, "a line is not a small letter, = and text, or holds NUL or a stray CR")    \
  X(sdp_no_version, "does not begin with v=0")                                               \
  X(sdp_repeated_line, "a second v= or o= line, or a second c= in one section")              \
  X(sdp_bad_origin, "o= has fewer than six fields, or its address is no IN IP4 or IN IP6")   \
  X(sdp_bad_media, "m= lacks media, port, protocol or formats, or one is too long")          \
  X(sdp_bad_port, "the port of m= is no number from 0 to 65535, or its count none from 1")   \
  X(sdp_bad_address, "c= is no IN IP4 or IN IP6 with an address of that family or a name")   \
  X(sdp_multicast, "c= is a multicast or broadcast address: a relay has two ends")           \
  X(sdp_no_connection, "an m= line in use has no c=, neither of its own nor of the session") \
  X(sdp_bad_rtcp, "a=rtcp is no port with, at most, an address")                             \
  X(sdp_port_count, "an m= line to anchor asks for several ports (RFC 8866 section 5.14)")   \
  X(sdp_plan_mismatch, "the plan does not fit: count of m= lines, or no local address")

enum class SdpReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_SDP_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(SdpReject reject);
std::string_view text_of(SdpReject reject);

struct SdpLine {
  char type = 0;           // a to z
  std::string_view value;  // after the =, without the line's end, as it came
};

// a=name or a=name:value.
struct SdpAttribute {
  std::string_view name;
  std::string_view value;
};
// Of a line of type a.
SdpAttribute attribute_of(const SdpLine& line);

// o= (section 5.2). A user name with blanks in it, which the grammar forbids, is taken whole.
struct SdpOrigin {
  std::string_view user;
  std::string_view session_id;
  std::string_view version;
};

// c= (section 5.7).
struct SdpConnection {
  IpAddress ip;           // none: host is a name
  std::string_view host;  // as it stands there, without a /suffix
};

// m= (section 5.14) and its section.
struct SdpMedia {
  std::string_view media;
  std::string_view port_text;  // the port with its count, as it came
  uint16_t port = 0;           // 0: refused or switched off
  uint16_t port_count = 1;
  std::string_view proto;
  std::string_view formats;  // the rest of the line
  std::optional<SdpConnection> own_connection;
  size_t first_line = 0;  // that of m=
  size_t line_count = 0;
};

// A checked body.
class Sdp {
 public:
  std::span<const SdpLine> session_lines() const;  // all before the first m=
  std::span<const SdpMedia> media() const { return media_; }
  std::span<const SdpLine> lines_of(const SdpMedia& media) const;  // m= first
  const std::optional<SdpOrigin>& origin() const { return origin_; }
  const std::optional<SdpConnection>& session_connection() const { return connection_; }
  // The section's own c=, else the session's. Absent only where the port is 0.
  const std::optional<SdpConnection>& connection_of(const SdpMedia& media) const;

 private:
  friend class SdpParser;
  Sdp() = default;
  std::vector<SdpLine> lines_;
  std::vector<SdpMedia> media_;
  std::optional<SdpOrigin> origin_;
  std::optional<SdpConnection> connection_;
};

Result<Sdp, SdpReject> parse_sdp(std::string_view text);

}  // namespace holdfast::media
