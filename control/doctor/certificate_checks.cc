// SPDX-License-Identifier: Apache-2.0
// Certificates, keys and CAs that the configuration names: as the daemons will read them.
#include "control/certs/installation.hh"
#include "control/doctor/checks.hh"

namespace holdfast::doctor {
namespace {

class CertificateRows {
 public:
  CertificateRows(const Machine& machine, std::vector<Row>& all)
      : machine_(machine), rows_(all, "certificate") {}

  void pair(const std::string& name, const std::string& certificate, const std::string& key) {
    say(name, certificate,
        certs::look_at({machine_.root + certificate, machine_.root + key, {}}, machine_.now_s));
  }
  void authorities(const std::string& name, const std::string& file) {
    if (file.empty()) return;
    say(name, file, certs::look_at_authorities(machine_.root + file, machine_.now_s));
  }

 private:
  void say(const std::string& name, const std::string& file, const certs::Look& look) {
    if (!look.wrong.empty())
      return rows_.refuse(name, look.wrong, "see holdfast cert and docs/tls.md", true);
    if (!look.soon.empty())
      return rows_.warn(name, file + ": " + look.soon, "have it renewed: docs/tls.md");
    rows_.ok(name, file + ", until " + tls::time_text(tls::first_to_end(look.chain).not_after_s));
  }

  const Machine& machine_;
  Rows rows_;
};

}  // namespace

void check_certificates(const Machine& machine, const config::SiteConfig& site,
                        std::vector<Row>& all) {
  CertificateRows rows(machine, all);
  if (site.daemon) {
    for (const auto& l : site.daemon->listeners) {
      if (!l.has(sip::Transport::tls)) continue;
      rows.pair("SIP " + l.interface, l.certificate, l.key);
      rows.authorities("CA of SIP " + l.interface, l.client_ca);
    }
    const auto& centre = site.daemon->centre;
    if (centre.transport == sip::Transport::tls) rows.authorities("CA of the centre", centre.ca);
    for (const auto& gateway : site.daemon->gateways)
      if (gateway.transport == sip::Transport::tls)
        rows.authorities("CA of gateway " + gateway.name, gateway.ca);
  }
  if (!site.provision) return;
  for (const auto& l : site.provision->listeners) {
    if (!l.tls) continue;
    const std::string name = l.interface + " " + std::to_string(l.port);
    rows.pair("provision " + name, l.certificate, l.key);
    if (l.client_certificate != config::ClientCertificate::kNone)
      rows.authorities("CA of provision " + name, l.client_ca);
  }
  for (const auto& origin : site.provision->origins) {
    rows.authorities("CA of origin " + origin.name, origin.ca);
    if (!origin.client_certificate.empty())
      rows.pair("origin " + origin.name, origin.client_certificate, origin.client_key);
  }
}

}  // namespace holdfast::doctor
