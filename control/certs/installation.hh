// SPDX-License-Identifier: Apache-2.0
// The two files of an interface, certificate and key: prepared, checked, put in place, looked at.
//
// A new key waits beside the old one, as KEY.next, until its certificate has come. Files appear
// whole, readable by their owner alone. What is wrong is one line. Any thread; waits for the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tls/certificate.hh"
#include "control/certs/certificate_request.hh"

namespace holdfast::certs {

struct Place {
  std::string certificate, key;  // absolute paths
  std::vector<std::string> names;
};

std::string next_key_of(const Place& place);

// Makes the key that waits, if there is none yet, and the request for it. `made`: whether the key
// is new.
std::string prepare(const Place& place, KeyKind kind, std::string& request_pem, bool& made);

struct Installed {
  tls::CertificateFacts facts;
  bool new_key = false;
  std::vector<std::string>
      warnings;  // names that it lacks, no CA to check with, one above ends first
};

// The chain (PEM; `chain_name` is what errors call it) goes in place if it is in order, holds now,
// all of it, belongs to the key that waits or to the one in use, and, with a `ca` (path, may be
// empty), comes from there.
std::string install(const Place& place, const std::string& chain_pem, const std::string& chain_name,
                    const std::string& ca, int64_t now_s, Installed& done);

// As holdfast status warns of what ends.
inline constexpr int64_t kSoonS = 14 * 86400;

// One line of holdfast cert status and doctor. Files are read with the rights of a daemon.
struct Look {
  std::string wrong;  // empty: it is good
  std::string soon;   // what of it ends in less than kSoonS; empty: nothing
  std::vector<tls::CertificateFacts> chain;
  bool key_waits = false;
};
Look look_at(const Place& place, int64_t now_s);
// Why the chain in place does not come from the CAs in `ca` (path); empty: it does.
std::string authority_fault(const Place& place, const std::string& ca, int64_t now_s);
// Of a file of CAs, in no order.
Look look_at_authorities(const std::string& file, int64_t now_s);

}  // namespace holdfast::certs
