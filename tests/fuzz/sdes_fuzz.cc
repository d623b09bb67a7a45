// SPDX-License-Identifier: Apache-2.0
// Any text as crypto attributes: refused by name, or written into text that reads the same.
#include <cstdlib>
#include <string>
#include <vector>

#include "media/srtp/sdes.hh"

using namespace holdfast::media;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void same(const SdesCrypto& a, const SdesCrypto& b) {
  must(a.tag == b.tag && a.suite == b.suite && a.keys.size() == b.keys.size());
  for (size_t i = 0; i < a.keys.size(); ++i) {
    must(a.keys[i].master.same_as(b.keys[i].master) && a.keys[i].mki == b.keys[i].mki);
    must(a.keys[i].lifetime_packets == b.keys[i].lifetime_packets);
  }
  SdesParameters expected = a.parameters;
  expected.fec_order = expected.fec_key = false;
  must(b.parameters == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> lines;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  for (const std::string_view line : lines) {
    const auto crypto = parse_crypto(line);
    if (!crypto) continue;
    must(!crypto->keys.empty() && crypto->keys.size() <= kMaxCryptoKeys);
    const auto again = parse_crypto(write_crypto(*crypto));
    must(again.ok());
    same(*crypto, *again);
  }
  const SdesLines read = read_crypto_lines(lines);
  must(read.usable.size() + read.refused.size() <= kMaxCryptoLines + 1);
  return 0;
}
