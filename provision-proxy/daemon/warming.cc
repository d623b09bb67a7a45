// SPDX-License-Identifier: Apache-2.0
// Asks the flow as the phones would.
#include "provision-proxy/daemon/warming.hh"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

namespace holdfast::provision {
namespace {

using nlohmann::json;

constexpr std::string_view kByAddress = "at ", kByTftp = "TFTP";

Identity identity_of(std::string id) {
  return {id.empty() ? Identity::Source::none : Identity::Source::path, std::move(id)};
}

std::string agent_of(const Store& store, const Key& key) {
  const auto fetches = store.fetch_log().of(key);
  if (fetches.empty() || fetches.front().user_agent == kByTftp) return "";
  return fetches.front().user_agent;
}

// One copy after the other, so that phones that boot meanwhile find their turn.
class Warming : public std::enable_shared_from_this<Warming> {
 public:
  Warming(Flow& flow, WarmOrder order, std::vector<WarmCopy> copies,
          std::function<void(const json&)> done)
      : flow_(flow), order_(std::move(order)), copies_(std::move(copies)), done_(std::move(done)) {}

  void next() {
    if (at_ == copies_.size()) return done_(rows_);
    const auto& copy = copies_[at_];
    Request request;
    request.method = "GET";
    request.target = order_.path;
    request.listener = order_.listener;
    request.peer.ip = copy.address;
    const auto& agent = order_.user_agent.empty() ? copy.user_agent : order_.user_agent;
    if (!agent.empty()) request.fields.add("User-Agent", agent);
    bytes_ = 0;
    flow_.warm(std::move(request), copy.identity,
               [self = shared_from_this()](Answer answer) { self->take(std::move(answer)); });
  }

 private:
  void take(Answer answer) {
    answer_ = std::move(answer);
    if (answer_.bytes) bytes_ = answer_.bytes->size();
    if (!answer_.body) return end(true);
    read_on();
  }

  void read_on() {
    answer_.body->next([self = shared_from_this()](BodyPiece piece) {
      self->bytes_ += piece.bytes.size();
      if (piece.state == BodyState::kBytes) return self->read_on();
      self->end(piece.state == BodyState::kEnd);
    });
  }

  void end(bool whole) {
    const auto& copy = copies_[at_++];
    std::string phone = copy.identity.id;
    if (phone.empty() && !copy.address.is_none())
      phone = std::string(kByAddress) + copy.address.to_string();
    rows_.push_back({{"origin", order_.origin},
                     {"phone", std::move(phone)},
                     {"status", answer_.status},
                     {"bytes", bytes_},
                     {"good", whole && answer_.status == 200},
                     {"cache_status", answer_.fields.combined("Cache-Status")}});
    next();
  }

  Flow& flow_;
  const WarmOrder order_;
  const std::vector<WarmCopy> copies_;
  std::function<void(const json&)> done_;
  size_t at_ = 0;
  uint64_t bytes_ = 0;
  Answer answer_;
  json rows_ = json::array();
};

}  // namespace

WarmCopies copies_to_warm(const Store& store, const Flow& flow, const WarmOrder& order) {
  WarmCopies found;
  const auto add = [&](const std::string& id) {
    WarmCopy copy{identity_of(id), {}, agent_of(store, {order.origin, order.path, id})};
    if (id.starts_with(kByAddress)) {
      const auto address = IpAddress::parse(std::string(id.substr(kByAddress.size())));
      if (!address) return;
      copy.identity = {};
      copy.address = *address;
    }
    found.copies.push_back(std::move(copy));
  };
  const auto macs = macs_in_target(order.path);
  if (order.phone) {
    add(id_of(*order.phone));
    return found;
  }
  if (!macs.empty()) {
    add(macs.back());
    return found;
  }
  if (flow.classes().classify(order.path).shared) {
    add("");
    return found;
  }
  std::vector<std::string> ids;
  const auto note = [&](const Key& key) {
    if (key.origin == order.origin && key.target == order.path) ids.push_back(key.identity);
  };
  store.for_each([&](const EntryPtr& entry) { note(entry->key); });
  store.fetch_log().for_each([&](const FetchRow& row) { note(row.key); });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const auto& id : ids) {
    if (id.find('+') == std::string::npos) {
      add(id);
    } else {
      ++found.need_credentials;
    }
  }
  return found;
}

void warm(Flow& flow, const WarmOrder& order, std::vector<WarmCopy> copies,
          std::function<void(const json& rows)> done) {
  std::make_shared<Warming>(flow, order, std::move(copies), std::move(done))->next();
}

}  // namespace holdfast::provision
