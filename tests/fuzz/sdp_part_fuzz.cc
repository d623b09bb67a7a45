// SPDX-License-Identifier: Apache-2.0
// Any content type and body: the SDP in it lies within it, and put back where it was it changes
// nothing.
#include <cstdlib>
#include <string>

#include "sip/anchor/sdp_part.hh"

using namespace holdfast::sip;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The content type is the input's first line.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const std::string_view type = text.substr(0, line);
  const std::string_view body = line == std::string_view::npos ? "" : text.substr(line + 1);
  const SdpPart part = find_sdp(type, body);
  if (part.kind != SdpPart::Kind::sdp) {
    must(part.begin == 0 && part.size == 0);
    return 0;
  }
  must(part.begin <= body.size() && part.size <= body.size() - part.begin);
  const std::string_view found = body.substr(part.begin, part.size);
  must(replace_sdp(body, part, found) == body);
  // What we would write there is found again at its place: it has no boundary in it.
  const std::string ours = "v=0\r\no=- 1 1 IN IP4 198.18.1.2\r\n";
  const std::string changed = replace_sdp(body, part, ours);
  const SdpPart again = find_sdp(type, changed);
  must(again.kind == SdpPart::Kind::sdp && again.begin == part.begin);
  must(changed.substr(again.begin, again.size) == ours);
  return 0;
}
