// SPDX-License-Identifier: Apache-2.0
// What is said of TLS: handshakes that came to nothing, and our own certificates.
#include <ctime>
#include <utility>

#include "sip/proxy/proxy_core.hh"

namespace holdfast::sip {
namespace {

// A phone that is refused comes again every few seconds.
constexpr uint64_t kTellAgainMs = 60000;
constexpr size_t kMaxTold = 1024;

}  // namespace

void Proxy::Core::tls_failed(const Origin& peer, bool we_began, const TlsFault& fault) {
  const std::string what = std::string(name_of(fault.failure)) + ": " +
                           std::string(text_of(fault.failure)) +
                           (fault.detail.empty() ? "" : ": " + fault.detail);
  if (we_began && is_upstream(peer.address)) against_[peer.address].tls = what;
  const uint64_t now = loop.now_ms();
  if (we_began) gateways_.tls_failed(now, peer.address, what);
  const std::pair key(peer.address.ip, fault.failure);
  const auto before = told_.find(key);
  if (before != told_.end() && now - before->second < kTellAgainMs) return;
  if (told_.size() >= kMaxTold) told_.clear();
  told_[key] = now;
  std::string text = "TLS ";
  text.append(we_began ? "to " : "from ").append(peer.address.to_string());
  text.append(" (").append(peer.interface).append(") refused, ").append(what);
  log(LogLevel::warning, text);
}

std::string Proxy::Core::reload_certificates() {
  reload_failure_ = endpoints_.reload_certificates();
  if (reload_failure_.empty()) tell_certificates();
  return reload_failure_;
}

void Proxy::Core::tell_certificates() const {
  for (const TlsCertificate& one : endpoints_.tls().certificates()) {
    const tls::CertificateFacts& first = tls::first_to_end(one.chain);
    log(LogLevel::info, "TLS on " + one.interface + ": " + one.facts().subject + " (" +
                            tls::text_of(one.facts().names) + "), until " +
                            tls::time_text(first.not_after_s) +
                            (&first == &one.facts() ? "" : ", when " + first.subject + " ends"));
  }
  for (const std::string& complaint : endpoints_.tls().complaints(std::time(nullptr)))
    log(LogLevel::warning, complaint);
}

}  // namespace holdfast::sip
