// SPDX-License-Identifier: Apache-2.0
// The options of [[gateway]] and [dial-plan].
#include <algorithm>

#include "control/config/site_options.hh"

namespace holdfast::config {
namespace {

using Wrong = std::optional<std::string>;
using sip::Gateway;
using sip::PrefixRule;

constexpr size_t kMaxName = 64;
constexpr size_t kMaxHost = 260;
constexpr size_t kMaxNumber = 64;  // longer ones are no numbers: the dial plan's judge says so

const Option<Gateway> kGateway[] = {
    {{"name", "text", "1 to 64 characters, unique", "required", "Names it in reports.", "\"pstn\""},
     [](const TomlValue& v, Gateway& g) -> Wrong {
       if (auto wrong = read_text(v, g.name, kMaxName)) return wrong;
       if (g.name.empty()) return "is empty; name the gateway";
       return std::nullopt;
     }},
    {{"address", "text", "ADDRESS or ADDRESS:PORT", "required",
      "Its address; port 5060 unless written, 5061 by TLS. Names are not looked up: a gateway has "
      "to be found when nothing else can be.",
      "\"198.18.1.20:5060\""},
     [](const TomlValue& v, Gateway& g) { return read_address(v, 0, g.address); }},
    {{"transport", "text", "udp, tcp, tls", "\"udp\"",
      "Transport to it. With tls only what comes by TLS is taken as the gateway's.", ""},
     [](const TomlValue& v, Gateway& g) { return read_word(v, g.transport, transport_words()); }},
    {{"ca", "text", "absolute path of a PEM file", "required with tls",
      "Who signs the gateway's certificate: nobody else is believed, the centre's CA neither. Read "
      "again on SIGHUP.",
      "#\"/etc/holdfast/tls/pstn-ca.pem\""},
     [](const TomlValue& v, Gateway& g) { return read_path(v, g.ca, kMaxFilePath); }},
    {{"tls-names", "list of texts", "host names or addresses, at most 16", "address",
      "The gateway's certificate is for one of these. The first that is no address is asked for "
      "(SNI).",
      "#[\"pstn.example\"]"},
     [](const TomlValue& v, Gateway& g) {
       return read_texts(v, g.tls_names, kMaxTlsNames, kMaxHost, check_host);
     }},
    {{"interface", "text", "name of an [[interface]]", "required",
      "The interface behind which it is; it has a [[sip-listener]].", "\"lan\""},
     [](const TomlValue& v, Gateway& g) { return read_text(v, g.interface, 11); }},
    {{"max-calls", "whole number", "calls, 0 to 65536", "0",
      "Calls at a time over its trunk; what is over takes the next gateway that has room, or is "
      "refused with 480. 0: no limit. Calls for help are not asked.",
      ""},
     [](const TomlValue& v, Gateway& g) { return read_number(v, g.limits.max_calls, 0, 65536); }},
    {{"max-kbit", "whole number", "kbit/s, 0 to 100000000", "0",
      "The same for the bandwidth of their media in one direction, counted as that of [centre].",
      ""},
     [](const TomlValue& v, Gateway& g) {
       return read_number(v, g.limits.max_kbit, 0, 100000000);
     }},
    {{"link-overhead-bytes", "whole number", "bytes, 0 to 200", "0",
      "What the link adds to each IP packet, for max-kbit.", ""},
     [](const TomlValue& v, Gateway& g) {
       return read_number(v, g.limits.overhead_bytes, 0, 200);
     }},
};

const Option<PrefixRule> kRule[] = {
    {{"prefix", "text", "digits, * and #, a + in front at most", "\"\"",
      "Numbers that begin with it; the longest one that fits is taken. Empty: every number.", ""},
     [](const TomlValue& v, PrefixRule& r) { return read_text(v, r.prefix, kMaxNumber); }},
    {{"strip", "whole number", "digits, 0 to 32", "0", "So many digits go away from the front.",
      ""},
     [](const TomlValue& v, PrefixRule& r) { return read_number(v, r.strip, 0, 32); }},
    {{"prepend", "text", "digits, * and #, a + in front at most", "\"\"",
      "And this comes in front.", ""},
     [](const TomlValue& v, PrefixRule& r) { return read_text(v, r.prepend, kMaxNumber); }},
    {{"min-digits", "whole number", "digits, 1 to 32", "1",
      "Shortest number that the row takes, as dialled, a + counted.", ""},
     [](const TomlValue& v, PrefixRule& r) { return read_number(v, r.min_digits, 1, 32); }},
    {{"max-digits", "whole number", "digits, 1 to 32", "32", "The longest.", ""},
     [](const TomlValue& v, PrefixRule& r) { return read_number(v, r.max_digits, 1, 32); }},
};

std::string in_row(size_t row, uint32_t line, const std::string& what) {
  return "row " + std::to_string(row) + " (line " + std::to_string(line) + "): " + what;
}

// One table of a list through its option rows.
Wrong read_rule(const TomlValue& item, PrefixRule& rule) {
  const auto* table = item.table();
  if (table == nullptr) return "needs a table like {prefix = \"9\", strip = 1}";
  for (const auto& entry : *table) {
    const auto option = std::find_if(std::begin(kRule), std::end(kRule),
                                     [&](const auto& o) { return o.doc.name == entry.key; });
    if (option == std::end(kRule)) {
      std::vector<std::string_view> names;
      for (const auto& o : kRule) names.push_back(o.doc.name);
      return quoted(entry.key) + " is not an option" + did_you_mean(entry.key, names);
    }
    if (auto wrong = option->read(entry.value, rule)) return entry.key + ": " + *wrong;
  }
  return std::nullopt;
}

// The rows of a list, each read by `read`; their lines beside them.
template <typename Row>
Wrong read_rows(const TomlValue& value, std::vector<Row>& rows, std::vector<uint32_t>& lines,
                Wrong (*read)(const TomlValue&, Row&)) {
  const auto* list = value.list();
  if (list == nullptr) return "needs a list of rows in brackets, not " + std::string(value.kind());
  if (list->size() > sip::kMaxDialPlanRows) {
    return "has " + std::to_string(list->size()) + " rows; at most " +
           std::to_string(sip::kMaxDialPlanRows) + " are possible";
  }
  rows.clear();
  lines.clear();
  for (const auto& item : *list) {
    Row row;
    if (auto wrong = read(item, row)) return in_row(rows.size() + 1, item.line, *wrong);
    rows.push_back(std::move(row));
    lines.push_back(item.line);
  }
  return std::nullopt;
}

// "911", or {dialled = "9911", sent = "911"}.
Wrong read_emergency(const TomlValue& item, sip::EmergencyNumber& number) {
  if (item.text() != nullptr) {
    if (auto wrong = read_text(item, number.dialled, kMaxNumber)) return wrong;
    number.sent = number.dialled;
    return std::nullopt;
  }
  const std::string shape = "needs a number in quotes, or {dialled = \"9911\", sent = \"911\"}";
  if (item.table() == nullptr || item.table()->size() != 2) return shape;
  for (const auto& entry : *item.table()) {
    if (entry.key != "dialled" && entry.key != "sent") return shape;
    auto& out = entry.key == "sent" ? number.sent : number.dialled;
    if (auto wrong = read_text(entry.value, out, kMaxNumber)) return entry.key + ": " + *wrong;
  }
  return std::nullopt;
}

const Option<DialPlanSection> kDialPlan[] = {
    {{"emergency", "list of texts or tables", "\"911\" or {dialled, sent}, at most 256", "[]",
      "Numbers that reach help: they go to the gateway at once, in every state, and are never "
      "refused for load. `dialled` is what the caller dials, `sent` what the gateway wants. "
      "Required when there is a gateway.",
      "[\"911\", {dialled = \"9911\", sent = \"911\"}]"},
     [](const TomlValue& v, DialPlanSection& s) {
       return read_rows(v, s.config.emergency, s.emergency_lines, read_emergency);
     }},
    {{"outbound", "list of tables", "rows as below, at most 256", "[]",
      "Numbers that go to the gateway while the centre is away, when they are no extension.",
      "[{prefix = \"9\", strip = 1, min-digits = 4}]"},
     [](const TomlValue& v, DialPlanSection& s) {
       return read_rows(v, s.config.outbound, s.outbound_lines, read_rule);
     }},
    {{"inbound", "list of tables", "rows as below, at most 256", "[]",
      "How the gateway's numbers become extensions while the centre is away.",
      "[{prefix = \"+1212555\", strip = 8, min-digits = 12}]"},
     [](const TomlValue& v, DialPlanSection& s) {
       return read_rows(v, s.config.inbound, s.inbound_lines, read_rule);
     }},
    {{"reject-code", "whole number", "SIP status, 400 to 699, not 503", "480",
      "Answer to what no row fits.", ""},
     [](const TomlValue& v, DialPlanSection& s) {
       return read_number(v, s.config.reject_code, 400, 699);
     }},
};

}  // namespace

std::span<const Option<Gateway>> gateway_options() {
  return kGateway;
}
std::span<const Option<PrefixRule>> prefix_rule_options() {
  return kRule;
}
std::span<const Option<DialPlanSection>> dial_plan_options() {
  return kDialPlan;
}

}  // namespace holdfast::config
