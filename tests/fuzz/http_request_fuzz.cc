// SPDX-License-Identifier: Apache-2.0
// Any bytes as HTTP requests: what passes the gate lies in the input and has one reading, and how
// bytes are cut changes no verdict.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "provision-proxy/http/byte_class.hh"
#include "provision-proxy/http/request_head.hh"
#include "tests/provision-proxy/http/request_reader.hh"

using namespace holdfast::provision;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

bool within(std::string_view view, std::string_view bytes) {
  return view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + bytes.size();
}

void check_target(std::string_view path, const RequestHead& head) {
  must(!path.empty() && path[0] == '/' && head.target.starts_with(path));
  must(head.target.find_first_of("\\#") == std::string_view::npos);
  for (const char c : head.target) must(c > 0x20 && c < 0x7f);
  // Unescaped it stays below its root, whoever resolves it.
  std::string plain;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      plain += path[i];
      continue;
    }
    must(i + 2 < path.size() && is_byte(path[i + 1], kHexByte) && is_byte(path[i + 2], kHexByte));
    plain += static_cast<char>(hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]));
    i += 2;
  }
  // Two slashes at its beginning are two plain ones, which each reader of a request sees alike.
  must(path.starts_with("//") || !plain.starts_with("//"));
  must(plain.find('\0') == std::string::npos);
  plain += '/';
  for (size_t at = 0; at < plain.size();) {
    const size_t end = plain.find('/', at);
    const std::string segment = plain.substr(at, end - at);
    must(segment.substr(0, segment.find(';')) != "..");
    at = end + 1;
  }
}

// Written again in the plainest way, it is read the same.
void check_again(const RequestHead& head) {
  std::string text;
  text.append(head.method).append(" ").append(head.target).append(" HTTP/1.");
  text.append(std::to_string(head.minor)).append("\r\n");
  for (const Field& field : head.fields())
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  text.append("\r\n");
  if (text.size() > kMaxHeadBytes) return;  // a blank behind each colon may lead there
  RequestHead again;
  must(parse_request_head(text, again).state == HeadState::done);
  must(again.head_bytes == text.size() && again.target == head.target && again.host == head.host);
  must(again.framing == head.framing && again.content_length == head.content_length);
  must(again.keep_alive == head.keep_alive && again.expect_continue == head.expect_continue);
  must(again.fields().size() == head.fields().size());
}

void check_head(std::string_view bytes, const RequestHead& head) {
  must(head.head_bytes <= bytes.size() && head.head_bytes <= kMaxHeadBytes);
  const std::string_view text = bytes.substr(0, head.head_bytes);
  for (const auto view : {head.method, head.target, head.path}) must(within(view, text));
  must(head.fields().size() <= kMaxHeadFields);
  size_t hosts = 0, framings = 0;
  for (const Field& field : head.fields()) {
    must(within(field.name, text) && within(field.value, text) && !field.name.empty());
    must(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    hosts += same_text(field.name, "host");
    framings +=
        same_text(field.name, "content-length") || same_text(field.name, "transfer-encoding");
  }
  if (hosts == 0) {
    must(head.minor == 0 && head.host.empty() && head.form == TargetForm::origin);
  } else {
    must(hosts == 1 && head.find("HOST") == head.host && is_valid_host(head.host));
    must(within(head.host, text));
  }
  must(framings == (head.framing == Framing::none ? 0 : 1));
  check_target(head.path, head);
  check_again(head);
}

void check_beginnings(std::string_view bytes, const HeadVerdict& whole) {
  RequestHead head;
  bool settled = false;
  const size_t step = bytes.size() / 256 + 1;
  for (size_t size = 0; size < bytes.size(); size += step) {
    const std::string copy(bytes.substr(0, size));  // so that a read past its end is seen
    const HeadVerdict verdict = parse_request_head(copy, head);
    settled = settled || verdict.state != HeadState::need_more;
    if (settled) must(verdict == whole);
  }
}

test::ReadOutcome read(std::string_view bytes, size_t step) {
  test::RequestReader reader;
  for (size_t at = 0; at < bytes.size(); at += step) reader.feed(bytes.substr(at, step));
  return reader.outcome();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RequestHead head;
  const HeadVerdict verdict = parse_request_head(bytes, head);
  if (verdict.state == HeadState::done) check_head(bytes, head);
  if (verdict.state == HeadState::need_more) must(size < kMaxHeadBytes);
  check_beginnings(bytes, verdict);
  if (size == 0 || size > 2048) return 0;
  const auto whole = read(bytes, size);
  must(read(bytes, 1) == whole && read(bytes, size / 2 + 1) == whole);
  return 0;
}
