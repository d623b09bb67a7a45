// SPDX-License-Identifier: Apache-2.0
// A SIP message as text: its start line, header fields in their order, and body (RFC 3261
// section 7).
//
// What is not touched leaves as it came, byte by byte: names in their case or compact form, folded
// lines, spaces, fields that nobody knows. Meaning is read elsewhere (fields.hh). Plain values,
// safe on any bytes, bounded by limits.hh; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/result.hh"
#include "media/wipe.hh"
#include "sip/message_view.hh"

namespace holdfast::sip {

// The header fields that we look at: X(identifier, name, compact form).
#define HOLDFAST_SIP_HEADERS(X)                    \
  X(via, "Via", 'v')                               \
  X(from, "From", 'f')                             \
  X(to, "To", 't')                                 \
  X(call_id, "Call-ID", 'i')                       \
  X(cseq, "CSeq", 0)                               \
  X(max_forwards, "Max-Forwards", 0)               \
  X(contact, "Contact", 'm')                       \
  X(route, "Route", 0)                             \
  X(record_route, "Record-Route", 0)               \
  X(path, "Path", 0)                               \
  X(expires, "Expires", 0)                         \
  X(content_length, "Content-Length", 'l')         \
  X(content_type, "Content-Type", 'c')             \
  X(content_disposition, "Content-Disposition", 0) \
  X(content_encoding, "Content-Encoding", 'e')     \
  X(content_language, "Content-Language", 0)       \
  X(proxy_require, "Proxy-Require", 0)             \
  X(max_breadth, "Max-Breadth", 0)                 \
  X(retry_after, "Retry-After", 0)                 \
  X(rseq, "RSeq", 0)                               \
  X(authorization, "Authorization", 0)             \
  X(proxy_authorization, "Proxy-Authorization", 0) \
  X(www_authenticate, "WWW-Authenticate", 0)       \
  X(proxy_authenticate, "Proxy-Authenticate", 0)   \
  X(user_agent, "User-Agent", 0)                   \
  X(server, "Server", 0)                           \
  X(unsupported, "Unsupported", 0)                 \
  X(timestamp, "Timestamp", 0)                     \
  X(reason, "Reason", 0)                           \
  X(warning, "Warning", 0)

enum class Header : uint8_t {
#define HOLDFAST_X(id, name, compact) id,
  HOLDFAST_SIP_HEADERS(HOLDFAST_X)
#undef HOLDFAST_X
      other
};
std::string_view name_of(Header header);

// Every reason to refuse a message: X(name, what is wrong).
#define HOLDFAST_MESSAGE_REJECTS(X)                                                 \
  X(message_too_long, "longer than we take")                                        \
  X(no_header_end, "no empty line after the header fields")                         \
  X(bad_start_line, "neither a request line nor a status line")                     \
  X(wrong_version, "not SIP/2.0")                                                   \
  X(bad_header_line, "a header line without a name and a colon")                    \
  X(header_too_long, "a header field longer than we take")                          \
  X(too_many_headers, "more header fields than we take")                            \
  X(bad_content_length, "Content-Length that is not one number")                    \
  X(body_cut, "fewer bytes of body than Content-Length says")                       \
  X(missing_header, "no Via, From, To, Call-ID or CSeq")                            \
  X(repeated_header, "From, To, Call-ID, CSeq, Max-Forwards or Content-Type twice") \
  X(bad_via, "a Via that cannot be read")                                           \
  X(bad_from, "a From that cannot be read")                                         \
  X(bad_to, "a To that cannot be read")                                             \
  X(bad_call_id, "an empty Call-ID")                                                \
  X(bad_cseq, "a CSeq that cannot be read")                                         \
  X(cseq_method, "a CSeq with another method than the request line")                \
  X(bad_request_uri, "a Request-URI that cannot be read")                           \
  X(bad_max_forwards, "Max-Forwards that is not a number from 0 to 255")            \
  X(bad_route, "a Route, Record-Route or Path that cannot be read")                 \
  X(bad_contact, "a Contact that cannot be read")                                   \
  X(too_many_entries, "more Via, Route or Contact entries than we take")

enum class MessageReject : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_MESSAGE_REJECTS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(MessageReject reject);
std::string_view text_of(MessageReject reject);

class Message {
 public:
  struct Field {
    Header header = Header::other;
    std::string line;     // without the line end that closes it
    size_t value_at = 0;  // behind the colon and the space

    std::string_view name() const;
    std::string_view value() const { return std::string_view(line).substr(value_at); }
  };

  // One datagram, or what a StreamFramer has cut out of a stream. Bytes beyond Content-Length are
  // left off (section 18.3).
  static Result<Message, MessageReject> parse(std::string_view bytes, size_t max_bytes);
  static Message request(std::string_view method, std::string_view uri);
  static Message response(int status, std::string_view reason);

  bool is_request() const { return status_ == 0; }
  const std::string& method_name() const { return method_; }  // of a request
  Method method() const { return method_of(method_); }
  const std::string& request_uri() const { return uri_; }
  int status() const { return status_; }  // 0: a request
  void set_request_uri(std::string uri) { uri_ = std::move(uri); }
  void set_status(int status, std::string_view reason);

  const std::vector<Field>& fields() const { return fields_; }
  // The value of the first such field, without spaces around it; empty if there is none.
  std::string_view value(Header header) const;
  bool has(Header header) const { return find(header) != nullptr; }
  size_t count(Header header) const;
  // The comma-separated entries of all such fields, in order (section 7.3.1).
  std::vector<std::string_view> entries(Header header) const;

  // Above all others of its kind, or else above all fields.
  void push_front(Header header, std::string_view value);
  void push_back(Header header, std::string_view value);
  // Sets the one field of that kind.
  void set(Header header, std::string_view value);
  void remove(Header header);
  // All entries of that kind anew, where the first of them stood.
  void set_entries(Header header, const std::vector<std::string>& entries);
  // The topmost entry alone, be it in a line with others or not.
  void pop_entry(Header header);
  void replace_entry(Header header, size_t index, std::string_view value);
  // All fields of that kind, as they are, from another message.
  void copy_from(const Message& other, Header header);

  const std::string& body() const { return body_; }
  // An empty body takes the fields that describe it along.
  void set_body(std::string body);

  // As it goes over the wire, with a right Content-Length.
  media::WipedString serialise() const;

 private:
  const Field* find(Header header) const;
  std::optional<MessageReject> add_line(std::string_view line);

  std::string method_, uri_, reason_;
  int status_ = 0;
  std::vector<Field> fields_;
  media::WipedString body_;  // SDP has keys in it (RFC 4568)
};

// Splits at commas outside quotes and angle brackets; entries without spaces around them, empty
// ones left out.
std::vector<std::string_view> split_list(std::string_view text);
std::string_view trim(std::string_view text);
// RFC 3261 section 25.1.
bool is_token(std::string_view text);
// A number in full, without sign.
std::optional<uint64_t> parse_number(std::string_view text);

}  // namespace holdfast::sip
