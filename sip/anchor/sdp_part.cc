// SPDX-License-Identifier: Apache-2.0
// Finds the SDP in a message body.
#include "sip/anchor/sdp_part.hh"

#include <optional>

#include "media/sdp_text.hh"

namespace holdfast::sip {
namespace {

using media::same_word;

constexpr size_t kMaxParts = 16;
constexpr size_t kMaxBoundaryBytes = 70;  // RFC 2046 section 5.1.1

std::string_view trim(std::string_view text) {
  while (!text.empty() && media::is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && (media::is_blank(text.back()) || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

bool has_type(std::string_view content_type, std::string_view type) {
  return same_word(trim(content_type.substr(0, content_type.find(';'))), type);
}

// boundary="x" of a multipart's type; empty: there is none.
std::string_view boundary_of(std::string_view content_type) {
  size_t at = content_type.find(';');
  while (at != std::string_view::npos) {
    std::string_view parameter = content_type.substr(at + 1);
    const size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) return {};
    if (!same_word(trim(parameter.substr(0, equals)), "boundary")) {
      at = content_type.find(';', at + 1);
      continue;
    }
    parameter = trim(parameter.substr(equals + 1));
    if (!parameter.starts_with('"')) return trim(parameter.substr(0, parameter.find(';')));
    parameter.remove_prefix(1);
    const size_t end = parameter.find('"');
    return end == std::string_view::npos ? std::string_view() : parameter.substr(0, end);
  }
  return {};
}

struct Delimiter {
  size_t begin = 0;  // the line end before it included
  size_t end = 0;    // behind its own line end
  bool last = false;
};

// The next line that is "--" and the boundary, at or behind `from`.
std::optional<Delimiter> next_delimiter(std::string_view body, std::string_view boundary,
                                        size_t from) {
  const std::string mark = "--" + std::string(boundary);
  for (size_t at = body.find(mark, from); at != std::string_view::npos;
       at = body.find(mark, at + 1)) {
    if (at != 0 && body[at - 1] != '\n') continue;
    Delimiter found;
    found.begin = at;
    if (found.begin > from && body[found.begin - 1] == '\n') --found.begin;
    if (found.begin > from && body[found.begin - 1] == '\r') --found.begin;
    std::string_view rest = body.substr(at + mark.size());
    found.last = rest.starts_with("--");
    if (found.last) rest.remove_prefix(2);
    const size_t newline = rest.find('\n');
    if (!trim(rest.substr(0, newline)).empty()) continue;  // a longer boundary
    found.end = newline == std::string_view::npos
                    ? body.size()
                    : static_cast<size_t>(rest.data() - body.data()) + newline + 1;
    return found;
  }
  return std::nullopt;
}

struct PartHead {
  std::string_view type = "text/plain";
  bool simple = true;
  size_t size = 0;  // the empty line included; 0: there is none
};

PartHead read_head(std::string_view part) {
  PartHead head;
  for (size_t at = 0; at < part.size();) {
    const size_t newline = part.find('\n', at);
    if (newline == std::string_view::npos) break;
    const std::string_view line = trim(part.substr(at, newline - at));
    const bool folded = media::is_blank(part[at]);
    at = newline + 1;
    if (line.empty()) {
      head.size = at;
      return head;
    }
    const size_t colon = line.find(':');
    if (folded || colon == std::string_view::npos) {
      head.simple = false;
      continue;
    }
    const std::string_view name = trim(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (same_word(name, "Content-Type") || same_word(name, "c"))
      head.type = value;
    else if (same_word(name, "Content-Length") || same_word(name, "l") ||
             same_word(name, "Content-Encoding") || same_word(name, "e"))
      head.simple = false;
    else if (same_word(name, "Content-Transfer-Encoding"))
      head.simple = head.simple && (same_word(value, "binary") || same_word(value, "8bit") ||
                                    same_word(value, "7bit"));
  }
  return head;
}

SdpPart find_in_parts(std::string_view body, std::string_view boundary) {
  SdpPart found;
  auto delimiter = next_delimiter(body, boundary, 0);
  for (size_t parts = 0; delimiter && !delimiter->last; ++parts) {
    const auto next = next_delimiter(body, boundary, delimiter->end);
    if (!next || parts == kMaxParts) return {SdpPart::Kind::not_simple, 0, 0};
    const size_t begin = delimiter->end;
    const std::string_view part = body.substr(begin, next->begin - begin);
    const PartHead head = read_head(part);
    if (head.size == 0) return {SdpPart::Kind::not_simple, 0, 0};
    if (has_type(head.type, "application/sdp")) {
      if (!head.simple || found.kind == SdpPart::Kind::sdp)
        return {SdpPart::Kind::not_simple, 0, 0};
      found = {SdpPart::Kind::sdp, begin + head.size, part.size() - head.size};
    }
    if (head.type.size() >= 10 && same_word(head.type.substr(0, 10), "multipart/"))
      return {SdpPart::Kind::not_simple, 0, 0};
    delimiter = next;
  }
  if (!delimiter) return {SdpPart::Kind::not_simple, 0, 0};
  return found;
}

}  // namespace

SdpPart find_sdp(std::string_view content_type, std::string_view body) {
  if (body.empty()) return {};
  if (has_type(content_type, "application/sdp")) return {SdpPart::Kind::sdp, 0, body.size()};
  if (!has_type(content_type, "multipart/mixed")) return {};
  const std::string_view boundary = boundary_of(content_type);
  if (boundary.empty() || boundary.size() > kMaxBoundaryBytes)
    return {SdpPart::Kind::not_simple, 0, 0};
  return find_in_parts(body, boundary);
}

std::string replace_sdp(std::string_view body, const SdpPart& part, std::string_view sdp) {
  std::string text;
  text.reserve(body.size() + sdp.size());  // it never moves, so no copy of a key stays behind
  text += body.substr(0, part.begin);
  text += sdp;
  text += body.substr(part.begin + part.size);
  return text;
}

}  // namespace holdfast::sip
