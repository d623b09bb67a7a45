// SPDX-License-Identifier: Apache-2.0
// The table of link settings: one row gives the parser, the printer and the help of a setting.
#include "lab/link/rules.hh"

#include <array>
#include <utility>

#include "lab/link/units.hh"

namespace holdfast::lab {
namespace {

template <typename T>
bool store(T& field, const std::optional<T>& value) {
  if (value) field = *value;
  return value.has_value();
}

bool parse_switch(bool& field, std::string_view text) {
  if (text != "on" && text != "off") return false;
  field = text == "on";
  return true;
}

bool parse_match(Match& match, std::string_view text) {
  if (text == "all") {
    match = Match{};
    return true;
  }
  const size_t colon = text.find(':');
  const size_t dash = text.find('-', colon == std::string_view::npos ? 0 : colon);
  if (colon == std::string_view::npos || dash == std::string_view::npos) return false;
  const std::string_view kind = text.substr(0, colon);
  if (kind != "udp" && kind != "udp-even") return false;
  const auto first = parse_count(text.substr(colon + 1, dash - colon - 1), 65535);
  const auto last = parse_count(text.substr(dash + 1), 65535);
  if (!first || !last || *first > *last) return false;
  match = {kind == "udp" ? Match::Kind::udp : Match::Kind::udp_even, static_cast<uint16_t>(*first),
           static_cast<uint16_t>(*last)};
  return true;
}

std::string match_text(const Match& match) {
  if (match.kind == Match::Kind::all) return "all";
  return std::string(match.kind == Match::Kind::udp ? "udp:" : "udp-even:") +
         std::to_string(match.first_port) + "-" + std::to_string(match.last_port);
}

std::optional<uint16_t> parse_vlan_id(std::string_view text) {
  const auto id = parse_count(text, 4094);  // 4095 is reserved, 0 is priority only (802.1Q)
  if (!id || *id == 0) return {};
  return static_cast<uint16_t>(*id);
}

bool parse_vlan_push(std::optional<VlanTag>& tag, std::string_view text) {
  if (text == "off") {
    tag.reset();
    return true;
  }
  const size_t colon = text.find(':');
  const auto id = parse_vlan_id(text.substr(0, colon));
  const auto pcp = colon == std::string_view::npos ? std::optional<uint64_t>(0)
                                                   : parse_count(text.substr(colon + 1), 7);
  if (!id || !pcp) return false;
  tag = VlanTag{*id, static_cast<uint8_t>(*pcp)};
  return true;
}

bool parse_vlan_pop(std::optional<uint16_t>& id, std::string_view text) {
  if (text == "off") {
    id.reset();
    return true;
  }
  const auto parsed = parse_vlan_id(text);
  if (parsed) id = parsed;
  return parsed.has_value();
}

bool parse_loss_burst(LossBurst& burst, std::string_view text) {
  static constexpr double kMaxLoss = 0.9;  // above it the good state could not be reached
  const size_t colon = text.find(':');
  const auto loss = parse_probability(text.substr(0, colon));
  const auto length = colon == std::string_view::npos ? std::optional<uint64_t>(5)
                                                      : parse_count(text.substr(colon + 1), 1000);
  if (!loss || *loss > kMaxLoss || !length || *length == 0) return false;
  // With runs of one frame, at most every other frame can be lost; p = loss / (length (1 - loss)).
  if (*loss / (1 - *loss) > static_cast<double>(*length)) return false;
  burst = {*loss, static_cast<double>(*length)};
  return true;
}

std::string loss_burst_text(const LossBurst& burst) {
  return probability_text(burst.mean_loss) + ":" +
         std::to_string(static_cast<int>(burst.mean_length));
}

bool parse_reorder_by(uint32_t& field, std::string_view text) {
  const auto n = parse_count(text, 1000);
  if (!n || *n == 0) return false;
  field = static_cast<uint32_t>(*n);
  return true;
}

using Text = std::string_view;

struct Setting {
  Text name;
  Text form;
  Text help;
  bool (*parse)(Rules&, Text);
  std::string (*text)(const Rules&);
};

constexpr std::array<Setting, 14> kSettings{{
    {"delay", "20ms", "holds every frame so long",
     [](Rules& r, Text t) { return store(r.delay_ns, parse_duration_ns(t)); },
     [](const Rules& r) { return duration_text(r.delay_ns); }},
    {"jitter", "5ms", "adds a uniform 0 to 5 ms to the delay",
     [](Rules& r, Text t) { return store(r.jitter_ns, parse_duration_ns(t)); },
     [](const Rules& r) { return duration_text(r.jitter_ns); }},
    {"order", "on|off", "whether frames keep their order under jitter",
     [](Rules& r, Text t) { return parse_switch(r.keep_order, t); },
     [](const Rules& r) { return std::string(r.keep_order ? "on" : "off"); }},
    {"loss", "2%", "loses frames at random",
     [](Rules& r, Text t) { return store(r.loss, parse_probability(t)); },
     [](const Rules& r) { return probability_text(r.loss); }},
    {"loss-burst", "2%:5", "loses 2 % of the frames in runs of 5 on average (Gilbert-Elliott)",
     [](Rules& r, Text t) { return parse_loss_burst(r.loss_burst, t); },
     [](const Rules& r) { return loss_burst_text(r.loss_burst); }},
    {"duplicate", "1%", "sends frames twice",
     [](Rules& r, Text t) { return store(r.duplicate, parse_probability(t)); },
     [](const Rules& r) { return probability_text(r.duplicate); }},
    {"reorder", "1%", "holds frames back until reorder-by later ones have left",
     [](Rules& r, Text t) { return store(r.reorder, parse_probability(t)); },
     [](const Rules& r) { return probability_text(r.reorder); }},
    {"reorder-by", "3", "how many positions a reordered frame falls back, 1 to 1000",
     [](Rules& r, Text t) { return parse_reorder_by(r.reorder_by, t); },
     [](const Rules& r) { return std::to_string(r.reorder_by); }},
    {"rate", "2mbit", "limits the bits a second; 0 is no limit",
     [](Rules& r, Text t) { return store(r.rate_bps, parse_rate_bps(t)); },
     [](const Rules& r) { return rate_text(r.rate_bps); }},
    {"rate-queue", "50ms", "longest wait for the rate before a frame is dropped",
     [](Rules& r, Text t) { return store(r.rate_queue_ns, parse_duration_ns(t)); },
     [](const Rules& r) { return duration_text(r.rate_queue_ns); }},
    {"cut", "on|off", "loses everything, frames under way included",
     [](Rules& r, Text t) { return parse_switch(r.cut, t); },
     [](const Rules& r) { return std::string(r.cut ? "on" : "off"); }},
    {"match", "all|udp:20000-29999|udp-even:20000-29999",
     "which frames loss, bursts, duplicate and reorder may meet",
     [](Rules& r, Text t) { return parse_match(r.match, t); },
     [](const Rules& r) { return match_text(r.match); }},
    {"vlan-push", "100:5|off", "puts on an 802.1Q tag of this id and priority",
     [](Rules& r, Text t) { return parse_vlan_push(r.vlan_push, t); },
     [](const Rules& r) {
       return r.vlan_push ? std::to_string(r.vlan_push->id) + ":" + std::to_string(r.vlan_push->pcp)
                          : std::string("off");
     }},
    {"vlan-pop", "100|off", "takes this tag off and drops frames that do not carry it",
     [](Rules& r, Text t) { return parse_vlan_pop(r.vlan_pop, t); },
     [](const Rules& r) { return r.vlan_pop ? std::to_string(*r.vlan_pop) : std::string("off"); }},
}};

}  // namespace

std::string apply_settings(Rules& rules, const std::vector<std::string>& words) {
  Rules changed = rules;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    const std::string_view name = std::string_view(word).substr(0, equals);
    const Setting* setting = nullptr;
    for (const Setting& row : kSettings) {
      if (row.name == name) setting = &row;
    }
    if (setting == nullptr) return "no setting is called '" + std::string(name) + "'";
    if (equals == std::string::npos ||
        !setting->parse(changed, std::string_view(word).substr(equals + 1))) {
      return "'" + word + "' is not of the form " + std::string(name) + "=" +
             std::string(setting->form);
    }
  }
  rules = changed;
  return {};
}

std::vector<std::string> settings_text(const Rules& rules) {
  static const Rules kDefaults;
  std::vector<std::string> words;
  for (const Setting& row : kSettings) {
    const std::string text = row.text(rules);
    if (text != row.text(kDefaults)) words.push_back(std::string(row.name) + "=" + text);
  }
  return words;
}

std::string settings_help() {
  std::string help;
  for (const Setting& row : kSettings) {
    std::string form = std::string(row.name) + "=" + std::string(row.form);
    if (form.size() < 24) form.resize(24, ' ');
    help += "  " + form + " " + std::string(row.help) + "\n";
  }
  return help;
}

}  // namespace holdfast::lab
