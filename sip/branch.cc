// SPDX-License-Identifier: Apache-2.0
// Keyed hashes for branches.
#include "sip/branch.hh"

#include <algorithm>

#include "sip/limits.hh"

namespace holdfast::sip {
namespace {

constexpr std::string_view kPrefix = "z9hG4bKhf";
constexpr size_t kHalf = 16;  // hex digits: a chance of 2^-64 to take a spiral for a loop

std::string half(const std::optional<Digest>& digest) {
  return digest ? to_hex(std::span(*digest).first(kHalf / 2)) : std::string{};
}

}  // namespace

std::string loop_hash(const Request& request, Peer peer, const Key& key) {
  std::string route;
  for (const NameAddress& hop : request.route) route += '<' + hop.uri.to_string() + '>';
  // Where it came from is part of the decision: a call that the centre sends back to us is a
  // spiral, though not a letter of it need have changed.
  return half(keyed_digest(key, {"loop", request.uri.to_string(), route, request.from.tag,
                                 request.to.tag, request.call_id, std::to_string(request.cseq),
                                 name_of(peer), request.origin.interface}));
}

std::string make_branch(const Request& request, size_t target, std::string_view hash,
                        const Key& key) {
  static const ViaField kNone;
  const ViaField& top = request.via.empty() ? kNone : request.via.front();
  return std::string(kPrefix) +
         half(keyed_digest(key, {"copy", top.branch, fold(top.host), std::to_string(top.port),
                                 std::to_string(target), hash})) +
         std::string(hash);
}

std::string make_second_branch(const Request& request, size_t target, std::string_view first,
                               const Key& key) {
  const std::string_view hash = first.substr(first.size() - std::min(first.size(), kHalf));
  return make_branch(request, kMaxTargets + target, hash, key);
}

bool is_loop(std::string_view branch, std::string_view hash) {
  return hash.size() == kHalf && branch.size() == kPrefix.size() + 2 * kHalf &&
         branch.starts_with(kPrefix) && equal_fold(branch.substr(kPrefix.size() + kHalf), hash);
}

}  // namespace holdfast::sip
