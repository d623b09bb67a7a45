// SPDX-License-Identifier: Apache-2.0
// The options of [media], [storage] and [admin].
#include "control/config/site_options.hh"

namespace holdfast::config {
namespace {

using media::MediaAction;
using Wrong = std::optional<std::string>;

constexpr size_t kMaxDirectory = 200;
constexpr size_t kMaxSocketPath = 107;  // sun_path of Linux, less the closing zero
constexpr std::string_view kActions[] = {"anchor", "refuse", "pass"};
constexpr std::string_view kNotAnchored[] = {"refuse", "pass"};

// What the relay does not carry can be refused or passed around it, never anchored.
Wrong read_not_anchored(const TomlValue& value, MediaAction& out) {
  size_t index = 0;
  if (auto wrong = match_word(value, kNotAnchored, index)) return wrong;
  out = index == 0 ? MediaAction::refuse : MediaAction::pass;
  return std::nullopt;
}

const Option<MediaConfig> kMedia[] = {
    {{"audio", "text", "anchor, refuse, pass", "\"anchor\"",
      "What becomes of audio lines. `anchor`: media flows through us and is accounted for; "
      "`refuse`: the line gets port 0; `pass`: media goes past us.",
      ""},
     [](const TomlValue& v, MediaConfig& c) { return read_word(v, c.policy.audio, kActions); }},
    {{"video", "text", "anchor, refuse, pass", "\"anchor\"", "The same for video.", ""},
     [](const TomlValue& v, MediaConfig& c) { return read_word(v, c.policy.video, kActions); }},
    {{"other-rtp", "text", "anchor, refuse, pass", "\"anchor\"",
      "The same for real-time text (RFC 4103) and other RTP.", ""},
     [](const TomlValue& v, MediaConfig& c) { return read_word(v, c.policy.other_rtp, kActions); }},
    {{"fax", "text", "anchor, refuse, pass", "\"anchor\"", "The same for T.38 (UDPTL).", ""},
     [](const TomlValue& v, MediaConfig& c) { return read_word(v, c.policy.fax, kActions); }},
    {{"dtls", "text", "refuse, pass", "\"refuse\"", "The same for DTLS-SRTP.", ""},
     [](const TomlValue& v, MediaConfig& c) { return read_not_anchored(v, c.policy.dtls); }},
    {{"other", "text", "refuse, pass", "\"refuse\"", "The same for all else.", ""},
     [](const TomlValue& v, MediaConfig& c) { return read_not_anchored(v, c.policy.other); }},
    {{"one-way-s", "whole number", "seconds, 5 to 3600, or 0", "10",
      "An answered call that is not on hold, and of which one side has sent nothing for so long "
      "while the other does, is told of: in the log, `holdfast calls` and its record. 0: never.",
      ""},
     [](const TomlValue& v, MediaConfig& c) -> Wrong {
       if (v.integer() != nullptr && *v.integer() == 0) {
         c.one_way_s = 0;
         return std::nullopt;
       }
       return read_number(v, c.one_way_s, 5, 3600);
     }},
    {{"media-timeout-s", "whole number", "seconds, 10 to 86400, or 0", "90",
      "A call without a media packet in any direction for so long has lost its end, and is ended. "
      "0: never.",
      ""},
     [](const TomlValue& v, MediaConfig& c) -> Wrong {
       if (v.integer() != nullptr && *v.integer() == 0) {
         c.media_timeout_s = 0;
         return std::nullopt;
       }
       return read_number(v, c.media_timeout_s, 10, 86400);
     }},
    {{"hold-timeout-s", "whole number", "seconds, 60 to 86400, or 0", "7200",
      "The same for a call that is on hold.", ""},
     [](const TomlValue& v, MediaConfig& c) -> Wrong {
       if (v.integer() != nullptr && *v.integer() == 0) {
         c.hold_timeout_s = 0;
         return std::nullopt;
       }
       return read_number(v, c.hold_timeout_s, 60, 86400);
     }},
};

const Option<StorageConfig> kStorage[] = {
    {{"directory", "text", "absolute path, at most 200 bytes", "\"/var/lib/holdfast\"",
      "Where holdfastd keeps what outlives it: the database of registrations and call records "
      "(holdfast.db), its keys, and the last good DNS answers. Made at start, for root alone.",
      ""},
     [](const TomlValue& v, StorageConfig& c) { return read_path(v, c.directory, kMaxDirectory); }},
    {{"retention-days", "whole number", "days, 1 to 3660", "92",
      "Call records older than this are deleted.", ""},
     [](const TomlValue& v, StorageConfig& c) {
       return read_number(v, c.retention_days, 1, 3660);
     }},
    {{"max-calls", "whole number", "records, 1000 to 100000000", "1000000",
      "Beyond so many call records the oldest are deleted.", ""},
     [](const TomlValue& v, StorageConfig& c) {
       return read_number(v, c.max_calls, 1000, 100000000);
     }},
};

const Option<AdminConfig> kAdmin[] = {
    {{"listen", "text", "ADDRESS:PORT", "\"127.0.0.1:8070\"",
      "Where the read-only page and API are served, without encryption or password.", ""},
     [](const TomlValue& v, AdminConfig& c) { return read_address(v, 8070, c.listen); }},
    {{"allow-remote", "true or false", "true, false", "false",
      "Whether `listen` may be an address that is not of the loopback. Whoever reaches it reads "
      "who called whom.",
      ""},
     [](const TomlValue& v, AdminConfig& c) { return read_flag(v, c.allow_remote); }},
    {{"socket", "text", "absolute path, at most 107 bytes", "\"/run/holdfast/holdfastd.sock\"",
      "UNIX socket of the `holdfast` command, for root alone.", ""},
     [](const TomlValue& v, AdminConfig& c) { return read_path(v, c.socket, kMaxSocketPath); }},
};

}  // namespace

std::span<const Option<MediaConfig>> media_options() {
  return kMedia;
}
std::span<const Option<StorageConfig>> storage_options() {
  return kStorage;
}
std::span<const Option<AdminConfig>> admin_options() {
  return kAdmin;
}

}  // namespace holdfast::config
