// SPDX-License-Identifier: Apache-2.0
// The options of [provision] and [[provision-class]].
#include "provision-proxy/config/provision_options.hh"

#include <algorithm>

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;

constexpr size_t kMaxDirectory = 200;
constexpr size_t kMaxSocketPath = 107;  // sun_path of Linux, less the closing zero
constexpr size_t kMaxGlob = 200;
// The kinds of phone/file_class.hh.
constexpr std::string_view kKinds[] = {"other",    "firmware", "config",     "directory",
                                       "license",  "log",      "calls",      "language",
                                       "ringtone", "logo",     "certificate"};

const Option<ProvisionConfig> kProvision[] = {
    {{"directory", "text", "absolute path, at most 200 bytes", "\"/var/lib/holdfast/provision\"",
      "Where holdfast-provision keeps the files of the phones, their index, uploads that wait for "
      "the centre, and the last good addresses. Made at start, mode 0700.",
      ""},
     [](const TomlValue& v, ProvisionConfig& c) {
       return read_path(v, c.directory, kMaxDirectory);
     }},
    {{"socket", "text", "absolute path, at most 107 bytes", "\"/run/holdfast/provision.sock\"",
      "UNIX socket of `holdfast provision`, for root alone.", ""},
     [](const TomlValue& v, ProvisionConfig& c) { return read_path(v, c.socket, kMaxSocketPath); }},
    {{"max-store-mib", "whole number", "MiB, 16 to 1048576", "4096",
      "Room for the bodies kept. Beyond it what was longest unused goes, but never the only good "
      "copy of a phone's configuration.",
      ""},
     [](const TomlValue& v, ProvisionConfig& c) {
       return read_number(v, c.max_store_mib, 16, 1048576);
     }},
    {{"generations", "whole number", "1 to 16", "2",
      "How many versions of a file are kept, the current one included; `holdfast provision "
      "rollback` goes back by one.",
      ""},
     [](const TomlValue& v, ProvisionConfig& c) { return read_number(v, c.generations, 1, 16); }},
    {{"max-upload-mib", "whole number", "MiB, 1 to 4096", "64",
      "Room for uploads of phones that wait for an origin that is away. When it is full, logs make "
      "room for what must not be lost; then further uploads are refused.",
      ""},
     [](const TomlValue& v, ProvisionConfig& c) {
       return read_number(v, c.max_upload_mib, 1, 4096);
     }},
    {{"max-connections", "whole number", "connections, 1 to 16384", "2048",
      "Connections of phones at a time; further ones get 503 and are closed.", ""},
     [](const TomlValue& v, ProvisionConfig& c) {
       return read_number(v, c.max_connections, 1, 16384);
     }},
    {{"max-connections-per-address", "whole number", "connections, 1 to 16384", "128",
      "The same for one source address.", ""},
     [](const TomlValue& v, ProvisionConfig& c) {
       return read_number(v, c.max_connections_per_address, 1, 16384);
     }},
    {{"request-s", "whole number", "seconds, 1 to 600", "10",
      "A connection on which the head of a request is not complete in this time ends.", ""},
     [](const TomlValue& v, ProvisionConfig& c) { return read_number(v, c.request_s, 1, 600); }},
    {{"stall-s", "whole number", "seconds, 1 to 600", "30",
      "An upload, or an answer that a phone reads, which moves less than 1 KiB in this time ends.",
      ""},
     [](const TomlValue& v, ProvisionConfig& c) { return read_number(v, c.stall_s, 1, 600); }},
    {{"bandwidth-kbit", "whole number", "kbit/s, 64 to 100000000, or 0", "0",
      "All that is fetched from the origins together takes no more than this of the WAN. 0: no "
      "limit.",
      ""},
     [](const TomlValue& v, ProvisionConfig& c) -> Wrong {
       if (v.integer() != nullptr && *v.integer() == 0) {
         c.bandwidth_kbit = 0;
         return std::nullopt;
       }
       return read_number(v, c.bandwidth_kbit, 64, 100000000);
     }},
    {{"dscp", "whole number", "0 to 63", "8",
      "DSCP of what is sent to the origins. 8 is CS1, which voice goes before. 0 leaves it "
      "unmarked.",
      ""},
     [](const TomlValue& v, ProvisionConfig& c) { return read_number(v, c.dscp, 0, 63); }},
};

Wrong read_match(const TomlValue& value, ProvisionClassConfig& c) {
  std::string glob;
  if (auto wrong = read_text(value, glob, kMaxGlob)) return wrong;
  if (glob.empty()) return "is empty; write a path, or the last part of one";
  c.match = std::move(glob);
  return std::nullopt;
}

Wrong read_kind(const TomlValue& value, ProvisionClassConfig& c) {
  size_t index = 0;
  if (auto wrong = match_word(value, kKinds, index)) return wrong;
  c.kind = kKinds[index];
  return std::nullopt;
}

const Option<ProvisionClassConfig> kClass[] = {
    {{"match", "text", "glob, at most 200 bytes", "required",
      "Files that the row is for, without case: `*` and `?` stay within a segment of the path, "
      "`**` "
      "crosses them, `{mac}` is a phone's MAC. Without a / it is about the last segment.",
      "\"/branch/ringtones/*\""},
     read_match},
    {{"shared", "true or false", "true, false", "that of the built-in class",
      "Whether all phones get one and the same file. A file with a secret in it must not be. A "
      "file with a phone's MAC in its path is never shared, whatever the row says.",
      "true"},
     [](const TomlValue& v, ProvisionClassConfig& c) { return read_flag(v, c.shared.emplace()); }},
    {{"kind", "text",
      "other, firmware, config, directory, license, log, calls, language, ringtone, logo, "
      "certificate",
      "that of the built-in class",
      "What the files are: it decides what is a plausible new version, and what is kept when room "
      "is short. A kind that is not that of the built-in class decides on uploads too: logs, "
      "calls, "
      "directories and other are taken while the centre is away, the rest is not.",
      "#\"ringtone\""},
     read_kind},
    {{"revalidate-s", "whole number", "seconds, 0 to 86400", "that of the origin",
      "The origin's `revalidate-s` for these files.", "#3600"},
     [](const TomlValue& v, ProvisionClassConfig& c) {
       return read_number(v, c.revalidate_s.emplace(), 0, 86400);
     }},
};

}  // namespace

std::span<const Option<ProvisionConfig>> provision_options() {
  return kProvision;
}
std::span<const Option<ProvisionClassConfig>> provision_class_options() {
  return kClass;
}
std::vector<std::string_view> provision_kinds() {
  return {std::begin(kKinds), std::end(kKinds)};
}

}  // namespace holdfast::config
