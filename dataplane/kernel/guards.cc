// SPDX-License-Identifier: Apache-2.0
// The guard tables as nft scripts, applied by libnftables.
#include "dataplane/kernel/guards.hh"

#include <nftables/libnftables.h>

#include <memory>
#include <string_view>

#include "dataplane/kernel/link.hh"

namespace holdfast::dataplane {
namespace {

constexpr std::string_view kMediaTable = "inet holdfast_media";
constexpr std::string_view kOwnedTable = "netdev holdfast_owned";

// nft's output and its error text are both strings: keep them apart for Result.
struct NftError {
  std::string text;
};

Result<std::string, NftError> run_nft(const std::string& script) {
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> nft(nft_ctx_new(NFT_CTX_DEFAULT),
                                                              &nft_ctx_free);
  if (nft == nullptr) return NftError{"nftables: out of memory"};
  if (nft_ctx_buffer_output(nft.get()) != 0 || nft_ctx_buffer_error(nft.get()) != 0) {
    return NftError{"nftables: cannot buffer its output"};
  }
  if (nft_run_cmd_from_buffer(nft.get(), script.c_str()) == 0) {
    return std::string(nft_ctx_get_output_buffer(nft.get()));
  }
  return NftError{std::string("nftables: ") + nft_ctx_get_error_buffer(nft.get())};
}

Outcome apply(const std::string& script) {
  const auto ran = run_nft(script);
  return ran ? done() : Outcome(ran.error().text);
}

// One transaction takes the old table out, whether it is there or not, and may put a new one in.
std::string without(std::string_view table) {
  return "add table " + std::string(table) + "\ndelete table " + std::string(table) + "\n";
}

std::string media_rule(const MediaRange& range) {
  return std::string("    ") + (range.address.is_v4() ? "ip" : "ip6") + " daddr " +
         range.address.to_string() + " meta l4proto udp udp dport " +
         std::to_string(range.port_low) + "-" + std::to_string(range.port_high) + " counter drop\n";
}

// Later fragments have no ports: the kernel would take two bytes of their payload for one, and text
// such as SIP often looks like a port of the range.
constexpr std::string_view kLaterFragmentsPass =
    "    ip frag-off & 0x1fff != 0 accept\n    frag frag-off != 0 accept\n";

bool lists(const std::string& tables, std::string_view table) {
  return tables.find("table " + std::string(table) + "\n") != std::string::npos;
}

}  // namespace

Outcome guard_media(std::span<const MediaRange> ranges) {
  std::string rules;
  for (const MediaRange& range : ranges) {
    if (range.port_low == 0 || range.port_low > range.port_high) {
      return "no media port range: " + std::to_string(range.port_low) + "-" +
             std::to_string(range.port_high);
    }
    if (range.address.is_none()) return std::string("a media address is none");
    rules += media_rule(range);
  }
  // -450 stands before the kernel's reassembly for connection tracking (-400).
  return apply(
      without(kMediaTable) + "table " + std::string(kMediaTable) +
      " {\n  chain stray {\n    type filter hook prerouting priority -450; policy accept;\n" +
      std::string(kLaterFragmentsPass) + rules + "  }\n}\n");
}

Outcome guard_owned(std::span<const std::string> devices) {
  std::string script = without(kOwnedTable);
  if (devices.empty()) return apply(script);
  script += "table " + std::string(kOwnedTable) + " {\n";
  size_t number = 0;
  for (const std::string& device : devices) {
    if (const auto link = find_link(device); !link) return link.error();
    script += "  chain port" + std::to_string(number++) +
              " {\n    type filter hook ingress device \"" + device +
              "\" priority -500; policy drop;\n    counter drop\n  }\n";
  }
  return apply(script + "}\n");
}

bool guards_stand() {
  const auto tables = run_nft("list tables");
  return tables && (lists(*tables, kMediaTable) || lists(*tables, kOwnedTable));
}

Outcome remove_guards() {
  return apply(without(kMediaTable) + without(kOwnedTable));
}

}  // namespace holdfast::dataplane
