// SPDX-License-Identifier: Apache-2.0
// Classes of files: which may be shared between phones, how often a body without validators is
// fetched again to compare, how a new one is judged, what becomes of an upload.
//
// Pure. A file is shared only when its class says so: what nobody declared has the phone's identity
// in its key, since centres tell phones apart by the User-Agent alone. What has a phone's MAC in
// its path is that phone's, whatever its class says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::provision {

enum class FileKind : uint8_t {
  other,
  firmware,
  config,
  directory,
  license,
  log,
  calls,
  language,
  ringtone,
  logo,
  certificate,
};
std::string_view name_of(FileKind kind);
std::optional<FileKind> file_kind_of(std::string_view name);

// What a new body is held against (plausible.hh).
enum class JudgeKind : uint8_t {
  none,         // any body will do: logs
  config,       // settings, as XML or lines, with a phone's own names in them
  document,     // XML or text with strangers' names: directories, dictionaries
  firmware,     // bytes
  media,        // pictures and sounds
  certificate,  // PEM, DER, or XML around them
  any,          // unknown: only what no file turns into
};
std::string_view name_of(JudgeKind kind);

// What becomes of a PUT while the centre is away.
enum class UploadKind : uint8_t {
  refuse,    // no phone writes these
  log_ring,  // kept in a ring, the oldest goes first
  replay,    // must reach the centre, in order
};
std::string_view name_of(UploadKind kind);

struct FileClass {
  std::string name;
  std::vector<std::string> globs;
  bool shared = false;
  FileKind kind = FileKind::other;
  JudgeKind judge = JudgeKind::any;
  UploadKind upload = UploadKind::refuse;
  // Between two whole fetches where the origin has no validators; none: as the origin is
  // configured.
  std::optional<int64_t> interval_s = std::nullopt;
};

// An operator's row: what it sets, over what the built-in class of the same file says.
struct FileClassOverlay {
  std::string match;  // a glob
  std::optional<bool> shared;
  std::optional<FileKind> kind;  // another kind than the class's brings its judge and its upload
  std::optional<int64_t> interval_s;
};

// Without case. '*' and '?' stay inside one path segment, "**" crosses them, "{mac}" is a phone's
// MAC in any of its forms. A glob with a '/' is held against the whole path, one without against
// the last segment.
bool glob_matches(std::string_view glob, std::string_view path);

// The table: rows in front of the built-in ones, the first match wins. The last row matches
// everything. Over it lies the first overlay that matches; the class then has its glob for a name.
class FileClasses {
 public:
  explicit FileClasses(std::vector<FileClass> first_rows = {},
                       std::vector<FileClassOverlay> overlays = {});

  const FileClass& classify(std::string_view target) const;  // the query does not matter
  const std::vector<FileClass>& rows() const { return rows_; }

 private:
  // A glob of a row, and what a name must begin and end with to be worth a match.
  struct Pattern {
    std::string glob, head, tail;
    size_t row = 0;
    bool of_path = false;  // held against the whole path, else against the last segment
    bool of_mac = false;   // a phone's MAC must be in it
  };
  size_t row_of(const std::string& path) const;

  std::vector<FileClass> rows_;
  std::vector<FileClassOverlay> overlays_;
  std::vector<FileClass> overlaid_;  // each row under the first overlay, then under the second, ...
  std::vector<Pattern> patterns_;    // in the order of the rows
};

std::vector<FileClass> default_file_classes();

}  // namespace holdfast::provision
