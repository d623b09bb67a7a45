// SPDX-License-Identifier: Apache-2.0
// Bytes of a file as netascii (RFC 1350 section 1, RFC 764): LF becomes CR LF, CR becomes CR NUL.
//
// Each byte stands for itself, so a file may be encoded in pieces, and a client that undoes it gets
// the file's own bytes back, CR LF line ends included. Pure; any thread.
#pragma once

#include <span>
#include <string>

namespace holdfast::provision {

inline void append_netascii(std::string& out, std::span<const char> bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      out += "\r\n";
    } else if (c == '\r') {
      out.append("\r\0", 2);
    } else {
      out += c;
    }
  }
}

}  // namespace holdfast::provision
