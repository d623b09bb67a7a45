// SPDX-License-Identifier: Apache-2.0
// Reads status lines and field lines.
#include "provision-proxy/http/response_head.hh"

#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

// One LF, with or without a CR before it.
std::string_view without_end(std::string_view line) {
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool has_control(std::string_view text) {
  for (const char c : text)
    if (c == '\r' || c == '\n' || c == '\0') return true;
  return false;
}

}  // namespace

std::optional<StatusLine> parse_status_line(std::string_view line) {
  line = without_end(line);
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr size_t kShortest = 12;  // "HTTP/1.1 200"
  if (line.size() < kShortest || line.substr(0, kVersion.size()) != kVersion) return std::nullopt;
  if (line[7] != '0' && line[7] != '1') return std::nullopt;
  if (line[8] != ' ' || !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]))
    return std::nullopt;
  if (line.size() > kShortest && line[kShortest] != ' ') return std::nullopt;
  StatusLine status;
  status.minor = line[7] - '0';
  status.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (status.status < 100) return std::nullopt;
  status.reason = strip_ows(line.substr(kShortest));
  if (has_control(status.reason)) return std::nullopt;
  return status;
}

std::optional<Field> parse_field_line(std::string_view line) {
  line = without_end(line);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return std::nullopt;
  const Field field{line.substr(0, colon), strip_ows(line.substr(colon + 1))};
  if (has_control(field.value)) return std::nullopt;
  return field;
}

ResponseHeadReader::Step ResponseHeadReader::line(std::string_view line) {
  if (state_ == State::refused || state_ == State::done) return refuse();
  bytes_ += line.size();
  if (bytes_ > kMaxResponseHeadBytes) return refuse();
  line = without_end(line);
  if (state_ == State::status) {
    const auto status = parse_status_line(line);
    if (!status) return refuse();
    head_ = {status->status, std::string(status->reason), {}};
    state_ = State::fields;
    return Step::more;
  }
  if (line.empty()) {
    if (!flush()) return refuse();
    const bool interim = head_.status < 200 && head_.status != 101;
    state_ = interim ? State::status : State::done;
    return interim ? Step::interim : Step::done;
  }
  if (is_ows(line.front())) {  // obs-fold, RFC 9112, 5.2: a blank takes its place
    if (pending_.empty()) return refuse();
    pending_.append(" ").append(strip_ows(line));
    return Step::more;
  }
  if (!flush()) return refuse();
  pending_ = line;
  return Step::more;
}

ResponseHeadReader::Step ResponseHeadReader::refuse() {
  state_ = State::refused;
  return Step::refused;
}

bool ResponseHeadReader::flush() {
  if (pending_.empty()) return true;
  const auto field = parse_field_line(pending_);
  if (!field || head_.fields.size() >= kMaxResponseFields) return false;
  head_.fields.add(field->name, field->value);
  pending_.clear();
  return true;
}

}  // namespace holdfast::provision
