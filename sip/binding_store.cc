// SPDX-License-Identifier: Apache-2.0
// Bindings as plain values for a store, and back.
#include <algorithm>
#include <utility>

#include "sip/binding_table.hh"

namespace holdfast::sip {
namespace {

std::optional<Transport> transport_of(std::string_view name) {
  for (const Transport transport : {Transport::udp, Transport::tcp, Transport::tls})
    if (name_of(transport) == name) return transport;
  return std::nullopt;
}

// None if the stored values are not what save() writes.
std::optional<Binding> binding_of(const SavedBinding& saved) {
  const auto aor = Uri::parse(saved.aor), contact = Uri::parse(saved.contact);
  const auto transport = transport_of(saved.transport);
  const auto source = SocketAddress::parse(saved.source);
  if (!aor || !contact || !transport || !source || saved.path.size() > kMaxRouteEntries)
    return std::nullopt;
  Binding binding;
  binding.aor = *aor;
  binding.contact = *contact;
  binding.q_milli = std::min<uint16_t>(saved.q_milli, 1000);
  binding.instance = saved.instance;
  binding.reg_id = saved.reg_id;
  for (const std::string& text : saved.path) {
    const auto hop = Uri::parse(text);
    if (!hop) return std::nullopt;
    binding.path.push_back(*hop);
  }
  binding.source = {*source, *transport, saved.interface};
  binding.call_id = saved.call_id;
  binding.cseq = saved.cseq;
  return binding;
}

}  // namespace

std::vector<SavedBinding> BindingTable::save(uint64_t now_ms) const {
  std::vector<SavedBinding> all;
  for (const Binding* binding : list(now_ms)) {
    SavedBinding saved;
    saved.aor = binding->aor.to_string();
    saved.contact = binding->contact.to_string();
    saved.instance = binding->instance;
    saved.call_id = binding->call_id;
    saved.interface = binding->source.interface;
    saved.transport = name_of(binding->source.transport);
    saved.source = binding->source.address.to_string();
    for (const Uri& hop : binding->path) saved.path.push_back(hop.to_string());
    saved.remaining_ms = binding->expires_at_ms - now_ms;
    saved.reg_id = binding->reg_id;
    saved.cseq = binding->cseq;
    saved.q_milli = binding->q_milli;
    all.push_back(std::move(saved));
  }
  return all;
}

void BindingTable::load(uint64_t now_ms, const std::vector<SavedBinding>& saved) {
  const uint64_t least = uint64_t{config_.after_restart_min_s} * 1000;
  const uint64_t most = std::max(least, uint64_t{config_.longest_expiry_s} * 1000);
  for (const SavedBinding& one : saved) {
    auto binding = binding_of(one);
    if (!binding) {
      refuse(BindingReject::bad_contact);
      continue;
    }
    binding->expires_at_ms = now_ms + std::clamp(one.remaining_ms, least, most);
    put(now_ms, std::move(*binding));
  }
}

}  // namespace holdfast::sip
