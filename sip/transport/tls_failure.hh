// SPDX-License-Identifier: Apache-2.0
// Why a TLS handshake came to nothing, by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::sip {

// X(name, what happened): the counter is tls_NAME.
#define HOLDFAST_TLS_FAILURES(X)                                                       \
  X(expired, "the peer's certificate, or one above it, has expired")                   \
  X(not_yet_valid,                                                                     \
    "the peer's certificate, or one above it, is from the future: our clock is wrong") \
  X(unknown_ca, "the peer's certificate is of nobody whom we believe")                 \
  X(wrong_name, "the peer's certificate is good, but for another name")                \
  X(bad_certificate, "the peer's certificate cannot be used for something else")       \
  X(no_certificate, "the peer has no certificate, and is to have one")                 \
  X(no_common_version, "no version of TLS that both take")                             \
  X(no_common_cipher, "no cipher that both take")                                      \
  X(not_tls, "what came is not TLS")                                                   \
  X(peer_refused, "the peer ended it with an alert")                                   \
  X(closed, "the peer closed the connection in the middle of it")                      \
  X(timeout, "it was not done in time")                                                \
  X(too_many, "more handshakes under way than we hold, in all or from one address")    \
  X(broken, "anything else that went wrong in it")

enum class TlsFailure : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_TLS_FAILURES(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(TlsFailure failure);
std::string_view text_of(TlsFailure failure);

struct TlsFault {
  TlsFailure failure = TlsFailure::broken;
  std::string detail;  // for a person; may be empty
};

// Of the codes that OpenSSL leaves behind: X509_V_ERR_... of a verification, or the reason of the
// oldest entry in its error queue.
TlsFailure failure_of_verification(int error);
TlsFailure failure_of_reason(int reason);

}  // namespace holdfast::sip
