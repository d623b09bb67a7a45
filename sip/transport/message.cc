// SPDX-License-Identifier: Apache-2.0
// A message's text taken apart, and put together again.
#include "sip/transport/message.hh"

#include <algorithm>
#include <array>
#include <charconv>

#include "sip/limits.hh"
#include "sip/uri.hh"

namespace holdfast::sip {
namespace {

constexpr std::string_view kVersion = "SIP/2.0";

struct HeaderName {
  std::string_view name;
  char compact;
};
constexpr HeaderName kHeaders[] = {
#define HOLDFAST_X(id, name, compact) {name, compact},
    HOLDFAST_SIP_HEADERS(HOLDFAST_X)
#undef HOLDFAST_X
};

Header header_of(std::string_view name) {
  if (name.size() == 1) {
    const char letter = static_cast<char>(name.front() | 0x20);
    for (size_t i = 0; i < std::size(kHeaders); ++i)
      if (kHeaders[i].compact == letter) return static_cast<Header>(i);
    return Header::other;
  }
  for (size_t i = 0; i < std::size(kHeaders); ++i)
    if (equal_fold(kHeaders[i].name, name)) return static_cast<Header>(i);
  return Header::other;
}

// The line without its end; `rest` goes behind it. None: no line end.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// A header field with the lines that continue it (section 7.3.1).
std::optional<std::string_view> take_field(std::string_view& rest) {
  const char* const begin = rest.data();
  auto line = take_line(rest);
  if (!line || line->empty()) return line;
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) {
    const auto more = take_line(rest);
    if (!more) return std::nullopt;
    line = std::string_view(begin, static_cast<size_t>(more->data() + more->size() - begin));
  }
  return line;
}

}  // namespace

std::string_view name_of(Header header) {
  const auto index = static_cast<size_t>(header);
  return index < std::size(kHeaders) ? kHeaders[index].name : std::string_view{};
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "-.!%*_+`'~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> entries;
  size_t begin = 0;
  bool quoted = false, angled = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && !quoted && !angled)) {
      const auto entry = trim(text.substr(begin, i - begin));
      if (!entry.empty()) entries.push_back(entry);
      begin = i + 1;
    } else if (quoted) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        quoted = false;
    } else if (text[i] == '"') {
      quoted = !angled;
    } else if (text[i] == '<') {
      angled = true;
    } else if (text[i] == '>') {
      angled = false;
    }
  }
  return entries;
}

std::string_view Message::Field::name() const {
  return trim(std::string_view(line).substr(0, line.find(':')));
}

std::optional<MessageReject> Message::add_line(std::string_view line) {
  if (line.size() > kMaxHeaderFieldBytes) return MessageReject::header_too_long;
  if (fields_.size() == kMaxHeaderFields) return MessageReject::too_many_headers;
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || line.find('\0') != std::string_view::npos)
    return MessageReject::bad_header_line;
  const auto name = trim(line.substr(0, colon));
  if (!is_token(name) || line.front() == ' ' || line.front() == '\t')
    return MessageReject::bad_header_line;
  const size_t value_at = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
  fields_.push_back({header_of(name), std::string(line), value_at});
  return std::nullopt;
}

Result<Message, MessageReject> Message::parse(std::string_view bytes, size_t max_bytes) {
  if (bytes.size() > max_bytes) return MessageReject::message_too_long;
  const size_t begin = bytes.find_first_not_of("\r\n");  // section 7.5
  if (begin == std::string_view::npos) return MessageReject::bad_start_line;
  std::string_view rest = bytes.substr(begin);
  const auto start = take_line(rest);
  if (!start) return MessageReject::no_header_end;

  Message message;
  const size_t first = start->find(' ');
  if (first == std::string_view::npos) return MessageReject::bad_start_line;
  if (start->starts_with("SIP/")) {
    if (start->substr(0, first) != kVersion) return MessageReject::wrong_version;
    const auto status = parse_number(start->substr(first + 1, 3));
    const bool ends =
        start->size() == first + 4 || (start->size() > first + 4 && (*start)[first + 4] == ' ');
    if (!status || *status < 100 || *status > 699 || !ends) return MessageReject::bad_start_line;
    message.status_ = static_cast<int>(*status);
    message.reason_ = start->substr(std::min(first + 5, start->size()));
  } else {
    const size_t last = start->rfind(' ');
    message.method_ = start->substr(0, first);
    if (last == first || !is_token(message.method_)) return MessageReject::bad_start_line;
    const std::string_view version = start->substr(last + 1);
    if (version != kVersion)
      return version.starts_with("SIP/") ? MessageReject::wrong_version
                                         : MessageReject::bad_start_line;
    message.uri_ = trim(start->substr(first + 1, last - first - 1));
    if (message.uri_.empty()) return MessageReject::bad_start_line;
  }
  if (start->find('\0') != std::string_view::npos) return MessageReject::bad_start_line;

  for (;;) {
    const auto line = take_field(rest);
    if (!line) return MessageReject::no_header_end;
    if (line->empty()) break;
    if (const auto bad = message.add_line(*line)) return *bad;
  }
  if (const size_t lengths = message.count(Header::content_length); lengths > 0) {
    const auto length = parse_number(message.value(Header::content_length));
    if (lengths > 1 || !length) return MessageReject::bad_content_length;
    if (*length > rest.size()) return MessageReject::body_cut;
    rest = rest.substr(0, static_cast<size_t>(*length));
  }
  message.body_ = std::string(rest);
  return message;
}

