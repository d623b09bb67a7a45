// SPDX-License-Identifier: Apache-2.0
// Is a new body what its file can have become, or has something gone wrong at the centre or on the
// way? So that a good copy is not replaced by an error page, a torso or another phone's file.
//
// Pure. Files shrink, grow, change their root element and are malformed for good reasons: the size
// alone never decides, and what was odd before may be odd again. What cannot be told is let pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "provision-proxy/phone/body_text.hh"
#include "provision-proxy/phone/file_class.hh"

namespace holdfast::provision {

// Of a configuration, the judge wants the whole body up to here; of firmware the first bytes do.
inline constexpr size_t kMaxJudgedBytes = size_t{1} << 20;

// X(name, text)
#define HOLDFAST_PLAUSIBLE(X)                                                        \
  X(ok, "plausible")                                                                 \
  X(not_ok, "the status is not 200")                                                 \
  X(wrong_length, "not as long as it was announced")                                 \
  X(empty, "empty, or blanks and zeros alone")                                       \
  X(html, "an HTML page in place of the file")                                       \
  X(denial, "a refusal or an error in place of the file, with status 200")           \
  X(bytes_for_text, "bytes where text was")                                          \
  X(text_for_bytes, "text where bytes were")                                         \
  X(no_structure, "text without the settings or elements that were there before")    \
  X(truncated, "cut off: XML that does not close, a line or a file that breaks off") \
  X(another_phone, "names another phone's MAC as its own")                           \
  X(provisional, "a provisional file: the centre has forgotten the phone")           \
  X(no_certificate, "the certificate is gone from it")

enum class Plausible : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_PLAUSIBLE(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(Plausible verdict);
std::string_view text_of(Plausible verdict);

// A body and what its answer said of it.
struct JudgedBody {
  int status = 200;
  std::string_view content_encoding = {};      // "gzip": what is inside is not looked at
  std::optional<uint64_t> declared_size = {};  // Content-Length
  bool whole = true;                           // the transfer ended as HTTP says it must
  BodyView body = {};
};

// `known`: the last known good body of this file, if there is one. `identity`: the phone that the
// file is kept for, twelve hex digits, or empty.
Plausible judge(const JudgedBody& fresh, const JudgedBody* known, const FileClass& file,
                std::string_view identity);

// Whether a body that is not plausible may be kept all the same while nothing better is known: such
// a file may have been odd ever since.
bool may_stand_alone(Plausible verdict);

}  // namespace holdfast::provision
