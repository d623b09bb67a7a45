// SPDX-License-Identifier: Apache-2.0
// An upload that waits for the centre, and its form as a file.
//
// Pure. The file tells all of itself and is checked by its SHA-256: what was cut, mixed or altered
// is no upload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "provision-proxy/http/fields.hh"

namespace holdfast::provision {

enum class SpoolKind : uint8_t {
  replay,  // must reach the centre, in order
  log      // of a ring: the oldest goes first
};
std::string_view name_of(SpoolKind kind);

struct Upload {
  uint64_t number = 0;  // rises with every upload; the order of replay
  SpoolKind kind = SpoolKind::replay;
  int64_t at_ms = 0;   // Unix time at which the phone sent it
  std::string origin;  // the name of a configured one
  std::string phone;   // whose it is, as keys of the store say it
  std::string method, target;
  Fields fields;  // of the request, as they go to the centre
  std::string body;
};

// "holdfast-upload 1 <bytes of the head> <bytes of the body> <SHA-256 of both>\n", head, body.
// Nothing: a name or value would not come back as it was.
std::optional<std::string> encode_upload(const Upload& upload);
std::optional<Upload> decode_upload(std::string_view file);

}  // namespace holdfast::provision