Message Message::request(std::string_view method, std::string_view uri) {
  Message message;
  message.method_ = method;
  message.uri_ = uri;
  return message;
}

Message Message::response(int status, std::string_view reason) {
  Message message;
  message.set_status(status, reason);
  return message;
}

void Message::set_status(int status, std::string_view reason) {
  status_ = status;
  reason_ = reason;
}

const Message::Field* Message::find(Header header) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [header](const Field& field) { return field.header == header; });
  return found == fields_.end() ? nullptr : &*found;
}

std::string_view Message::value(Header header) const {
  const Field* field = find(header);
  return field == nullptr ? std::string_view{} : trim(field->value());
}

size_t Message::count(Header header) const {
  return static_cast<size_t>(
      std::count_if(fields_.begin(), fields_.end(),
                    [header](const Field& field) { return field.header == header; }));
}

std::vector<std::string_view> Message::entries(Header header) const {
  std::vector<std::string_view> all;
  for (const Field& field : fields_) {
    if (field.header != header) continue;
    const auto some = split_list(field.value());
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

namespace {

Message::Field field_of(Header header, std::string_view value) {
  const std::string_view name = name_of(header);
  std::string line;
  line.reserve(name.size() + 2 + value.size());
  line.append(name).append(": ").append(value);
  return {header, std::move(line), name.size() + 2};
}

}  // namespace

void Message::push_front(Header header, std::string_view value) {
  const auto first = std::find_if(fields_.begin(), fields_.end(),
                                  [header](const Field& field) { return field.header == header; });
  fields_.insert(first == fields_.end() ? fields_.begin() : first, field_of(header, value));
}

void Message::push_back(Header header, std::string_view value) {
  fields_.push_back(field_of(header, value));
}

void Message::set(Header header, std::string_view value) {
  const auto first = std::find_if(fields_.begin(), fields_.end(),
                                  [header](const Field& field) { return field.header == header; });
  if (first == fields_.end())
    fields_.push_back(field_of(header, value));
  else
    *first = field_of(header, value);
}

void Message::remove(Header header) {
  std::erase_if(fields_, [header](const Field& field) { return field.header == header; });
}

void Message::set_entries(Header header, const std::vector<std::string>& entries) {
  const auto first = std::find_if(fields_.begin(), fields_.end(),
                                  [header](const Field& field) { return field.header == header; });
  const auto at = static_cast<size_t>(first - fields_.begin());
  remove(header);
  std::vector<Field> anew;
  anew.reserve(entries.size());
  for (const std::string& entry : entries) anew.push_back(field_of(header, entry));
  fields_.insert(fields_.begin() + static_cast<ptrdiff_t>(std::min(at, fields_.size())),
                 std::make_move_iterator(anew.begin()), std::make_move_iterator(anew.end()));
}

void Message::pop_entry(Header header) {
  for (auto field = fields_.begin(); field != fields_.end(); ++field) {
    if (field->header != header) continue;
    const auto entries = split_list(field->value());
    if (entries.size() > 1) {
      const auto cut = static_cast<size_t>(entries[1].data() - field->line.data());
      field->line.erase(field->value_at, cut - field->value_at);
      return;
    }
    fields_.erase(field);
    if (entries.size() == 1) return;
    return pop_entry(header);  // a field without entries counts for nothing
  }
}

void Message::replace_entry(Header header, size_t index, std::string_view value) {
  for (Field& field : fields_) {
    if (field.header != header) continue;
    const auto entries = split_list(field.value());
    if (index >= entries.size()) {
      index -= entries.size();
      continue;
    }
    const auto at = static_cast<size_t>(entries[index].data() - field.line.data());
    field.line.replace(at, entries[index].size(), value);
    return;
  }
}

void Message::copy_from(const Message& other, Header header) {
  for (const Field& field : other.fields_)
    if (field.header == header) fields_.push_back(field);
}

void Message::set_body(std::string body) {
  body_ = media::WipedString(std::move(body));
  if (!body_.empty()) return;
  for (const Header header : {Header::content_type, Header::content_disposition,
                              Header::content_encoding, Header::content_language})
    remove(header);
}

media::WipedString Message::serialise() const {
  size_t bytes = 64 + method_.size() + uri_.size() + reason_.size() + body_.size();
  for (const Field& field : fields_) bytes += field.line.size() + 2;
  media::WipedString out;
  out.reserve(bytes);
  if (is_request())
    out.append(method_).append(" ").append(uri_).append(" ").append(kVersion);
  else
    out.append(kVersion).append(" ").append(std::to_string(status_)).append(" ").append(reason_);
  out += "\r\n";
  const Field* const length = find(Header::content_length);
  const bool length_is_right =
      length != nullptr && parse_number(trim(length->value())) == body_.size();
  for (const Field& field : fields_) {
    if (field.header == Header::content_length && !length_is_right) continue;
    out.append(field.line).append("\r\n");
  }
  if (!length_is_right)
    out.append(name_of(Header::content_length))
        .append(": ")
        .append(std::to_string(body_.size()))
        .append("\r\n");
  out.append("\r\n").append(body_);
  return out;
}

std::string_view name_of(MessageReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case MessageReject::name:    \
    return #name;
    HOLDFAST_MESSAGE_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
    case MessageReject::count:
      break;
  }
  return "none";
}

std::string_view text_of(MessageReject reject) {
  switch (reject) {
#define HOLDFAST_X(name, text) \
  case MessageReject::name:    \
    return text;
    HOLDFAST_MESSAGE_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
    case MessageReject::count:
      break;
  }
  return "none";
}

}  // namespace holdfast::sip
