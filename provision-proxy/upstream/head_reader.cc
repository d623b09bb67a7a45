// SPDX-License-Identifier: Apache-2.0
// RFC 9112 section 6.3 over the heads of http/.
#include "provision-proxy/upstream/head_reader.hh"

#include <optional>

#include "provision-proxy/http/list.hh"

namespace holdfast::provision {

HeadReader::Line HeadReader::bad(std::string_view problem) {
  problem_ = problem;
  return Line::bad;
}

HeadReader::Line HeadReader::line(std::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > kMaxResponseHeadBytes || ++lines_ > kMaxResponseFields) return Line::too_large;
  if (done_) return Line::trailer;
  switch (reader_.line(bytes)) {
    case ResponseHeadReader::Step::more:
      return Line::more;
    case ResponseHeadReader::Step::interim:
      return Line::interim;
    case ResponseHeadReader::Step::refused:
      return bad("a line of the head is not HTTP/1.1");
    case ResponseHeadReader::Step::done:
      break;
  }
  done_ = true;
  if (reader_.head().status == 101) return bad("it switches protocols, which nobody asked for");
  return find_framing(reader_.head()) ? Line::final : bad("its framing cannot be trusted");
}

// A coding other than chunked needs TE, which is never sent (RFC 9110 section 10.1.4).
bool HeadReader::find_framing(const ResponseHead& head) {
  const bool coded = head.fields.has("Transfer-Encoding");
  if (coded && !same_word(head.fields.combined("Transfer-Encoding"), "chunked")) return false;
  std::optional<uint64_t> length;
  if (!coded && head.fields.has("Content-Length")) {
    length = agreed_length(head.fields);
    if (!length) return false;
  }
  if (to_head_ || head.status == 204 || head.status == 304) {
    framing_ = BodyFraming::none;
  } else if (coded) {
    framing_ = BodyFraming::chunked;
  } else if (length) {
    framing_ = BodyFraming::length;
    content_length_ = *length;
  } else {
    framing_ = BodyFraming::close;
  }
  return true;
}

std::optional<uint64_t> agreed_length(const Fields& fields) {
  std::optional<uint64_t> length;
  bool good = true;
  for_each_element(fields, "Content-Length", [&](std::string_view element) {
    const auto value = parse_digits(element, INT64_MAX);
    if (!value || *value == INT64_MAX || (length && *length != static_cast<uint64_t>(*value)))
      good = false;
    else
      length = static_cast<uint64_t>(*value);
  });
  return good ? length : std::nullopt;
}

}  // namespace holdfast::provision
