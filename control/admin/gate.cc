// SPDX-License-Identifier: Apache-2.0
// Judges the header of a request.
#include "control/admin/gate.hh"

#include <algorithm>

#include "sip/uri.hh"

namespace holdfast::admin {
namespace {

// A page of another origin that got our address for its own name (DNS rebinding) still sends its
// own name as Host.
bool is_near_host(std::string_view host) {
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos) return false;
    const auto rest = host.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return false;
    return IpAddress::parse(host.substr(1, close - 1)).has_value();
  }
  const auto name = host.substr(0, host.find(':'));
  return sip::equal_fold(name, "localhost") || IpAddress::parse(name).has_value();
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f;
  });
}

}  // namespace

std::string_view name_of(Refusal refusal) {
  constexpr std::string_view kNames[] = {
#define HOLDFAST_X(name, status, text) #name,
      HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kNames[static_cast<size_t>(refusal)];
}

std::string_view text_of(Refusal refusal) {
  constexpr std::string_view kTexts[] = {
#define HOLDFAST_X(name, status, text) text,
      HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kTexts[static_cast<size_t>(refusal)];
}

unsigned status_of(Refusal refusal) {
  constexpr unsigned kStatus[] = {
#define HOLDFAST_X(name, status, text) status,
      HOLDFAST_GATE_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kStatus[static_cast<size_t>(refusal)];
}

std::optional<Refusal> check_head(const HttpHead& head, Door door, bool any_host) {
  if (head.version != 11) return Refusal::bad_version;
  if (head.method != "GET" && !(head.method == "POST" && door == Door::kSocket))
    return Refusal::bad_method;
  if (!head.target.starts_with('/') || head.target.size() > kMaxTargetBytes ||
      !is_plain(head.target))
    return Refusal::bad_target;
  size_t hosts = 0;
  std::string_view host;
  for (const auto& [name, value] : head.fields) {
    if (!is_plain(value)) return Refusal::folded_or_odd_field;
    if (sip::equal_fold(name, "Host")) ++hosts, host = value;
    if (sip::equal_fold(name, "Transfer-Encoding")) return Refusal::transfer_encoding;
    if (sip::equal_fold(name, "Content-Length") && value != "0") return Refusal::has_body;
  }
  if (hosts != 1 || host.empty()) return Refusal::no_single_host;
  if (door == Door::kPage && !any_host && !is_near_host(host)) return Refusal::foreign_host;
  return std::nullopt;
}

}  // namespace holdfast::admin
