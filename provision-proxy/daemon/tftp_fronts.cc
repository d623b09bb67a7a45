// SPDX-License-Identifier: Apache-2.0
// TFTP servers from the configuration, and their counters as a document.
#include "provision-proxy/daemon/tftp_fronts.hh"

#include <nlohmann/json.hpp>

#include "provision-proxy/tftp/handler_source.hh"
#include "provision-proxy/tftp/server.hh"

namespace holdfast::provision {
namespace {

using nlohmann::json;

TftpConfig server_of(const config::ProvisionTftpConfig& section) {
  TftpConfig server;
  for (const auto& ip : section.addresses) server.listen.push_back({ip, section.port});
  server.device = section.device;
  server.policy.max_block_bytes = section.max_block_bytes;
  server.policy.max_window_blocks = section.max_window_blocks;
  server.max_transfers = section.max_transfers;
  server.max_transfers_per_source = section.max_transfers_per_address;
  server.first_forbidden_port = section.media_ports.first;
  server.last_forbidden_port = section.media_ports.last;
  return server;
}

template <typename Enum>
json counts_of(const TftpTally<Enum>& tally) {
  json counts = json::object();
  for (size_t i = 0; i < tally.counts.size(); ++i)
    if (tally.counts[i] > 0) counts[std::string(name_of(static_cast<Enum>(i)))] = tally.counts[i];
  return counts;
}

}  // namespace

struct TftpFronts::Front {
  Front(boost::asio::io_context& io, config::ProvisionTftpConfig config, size_t listener,
        RequestHandler& handler)
      : section(std::move(config)),
        source(handler, listener, section.root),
        server(io, server_of(section), source) {}

  const config::ProvisionTftpConfig section;
  HandlerSource source;
  TftpServer server;
};

TftpFronts::TftpFronts() = default;
TftpFronts::~TftpFronts() = default;

Result<std::unique_ptr<TftpFronts>, std::string> TftpFronts::start(
    boost::asio::io_context& io, const std::vector<config::ProvisionTftpConfig>& sections,
    size_t first_listener, RequestHandler& handler) {
  std::unique_ptr<TftpFronts> fronts(new TftpFronts);
  for (const auto& section : sections) {
    const size_t place = fronts->fronts_.size();
    auto& front = fronts->fronts_.emplace_back(
        std::make_unique<Front>(io, section, first_listener + place, handler));
    if (auto error = front->server.open(); !error.empty())
      return "provision-tftp " + std::to_string(place + 1) + " (" + section.interface +
             "): " + error;
  }
  return fronts;
}

std::vector<SocketAddress> TftpFronts::addresses(size_t section) const {
  return fronts_.at(section)->server.addresses();
}

json TftpFronts::document() const {
  json document = json::array();
  for (const auto& front : fronts_) {
    const auto& section = front->section;
    const auto& counters = front->server.counters();
    const auto& sent = counters.transfer;
    json addresses = json::array();
    for (const auto& address : front->server.addresses()) addresses.push_back(address.to_string());
    document.push_back({{"interface", section.interface},
                        {"origin", section.origin},
                        {"root", section.root},
                        {"addresses", std::move(addresses)},
                        {"under_way", front->server.transfers()},
                        {"datagrams", counters.datagrams},
                        {"started", counters.started},
                        {"ends", counts_of(counters.ends)},
                        {"failures", counts_of(counters.failures)},
                        {"refusals", counts_of(counters.refusals)},
                        {"rejects", counts_of(counters.rejects)},
                        {"strangers", counters.strangers},
                        {"send_failed", counters.send_failed},
                        {"blocks_sent", sent.data_sent},
                        {"blocks_resent", sent.data_resent},
                        {"bytes", sent.bytes_acked},
                        {"timeouts", sent.timeouts},
                        {"rewinds", sent.rewinds}});
  }
  return document;
}

}  // namespace holdfast::provision
