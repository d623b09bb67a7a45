// SPDX-License-Identifier: Apache-2.0
// Any bytes: classified, and parsed or refused; what a parsed packet says stays inside the bytes.
#include <cstdlib>

#include "media/rtp_packet.hh"

using namespace holdfast::media;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  if (name_of(classify(bytes)).empty()) std::abort();
  const auto whole = parse_rtp(bytes);
  const auto header = parse_rtp_header(bytes);
  if (!whole) {
    if (name_of(whole.error()).empty() || text_of(whole.error()).empty()) std::abort();
    // The two differ in the padding alone.
    if (header.ok() != (whole.error() == RtpReject::rtp_bad_padding)) std::abort();
    return 0;
  }
  if (!header || header->payload_offset != whole->payload_offset) std::abort();
  if (size_t{whole->payload_offset} + whole->payload_length + whole->padding_length != size)
    std::abort();
  if (whole->payload_offset < kRtpHeaderBytes + size_t{whole->csrc_count} * 4) std::abort();
  if (whole->payload_type > 127) std::abort();
  return 0;
}
