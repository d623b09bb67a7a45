// SPDX-License-Identifier: Apache-2.0
// What the header lines of one answer, as libcurl hands them out, say: heads, and where the body
// will end.
//
// Pure and bounded. Lengths that contradict each other are refused: two readers could read them
// differently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "provision-proxy/http/response_head.hh"
#include "provision-proxy/upstream/request.hh"

namespace holdfast::provision {

class HeadReader {
 public:
  enum class Line : uint8_t {
    more,
    interim,    // a 1xx head is complete: take() it
    final,      // the head is complete: take() it
    trailer,    // behind the final head: dropped
    too_large,  // more than kMaxResponseHeadBytes or kMaxResponseFields, all heads together
    bad         // problem() says why
  };
  // `to_head`: the request was a HEAD.
  explicit HeadReader(bool to_head) : to_head_(to_head) {}

  // One line with its line end.
  Line line(std::string_view bytes);
  ResponseHead take() { return reader_.take(); }
  bool done() const { return done_; }
  // Of the final head.
  BodyFraming framing() const { return framing_; }
  uint64_t content_length() const { return content_length_; }  // if so framed
  std::string_view problem() const { return problem_; }

 private:
  Line bad(std::string_view problem);
  bool find_framing(const ResponseHead& head);

  bool to_head_;
  bool done_ = false;
  ResponseHeadReader reader_;
  size_t bytes_ = 0, lines_ = 0;
  BodyFraming framing_ = BodyFraming::none;
  uint64_t content_length_ = 0;
  std::string_view problem_;
};

// The length that all Content-Length lines and elements agree on (RFC 9112 section 6.3, rule 5).
std::optional<uint64_t> agreed_length(const Fields& fields);

}  // namespace holdfast::provision
