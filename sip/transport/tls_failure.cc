// SPDX-License-Identifier: Apache-2.0
// From OpenSSL's many codes to our few names.
#include "sip/transport/tls_failure.hh"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace holdfast::sip {

std::string_view name_of(TlsFailure failure) {
  switch (failure) {
#define HOLDFAST_X(name, text) \
  case TlsFailure::name:       \
    return #name;
    HOLDFAST_TLS_FAILURES(HOLDFAST_X)
#undef HOLDFAST_X
    case TlsFailure::count:
      break;
  }
  return "none";
}

std::string_view text_of(TlsFailure failure) {
  switch (failure) {
#define HOLDFAST_X(name, text) \
  case TlsFailure::name:       \
    return text;
    HOLDFAST_TLS_FAILURES(HOLDFAST_X)
#undef HOLDFAST_X
    case TlsFailure::count:
      break;
  }
  return "";
}

TlsFailure failure_of_verification(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TlsFailure::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsFailure::not_yet_valid;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // of another CA that has the same name
      return TlsFailure::unknown_ca;
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return TlsFailure::wrong_name;
    default:
      return TlsFailure::bad_certificate;
  }
}

TlsFailure failure_of_reason(int reason) {
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_INAPPROPRIATE_FALLBACK:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return TlsFailure::no_common_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
      return TlsFailure::no_common_cipher;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_BAD_RECORD_TYPE:
      return TlsFailure::not_tls;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsFailure::no_certificate;
    default:
      return reason > SSL_AD_REASON_OFFSET ? TlsFailure::peer_refused : TlsFailure::broken;
  }
}

}  // namespace holdfast::sip
