// SPDX-License-Identifier: Apache-2.0
// The options of [[provision-origin]].
#include "dataplane/config/host.hh"
#include "provision-proxy/config/provision_options.hh"

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;
using Origin = ProvisionOriginConfig;

constexpr size_t kMaxName = 64;
constexpr size_t kMaxUrl = 300;
constexpr size_t kMaxPath = 4096;
constexpr std::string_view kProfiles[] = {"phone", "rfc"};
constexpr std::string_view kStore[] = {"rfc", "always"};
constexpr std::string_view kStale[] = {"rfc", "on-unreachable"};
constexpr std::string_view kOwner[] = {"strict", "neighbour-if-known", "off"};

Wrong read_name(const TomlValue& value, Origin& origin) {
  if (auto wrong = read_text(value, origin.name, kMaxName)) return wrong;
  if (origin.name.empty()) return "is empty; name the origin";
  return std::nullopt;
}

// http://HOST[:PORT], https://HOST[:PORT]; a path would be one that phones do not know of.
Wrong read_url(const TomlValue& value, Origin& origin) {
  std::string text;
  if (auto wrong = read_text(value, text, kMaxUrl)) return wrong;
  ProvisionUrl url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return quoted(text) +
           " is neither http:// nor https://; write it like "
           "http://provision.example:8088";
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (const auto end = rest.find_first_of("/?#@"); end != std::string_view::npos) {
    return rest[end] == '@' ? "holds a user; phones bring their own, remove it"
                            : quoted(rest.substr(end)) +
                                  " does not belong here: the paths are those that phones ask for";
  }
  HostPort host{{}, static_cast<uint16_t>(url.tls ? 443 : 80), {}};
  if (auto wrong = read_host_port(rest, host)) return wrong;
  url.host = host.host;
  url.port = host.port;
  origin.url = std::move(url);
  return std::nullopt;
}

