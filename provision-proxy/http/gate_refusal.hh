// SPDX-License-Identifier: Apache-2.0
// Why the gate refuses a request head: one list gives the enum, the counter's name, the status and
// the text.
//
// After a refusal nothing more of the connection may be read: where the next request begins is
// exactly what two readers would not agree on. Answer with the status and close.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::provision {

// X(name, status, what is wrong). The names are counter names.
#define HOLDFAST_GATE_REFUSALS(X)                                                                 \
  X(head_too_large, 431, "the head is longer than 16 KiB")                                        \
  X(head_too_many_fields, 431, "more than 100 header fields")                                     \
  X(head_nul, 400, "a NUL byte")                                                                  \
  X(head_bare_cr, 400, "a CR without LF (RFC 9112 section 2.2)")                                  \
  X(head_bare_lf, 400, "a line that ends in LF alone (RFC 9112 section 2.2)")                     \
  X(head_control_byte, 400, "a control byte")                                                     \
  X(head_method_malformed, 400, "the method is not a token of 1 to 32 bytes")                     \
  X(head_method_connect, 501, "CONNECT: this is no tunnel")                                       \
  X(head_method_trace, 501, "TRACE would show credentials to others")                             \
  X(head_request_line_malformed, 400, "the request line is not method, target and version")       \
  X(head_version_malformed, 400, "what follows the target is not HTTP/ and two digits")           \
  X(head_version_unsupported, 505, "neither HTTP/1.0 nor HTTP/1.1")                               \
  X(head_target_too_long, 414, "the target is longer than 4096 bytes")                            \
  X(head_target_form, 400, "the target is not a path, nor http(s):// with a path")                \
  X(head_target_authority, 400, "the target names another authority than the Host field")         \
  X(head_target_non_ascii, 400, "a byte above 127 in the target")                                 \
  X(head_target_fragment, 400, "a # in the target")                                               \
  X(head_target_backslash, 400, "a backslash in the target, plain or escaped")                    \
  X(head_target_nul, 400, "an escaped NUL in the target")                                         \
  X(head_target_escaped_control, 400, "an escaped control byte in the path")                      \
  X(head_target_bad_escape, 400, "a % without two hexadecimal digits")                            \
  X(head_target_double_escape, 400, "an escaped % before two hexadecimal digits in the path")     \
  X(head_target_overlong, 400, "%C0 or %C1, which only overlong UTF-8 has, in the path")          \
  X(head_target_dot_segments, 400, "a segment .. in the path, plain or escaped")                  \
  X(head_target_two_slashes, 400, "a path that begins with an escaped slash")                     \
  X(head_obs_fold, 400, "a line that begins with whitespace (RFC 9112 section 5.2)")              \
  X(head_field_no_colon, 400, "a header field without a colon")                                   \
  X(head_field_name_empty, 400, "a header field without a name")                                  \
  X(head_field_name_bytes, 400, "the name of a header field is not a token")                      \
  X(head_space_before_colon, 400, "whitespace between name and colon (RFC 9112 section 5.1)")     \
  X(head_field_lookalike, 400, "Content-Length or Transfer-Encoding spelled with _ for -")        \
  X(head_host_missing, 400, "no Host (RFC 9112 section 3.2)")                                     \
  X(head_host_twice, 400, "more than one Host (RFC 9112 section 3.2)")                            \
  X(head_host_invalid, 400, "Host is not a name or address with or without a port")               \
  X(head_content_length_twice, 400, "more than one Content-Length")                               \
  X(head_content_length_malformed, 400, "Content-Length is not one plain decimal number")         \
  X(head_content_length_overflow, 400, "Content-Length is above 2^63-1 (RFC 9110 section 8.6)")   \
  X(head_transfer_encoding_twice, 400, "more than one Transfer-Encoding")                         \
  X(head_transfer_encoding_unknown, 501, "Transfer-Encoding is not chunked alone")                \
  X(head_transfer_encoding_http_1_0, 400, "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)") \
  X(head_two_framings, 400, "Content-Length beside Transfer-Encoding (RFC 9112 section 6.3)")     \
  X(head_connection_option, 400, "Connection names a field that is for the origin")               \
  X(head_expectation_unknown, 417, "Expect is not 100-continue (RFC 9110 section 10.1.1)")

enum class GateRefusal : uint8_t {
#define HOLDFAST_X(name, status, text) name,
  HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(GateRefusal refusal);
std::string_view text_of(GateRefusal refusal);
int status_of(GateRefusal refusal);

}  // namespace holdfast::provision
