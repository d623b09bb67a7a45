// SPDX-License-Identifier: Apache-2.0
// holdfast cert: the certificates that SIP over TLS shows, from request to renewal.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <set>

#include "control/certs/installation.hh"
#include "control/cli/command.hh"
#include "control/cli/table.hh"
#include "control/config/site_config.hh"

namespace holdfast::cli {
namespace {

struct Asked {
  std::string config = "/etc/holdfast/holdfast.toml";
  std::string interface, file, ca;
  std::vector<std::string> names;
  bool rsa = false;
  bool as_json = false;
};

constexpr int64_t kDayS = 86400;

std::optional<config::DaemonConfig> load(Context& context, const Asked& asked) {
  auto site = config::load_site(asked.config);
  if (!site) {
    context.fail(kDidNotHold, site.error().to_string());
    return std::nullopt;
  }
  if (!site->daemon) {
    context.fail(kDidNotHold, asked.config + ": has no [centre]: no SIP is configured");
    return std::nullopt;
  }
  return std::move(site->daemon);
}

// What phones and the centre may call us there.
certs::Place place_of(const config::DaemonConfig& daemon,
                      const config::SipListenerConfig& listener) {
  certs::Place place{listener.certificate, listener.key, daemon.sip.aliases};
  for (const auto& ip : listener.addresses) place.names.push_back(ip.to_string());
  return place;
}

std::optional<certs::Place> find_place(Context& context, const Asked& asked,
                                       const config::DaemonConfig& daemon) {
  for (const auto& listener : daemon.listeners) {
    if (listener.interface != asked.interface || !listener.has(sip::Transport::tls)) continue;
    certs::Place place = place_of(daemon, listener);
    if (!asked.names.empty()) place.names = asked.names;
    return place;
  }
  std::string with_tls;
  for (const auto& listener : daemon.listeners)
    if (listener.has(sip::Transport::tls))
      with_tls += (with_tls.empty() ? "" : ", ") + listener.interface;
  const bool is_there =
      std::any_of(daemon.listeners.begin(), daemon.listeners.end(),
                  [&](const auto& listener) { return listener.interface == asked.interface; });
  const std::string quoted = "'" + asked.interface + "'";
  context.fail(kDidNotHold,
               asked.config + ": " +
                   (is_there ? "the [[sip-listener]] of interface " + quoted + " has no tls"
                             : "there is no [[sip-listener]] of an interface " + quoted) +
                   (with_tls.empty() ? "; nor has any other tls" : "; with tls: " + with_tls));
  return std::nullopt;
}

void run_request(Context& context, const Asked& asked) {
  const auto daemon = load(context, asked);
  const auto place = daemon ? find_place(context, asked, *daemon) : std::nullopt;
  if (!place) return;
  std::string pem;
  bool made = false;
  const auto kind = asked.rsa ? certs::KeyKind::rsa : certs::KeyKind::ec;
  if (const auto wrong = certs::prepare(*place, kind, pem, made); !wrong.empty())
    return context.fail(kDidNotHold, wrong);
  std::fprintf(stderr, "%s key %s\n", made ? "made" : "for the waiting",
               next_key_of(*place).c_str());
  print(pem);
}

void run_install(Context& context, const Asked& asked) {
  const auto daemon = load(context, asked);
  const auto place = daemon ? find_place(context, asked, *daemon) : std::nullopt;
  if (!place) return;
  std::string pem;
  if (const auto wrong = tls::read_pem(asked.file, pem); !wrong.empty())
    return context.fail(kDidNotHold, wrong);
  certs::Installed done;
  if (const auto wrong =
          certs::install(*place, pem, asked.file, asked.ca, std::time(nullptr), done);
      !wrong.empty())
    return context.fail(kDidNotHold, "nothing was changed: " + wrong);
  for (const std::string& warning : done.warnings)
    std::fprintf(stderr, "holdfast: warning: %s\n", warning.c_str());
  print(place->certificate + ": " + done.facts.subject + ", until " +
        tls::time_text(done.facts.not_after_s) + (done.new_key ? ", with its new key" : "") +
        "\nTell holdfastd: systemctl reload holdfastd (SIGHUP). Calls go on.\n");
}

nlohmann::json dates_of(const tls::CertificateFacts& facts, int64_t now_s) {
  return {{"subject", facts.subject},
          {"issuer", facts.issuer},
          {"not_before", tls::time_text(facts.not_before_s)},
          {"not_after", tls::time_text(facts.not_after_s)},
          {"days_left", (facts.not_after_s - now_s) / kDayS}};
}

nlohmann::json document_of(const std::string& interface, const certs::Place& place,
                           const certs::Look& look, int64_t now_s) {
  nlohmann::json row{{"interface", interface},     {"certificate", place.certificate},
                     {"key", place.key},           {"state", look.wrong.empty() ? "good" : "bad"},
                     {"why", look.wrong},          {"warning", look.soon},
                     {"key_waits", look.key_waits}};
  if (look.chain.empty()) return row;
  const tls::CertificateFacts& facts = look.chain.front();
  row.update(dates_of(facts, now_s));
  row["above"] = nlohmann::json::array();
  for (size_t i = 1; i < look.chain.size(); ++i)
    row["above"].push_back(dates_of(look.chain[i], now_s));
  row.update({{"names", tls::text_of(facts.names)},
              {"key_type", facts.key},
              {"sha256", facts.sha256},
              {"sha1", facts.sha1},
              {"chain", look.chain.size()}});
  return row;
}

// Those by TLS to whom the interface's certificate is shown, and whether it comes from the CA that
// signs theirs. Many take nothing else, but nobody here knows whom they believe: it is no fault.
nlohmann::json peers_of(const config::DaemonConfig& daemon, const std::string& interface,
                        const certs::Place& place, int64_t now_s) {
  auto peers = nlohmann::json::array();
  const auto add = [&](const std::string& name, const auto& peer) {
    if (peer.interface != interface || peer.transport != sip::Transport::tls) return;
    const std::string fault = certs::authority_fault(place, peer.ca, now_s);
    peers.push_back({{"peer", name}, {"ca", peer.ca}, {"same_ca", fault.empty()}, {"why", fault}});
  };
  add("centre", daemon.centre);
  for (const auto& gateway : daemon.gateways) add("gateway " + gateway.name, gateway);
  return peers;
}

nlohmann::json document_of(const std::string& file, const certs::Look& look, int64_t now_s) {
  auto all = nlohmann::json::array();
  for (const tls::CertificateFacts& facts : look.chain) all.push_back(dates_of(facts, now_s));
  return {{"file", file},
          {"state", look.wrong.empty() ? "good" : "bad"},
          {"why", look.wrong},
          {"warning", look.soon},
          {"certificates", std::move(all)}};
}

// Files of those whom we believe, each once.
std::set<std::string> authorities_of(const config::DaemonConfig& daemon) {
  std::set<std::string> files;
  if (daemon.centre.transport == sip::Transport::tls) files.insert(daemon.centre.ca);
  for (const auto& gateway : daemon.gateways)
    if (gateway.transport == sip::Transport::tls) files.insert(gateway.ca);
  for (const auto& listener : daemon.listeners)
    if (listener.has(sip::Transport::tls) && !listener.client_ca.empty())
      files.insert(listener.client_ca);
  return files;
}

std::string until(const nlohmann::json& dates) {
  return dates["subject"].get<std::string>() + ", until " + dates["not_after"].get<std::string>();
}

void print_authorities(const nlohmann::json& rows) {
  for (const auto& row : rows) {
    Table table({"CA FILE", row["file"].get<std::string>().c_str()});
    table.add({"state", row["state"].get<std::string>()});
    for (const char* key : {"why", "warning"})
      if (!row[key].get<std::string>().empty()) table.add({key, row[key].get<std::string>()});
    for (const auto& one : row["certificates"]) table.add({"holds", until(one)});
    print("\n" + table.to_string());
  }
}

void print_rows(const nlohmann::json& rows) {
  for (const auto& row : rows) {
    Table table({"INTERFACE", row["interface"].get<std::string>().c_str()});
    const auto add = [&](const char* heading, const char* key) {
      if (row.contains(key) && !(row[key].is_string() && row[key].get<std::string>().empty()))
        table.add({heading, row[key].is_string() ? row[key].get<std::string>() : row[key].dump()});
    };
    add("state", "state");
    add("why", "why");
    add("warning", "warning");
    add("subject", "subject");
    add("names", "names");
    add("issuer", "issuer");
    if (row.contains("above"))
      for (const auto& one : row["above"]) table.add({"above it", until(one)});
    add("from", "not_before");
    add("until", "not_after");
    add("days left", "days_left");
    add("key", "key_type");
    add("sha256", "sha256");
    add("sha1", "sha1");
    for (const auto& peer : row["peers"])
      table.add({"to " + peer["peer"].get<std::string>(),
                 peer["same_ca"].get<bool>()
                     ? "it comes from " + peer["ca"].get<std::string>() + ", as theirs"
                     : peer["why"].get<std::string>() + "; the peer may want that"});
    add("certificate", "certificate");
    add("key file", "key");
    if (row["key_waits"].get<bool>()) table.add({"waiting", "a new key, for its certificate"});
    print((&row == &rows.front() ? "" : "\n") + table.to_string());
  }
}

void run_status(Context& context, const Asked& asked) {
  const auto daemon = load(context, asked);
  if (!daemon) return;
  const int64_t now_s = std::time(nullptr);
  auto rows = nlohmann::json::array();
  for (const auto& listener : daemon->listeners) {
    if (!listener.has(sip::Transport::tls)) continue;
    const certs::Place place = place_of(*daemon, listener);
    const certs::Look look = certs::look_at(place, now_s);
    if (!look.wrong.empty()) context.status = kDidNotHold;
    auto row = document_of(listener.interface, place, look, now_s);
    row["peers"] = look.wrong.empty() ? peers_of(*daemon, listener.interface, place, now_s)
                                      : nlohmann::json::array();
    rows.push_back(std::move(row));
  }
  auto authorities = nlohmann::json::array();
  for (const std::string& file : authorities_of(*daemon)) {
    const certs::Look look = certs::look_at_authorities(file, now_s);
    if (!look.wrong.empty()) context.status = kDidNotHold;
    authorities.push_back(document_of(file, look, now_s));
  }
  if (asked.as_json)
    return print_json({{"certificates", std::move(rows)}, {"authorities", std::move(authorities)}});
  if (rows.empty()) return print("No [[sip-listener]] has tls.\n");
  print_rows(rows);
  print_authorities(authorities);
}

}  // namespace

void add_cert_commands(CLI::App& app, Context& context) {
  auto* cert = app.add_subcommand("cert", "certificates of SIP over TLS, one of each interface");
  cert->require_subcommand(1);
  const auto asked = std::make_shared<Asked>();
  const auto with_config = [&](CLI::App* command) {
    command->add_option("-c,--config", asked->config, "TOML file")->capture_default_str();
  };
  auto* request = cert->add_subcommand(
      "request", "make a key, which waits, and print the request that its CA is to sign");
  request->add_option("INTERFACE", asked->interface)->required();
  request->add_option("--name", asked->names,
                      "names, sip: URIs or addresses to ask for, DNS:198.18.1.2 for an address as "
                      "a host name (default: the aliases of [sip] and "
                      "the addresses of the listener)");
  request->add_flag("--rsa", asked->rsa, "an RSA key of 2048 bits instead of EC P-256");
  with_config(request);
  request->callback([&context, asked] { run_request(context, *asked); });

  auto* install = cert->add_subcommand(
      "install", "check what the CA has sent, and put it and its key in place");
  install->add_option("INTERFACE", asked->interface)->required();
  install
      ->add_option("FILE", asked->file, "PEM: the certificate, then those between it and its root")
      ->required();
  install->add_option("--ca", asked->ca, "PEM: it has to come from one of these");
  install->add_option("--name", asked->names, "names that it should have");
  with_config(install);
  install->callback([&context, asked] { run_install(context, *asked); });

  auto* status = cert->add_subcommand("status", "what is in place, and how long it holds");
  status->add_flag("--json", asked->as_json, "print one JSON document");
  with_config(status);
  status->footer("Exit status: 0 all are good, 1 one is not, 2 wrong use.");
  status->callback([&context, asked] { run_status(context, *asked); });
}

}  // namespace holdfast::cli