const Option<Origin> kOrigin[] = {
    {{"name", "text", "1 to 64 characters, unique", "required", "Names it in reports.",
      "\"centre\""},
     read_name},
    {{"url", "text", "http://HOST[:PORT] or https://HOST[:PORT]", "required",
      "Where the centre's provisioning server is; port 80 or 443 unless written. No other host is "
      "ever asked, whatever a phone or a redirect says.",
      "\"http://provision.centre.example:8088\""},
     read_url},
    {{"profile", "text", "phone, rfc", "\"phone\"",
      "`phone`: each request is checked with the origin, and a new version has to be plausible; "
      "`rfc`: a shared cache by RFC 9111, no more and no less: it knows neither phones nor "
      "contracts, so that store, serve-stale, owner-check and enumeration-limit are refused.",
      ""},
     [](const TomlValue& v, Origin& o) { return read_word(v, o.profile, kProfiles); }},
    {{"store", "text", "rfc, always", "\"rfc\"",
      "Contract with the origin. `always`: keep what it says must not be stored (`no-store`, "
      "`private`), for the phone that asked.",
      ""},
     [](const TomlValue& v, Origin& o) { return read_word(v, o.store, kStore); }},
    {{"serve-stale", "text", "rfc, on-unreachable", "\"rfc\"",
      "`on-unreachable`: while the origin cannot be reached, serve what was last known good even "
      "if it says `must-revalidate` or `no-cache`; `rfc`: answer 504 then.",
      ""},
     [](const TomlValue& v, Origin& o) { return read_word(v, o.serve_stale, kStale); }},
    {{"answer-ms", "whole number", "milliseconds, 100 to 60000", "1500",
      "An origin that is silent for so long after a request is away, where something is kept that "
      "can be given, and for an upload that can wait.",
      ""},
     [](const TomlValue& v, Origin& o) { return read_number(v, o.answer_ms, 100, 60000); }},
    {{"patience-ms", "whole number", "milliseconds, 100 to 60000", "15000",
      "The same where there is nothing else to give: it may have to make the file first.", ""},
     [](const TomlValue& v, Origin& o) { return read_number(v, o.patience_ms, 100, 60000); }},
    {{"connect-ms", "whole number", "milliseconds, 100 to 60000", "1000",
      "Time for a connection to one of its addresses.", ""},
     [](const TomlValue& v, Origin& o) { return read_number(v, o.connect_ms, 100, 60000); }},
    {{"stall-ms", "whole number", "milliseconds, 500 to 600000", "10000",
      "A body that stands still for so long is given up.", ""},
     [](const TomlValue& v, Origin& o) { return read_number(v, o.stall_ms, 500, 600000); }},
    {{"probe-s", "whole number", "seconds, 1 to 3600", "10",
      "While the origin is away, one request in so long tries it; all others are answered at once.",
      ""},
     [](const TomlValue& v, Origin& o) { return read_number(v, o.probe_s, 1, 3600); }},
    {{"ca", "text", "absolute path of a PEM file", "the system's",
      "Who signs the origin's certificate; https only.", "#\"/etc/holdfast/centre-ca.pem\""},
     [](const TomlValue& v, Origin& o) { return read_path(v, o.ca, kMaxPath); }},
    {{"client-certificate", "text", "absolute path of a PEM file", "none",
      "The certificate that we show to the origin; https only.", "#\"/etc/holdfast/branch.pem\""},
     [](const TomlValue& v, Origin& o) { return read_path(v, o.client_certificate, kMaxPath); }},
    {{"client-key", "text", "absolute path of a PEM file", "none", "Its private key.",
      "#\"/etc/holdfast/branch.key\""},
     [](const TomlValue& v, Origin& o) { return read_path(v, o.client_key, kMaxPath); }},
    {{"revalidate-s", "whole number", "seconds, 0 to 86400", "60",
      "A file without validators is fetched and compared at most once in so long.", ""},
     [](const TomlValue& v, Origin& o) { return read_number(v, o.revalidate_s, 0, 86400); }},
    {{"max-object-mib", "whole number", "MiB, 1 to 65536", "512",
      "A larger file is passed on but not kept.", ""},
     [](const TomlValue& v, Origin& o) { return read_number(v, o.max_object_mib, 1, 65536); }},
    {{"owner-check", "text", "strict, neighbour-if-known, off", "\"strict\"",
      "Who gets a file with a MAC in its name. `strict`: the phone that has this MAC by the "
      "kernel's neighbour table or its certificate; `neighbour-if-known`: anybody of whom neither "
      "is known, too (phones behind a router); `off`: anybody.",
      ""},
     [](const TomlValue& v, Origin& o) { return read_word(v, o.owner_check, kOwner); }},
    {{"enumeration-limit", "whole number", "phones, 0 to 1024", "8; 0 with owner-check off",
      "Of so many phones one source may have the files without proof that it is them. Who asks for "
      "one more, or is refused the files of 3, gets none for 10 minutes but with proof. A source "
      "is a neighbour's MAC, or an address: where many phones stand behind one, allow as many. 0: "
      "no limit.",
      "#8"},
     [](const TomlValue& v, Origin& o) {
       return read_number(v, o.enumeration_limit.emplace(), 0, 1024);
     }},
};

}  // namespace

std::span<const Option<Origin>> provision_origin_options() {
  return kOrigin;
}
std::string ProvisionUrl::to_string() const {
  const auto literal = IpAddress::parse(host);
  const bool v6 = literal && literal->is_v6();
  return std::string(tls ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}
std::string_view to_string(CacheProfile value) {
  return kProfiles[static_cast<size_t>(value)];
}
std::string_view to_string(StoreContract value) {
  return kStore[static_cast<size_t>(value)];
}
std::string_view to_string(StaleContract value) {
  return kStale[static_cast<size_t>(value)];
}
std::string_view to_string(OwnerCheck value) {
  return kOwner[static_cast<size_t>(value)];
}

}  // namespace holdfast::config
