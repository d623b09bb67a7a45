// SPDX-License-Identifier: Apache-2.0
// One pass over the bytes of a request head, from left to right.
#include "provision-proxy/http/request_head.hh"

#include "provision-proxy/http/byte_class.hh"

namespace holdfast::provision {
namespace {

Method method_of(std::string_view token) {
  if (token == "GET") return Method::get;
  if (token == "HEAD") return Method::head;
  if (token == "PUT") return Method::put;
  if (token == "POST") return Method::post;
  if (token == "DELETE") return Method::delete_;
  if (token == "OPTIONS") return Method::options;
  return Method::other;
}

// Fields by which a message is framed, routed or told apart. A hop that a Connection field
// persuades to drop one of them leaves another message behind than the one that was checked.
bool is_for_the_origin(std::string_view name) {
  for (const std::string_view kept :
       {"Host", "Content-Length", "Transfer-Encoding", "Authorization", "User-Agent"})
    if (same_text(name, kept)) return true;
  return false;
}

// Gateways that hand fields on as environment variables read '_' and '-' as the same.
bool is_lookalike(std::string_view name, std::string_view of) {
  if (name.size() != of.size()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i] == '_' ? '-' : ascii_lower(name[i]);
    if (c != ascii_lower(of[i])) return false;
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

// Each step returns false when the verdict is there.
class HeadParser {
 public:
  HeadParser(std::string_view bytes, RequestHead& out)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()), out_(out) {}

  HeadVerdict run() {
    out_.field_count_ = 0;
    if (skip_empty_line() && method() && target() && version() && all_fields() && conclude()) {
      out_.head_bytes = static_cast<size_t>(at_ - begin_);
      verdict_.state = HeadState::done;
    }
    return verdict_;
  }

 private:
  bool refuse(GateRefusal refusal) {
    verdict_ = {HeadState::refused, refusal};
    return false;
  }
  bool more() const { return at_ != end_; }  // else the verdict is need_more, as it began

  std::string_view since(const char* from) const { return {from, static_cast<size_t>(at_ - from)}; }

  // At a byte that cannot stand here: takes a CRLF, names what is wrong with anything else.
  bool line_end(GateRefusal other) {
    switch (*at_) {
      case '\r':
        if (at_ + 1 == end_) return false;
        if (at_[1] != '\n') return refuse(GateRefusal::head_bare_cr);
        at_ += 2;
        return true;
      case '\n':
        return refuse(GateRefusal::head_bare_lf);
      case '\0':
        return refuse(GateRefusal::head_nul);
      default:
        return refuse(other);
    }
  }
  // The same where a line must not end.
  bool misplaced(GateRefusal line_ended, GateRefusal other) {
    return line_end(other) && refuse(line_ended);
  }

  bool skip_empty_line() {
    if (!more()) return false;
    return *at_ != '\r' || line_end(GateRefusal::head_control_byte);
  }

  bool method() {
    const char* from = at_;
    while (more() && is_byte(*at_, kTokenByte))
      if (static_cast<size_t>(++at_ - from) > kMaxMethodBytes)
        return refuse(GateRefusal::head_method_malformed);
    if (!more()) return false;
    out_.method = since(from);
    if (*at_ != ' ' || out_.method.empty())
      return misplaced(GateRefusal::head_request_line_malformed,
                       GateRefusal::head_method_malformed);
    ++at_;
    if (out_.method == "CONNECT") return refuse(GateRefusal::head_method_connect);
    if (out_.method == "TRACE") return refuse(GateRefusal::head_method_trace);
    out_.method_kind = method_of(out_.method);
    return true;
  }

  bool target() {
    const char* from = at_;
    while (more() && is_byte(*at_, kTargetByte))
      if (static_cast<size_t>(++at_ - from) > kMaxTargetBytes)
        return refuse(GateRefusal::head_target_too_long);
    if (!more()) return false;
    if (*at_ == '#') return refuse(GateRefusal::head_target_fragment);
    if (*at_ == '\\') return refuse(GateRefusal::head_target_backslash);
    if (static_cast<uint8_t>(*at_) >= 0x80) return refuse(GateRefusal::head_target_non_ascii);
    if (*at_ != ' ')
      return misplaced(GateRefusal::head_request_line_malformed, GateRefusal::head_control_byte);
    if (const auto refusal = parse_request_target(since(from), target_)) return refuse(*refusal);
    ++at_;
    out_.target = target_.path_and_query;
    out_.path = target_.path;
    out_.form = target_.form;
    out_.path_escaped = target_.escaped;
    return true;
  }

  bool version() {
    const char* from = at_;
    for (const char wanted : {'H', 'T', 'T', 'P', '/', '0', '.', '0'}) {
      if (!more()) return false;
      const bool fits = wanted == '0' ? *at_ >= '0' && *at_ <= '9' : *at_ == wanted;
      if (!fits)
        return misplaced(GateRefusal::head_request_line_malformed,
                         GateRefusal::head_version_malformed);
      ++at_;
    }
    if (!more()) return false;
    if (!line_end(GateRefusal::head_version_malformed)) return false;
    if (from[5] != '1' || from[7] > '1') return refuse(GateRefusal::head_version_unsupported);
    out_.minor = from[7] - '0';
    return true;
  }

  bool all_fields() {
    while (more()) {
      if (*at_ == '\r') return line_end(GateRefusal::head_control_byte);
      if (!field()) return false;
    }
    return false;
  }

  bool field() {
    const char* from = at_;
    while (more() && is_byte(*at_, kTokenByte)) ++at_;
    if (!more()) return false;
    const std::string_view name = since(from);
    if (*at_ != ':' || name.empty()) return bad_name(name);
    ++at_;
    from = at_;
    while (more() && is_byte(*at_, kValueByte)) ++at_;
    if (!more()) return false;
    const std::string_view value = trimmed(since(from));
    if (!line_end(GateRefusal::head_control_byte) || !more()) return false;
    // The next byte tells whether the value ends here.
    if (*at_ == ' ' || *at_ == '\t') return refuse(GateRefusal::head_obs_fold);
    if (out_.field_count_ == kMaxHeadFields) return refuse(GateRefusal::head_too_many_fields);
    out_.slots_[out_.field_count_++] = {name, value};
    return note(name, value);
  }

  bool bad_name(std::string_view name) {
    const bool blank = *at_ == ' ' || *at_ == '\t';
    if (blank)
      return refuse(name.empty() ? GateRefusal::head_obs_fold
                                 : GateRefusal::head_space_before_colon);
    if (*at_ == ':') return refuse(GateRefusal::head_field_name_empty);
    return misplaced(GateRefusal::head_field_no_colon, GateRefusal::head_field_name_bytes);
  }

  // What a field means to the gate. Told apart by length first: most fields end there.
  bool note(std::string_view name, std::string_view value) {
    switch (name.size()) {
      case 4:
        return !same_text(name, "Host") || note_host(value);
      case 6:
        return !same_text(name, "Expect") || note_expect(value);
      case 10:
        return !same_text(name, "Connection") || note_connection(value);
      case 14:
        if (same_text(name, "Content-Length")) return note_length(value);
        return !is_lookalike(name, "Content-Length") || refuse(GateRefusal::head_field_lookalike);
      case 17:
        if (same_text(name, "Transfer-Encoding")) return note_encoding(value);
        return !is_lookalike(name, "Transfer-Encoding") ||
               refuse(GateRefusal::head_field_lookalike);
      default:
        return true;
    }
  }

  bool note_host(std::string_view value) {
    if (has_host_) return refuse(GateRefusal::head_host_twice);
    has_host_ = true;
    if (!is_valid_host(value)) return refuse(GateRefusal::head_host_invalid);
    out_.host = value;
    return true;
  }

  bool note_expect(std::string_view value) {
    if (!same_text(value, "100-continue")) return refuse(GateRefusal::head_expectation_unknown);
    expect_ = true;
    return true;
  }

  bool note_connection(std::string_view value) {
    while (!value.empty()) {
      const size_t comma = value.find(',');
      const std::string_view option = trimmed(value.substr(0, comma));
      value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
      if (same_text(option, "close"))
        close_ = true;
      else if (same_text(option, "keep-alive"))
        keep_ = true;
      else if (is_for_the_origin(option))
        return refuse(GateRefusal::head_connection_option);
    }
    return true;
  }

  bool note_length(std::string_view value) {
    if (has_length_) return refuse(GateRefusal::head_content_length_twice);
    has_length_ = true;
    // A leading zero is octal to some readers; no sender needs one.
    if (value.empty() || (value.front() == '0' && value.size() > 1))
      return refuse(GateRefusal::head_content_length_malformed);
    uint64_t length = 0;
    bool fits = value.size() <= 19;  // 10^19 - 1 is below 2^64
    for (const char c : value) {
      if (c < '0' || c > '9') return refuse(GateRefusal::head_content_length_malformed);
      if (fits) length = length * 10 + static_cast<uint64_t>(c - '0');
    }
    if (!fits || length > kMaxContentLength)
      return refuse(GateRefusal::head_content_length_overflow);
    out_.content_length = length;
    return true;
  }

  bool note_encoding(std::string_view value) {
    if (has_encoding_) return refuse(GateRefusal::head_transfer_encoding_twice);
    has_encoding_ = true;
    return same_text(value, "chunked") || refuse(GateRefusal::head_transfer_encoding_unknown);
  }

  // What the fields make together.
  bool conclude() {
    if (has_encoding_ && has_length_) return refuse(GateRefusal::head_two_framings);
    if (has_encoding_ && out_.minor == 0)
      return refuse(GateRefusal::head_transfer_encoding_http_1_0);
    // RFC 9112 section 3.2 demands it of HTTP/1.1; boot loaders of old phones speak HTTP/1.0.
    if (!has_host_ && out_.minor == 1) return refuse(GateRefusal::head_host_missing);
    if (!has_host_) out_.host = {};
    if (out_.form != TargetForm::origin && !same_text(target_.authority, out_.host))
      return refuse(GateRefusal::head_target_authority);
    out_.framing = has_encoding_ ? Framing::chunked : has_length_ ? Framing::length : Framing::none;
    if (!has_length_) out_.content_length = 0;
    out_.keep_alive = !close_ && (out_.minor == 1 || keep_);
    out_.expect_continue = expect_ && out_.minor == 1;  // RFC 9110 section 10.1.1
    out_.unexpected_body = (out_.method_kind == Method::get || out_.method_kind == Method::head) &&
                           (has_encoding_ || out_.content_length > 0);
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  RequestHead& out_;
  HeadVerdict verdict_;
  RequestTarget target_;
  bool has_host_ = false, has_length_ = false, has_encoding_ = false;
  bool close_ = false, keep_ = false, expect_ = false;
};

std::optional<std::string_view> RequestHead::find(std::string_view name) const {
  for (const Field& field : fields())
    if (same_text(field.name, name)) return field.value;
  return std::nullopt;
}

HeadVerdict parse_request_head(std::string_view bytes, RequestHead& out) {
  const HeadVerdict verdict = HeadParser(bytes.substr(0, kMaxHeadBytes), out).run();
  if (verdict.state == HeadState::need_more && bytes.size() >= kMaxHeadBytes)
    return {HeadState::refused, GateRefusal::head_too_large};
  return verdict;
}

}  // namespace holdfast::provision
