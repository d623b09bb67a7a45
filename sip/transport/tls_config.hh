// SPDX-License-Identifier: Apache-2.0
// What TLS is to be told: our certificates, and whom we believe. Plain values, no OpenSSL.
#pragma once

#include <string>
#include <vector>

namespace holdfast::sip {

// Ours on one interface: shown to whoever connects there, and to the centre when we connect.
struct TlsIdentity {
  std::string interface;
  std::string certificate;  // PEM: ours first, then those between it and its root
  std::string key;          // PEM
  std::string client_ca;    // whoever connects needs a certificate of one of these; empty: none
  bool legacy = false;      // TLS 1.0 and 1.1 and their ciphers too

  friend bool operator==(const TlsIdentity&, const TlsIdentity&) = default;
};

// Whom we connect to by TLS from one interface, and whose certificate is of a CA of its own and for
// one of the names, of which the first that is no address is asked for (SNI).
struct TlsPeer {
  std::string tls_name;   // of hops that lead there
  std::string interface;  // has an identity
  std::string ca;         // PEM
  std::vector<std::string> names;

  friend bool operator==(const TlsPeer&, const TlsPeer&) = default;
};

struct TlsConfig {
  std::vector<TlsIdentity> identities;  // at most one of an interface
  // Towards the centre, and wherever else a URI leads by TLS.
  std::string ca;  // PEM; empty: we connect to nobody
  bool legacy = false;
  // A hop of this tls_name is the centre: its certificate is for one of the names, of which the
  // first that is no address is asked for (SNI). Any other's but a peer's is for its own tls_name.
  std::string centre;
  std::vector<std::string> centre_names;
  std::vector<TlsPeer> peers{};  // the gateways
};

}  // namespace holdfast::sip
