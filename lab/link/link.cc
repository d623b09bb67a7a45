// SPDX-License-Identifier: Apache-2.0
// Moves frames through the two directions of a link, and carries out commands.
#include "lab/link/link.hh"

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "lab/link/units.hh"

namespace holdfast::lab {
namespace {

// Beyond the two queues: a burst being received on each port, one being sent, one in hand.
constexpr size_t kSlotsInHand = 4 * kBurst;
constexpr uint64_t kMaxBurstLoss = 1'000'000;
// The two directions must not lose the same frames; their seeds differ in this bit.
constexpr uint64_t kOtherWay = uint64_t{1} << 63;

nlohmann::json direction_json(const Direction& direction) {
  const LinkCounters& counters = direction.counters();
  nlohmann::json dropped = nlohmann::json::object();
  for (size_t i = 0; i < kLinkDropNames.size(); ++i) {
    dropped[std::string(kLinkDropNames[i])] = counters.dropped[i];
  }
  return {{"rules", settings_text(direction.rules())},
          {"in", counters.in},
          {"out", counters.out},
          {"matched", counters.matched},
          {"duplicated", counters.duplicated},
          {"reordered", counters.reordered},
          {"queued", direction.queued()},
          {"burst_left", direction.burst_left()},
          {"dropped", dropped}};
}

std::vector<std::string> split_words(std::string_view line) {
  std::istringstream stream{std::string(line)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

Link::Link(const LinkOptions& options)
    : options_(options),
      pool_(2 * (options.queue_frames + kSlotsInHand)),
      port_a_(pool_),
      port_b_(pool_),
      a_to_b_(options.a_to_b, options.seed, options.queue_frames, pool_),
      b_to_a_(options.b_to_a, options.seed ^ kOtherWay, options.queue_frames, pool_) {}

std::string Link::open() {
  if (options_.interface_a == options_.interface_b) return "a link needs two interfaces";
  std::string error = port_a_.open(options_.interface_a);
  return error.empty() ? port_b_.open(options_.interface_b) : error;
}

void Link::receive(PacketPort& from, Direction& direction, int64_t now_ns) {
  std::array<Frame*, kBurst> frames;
  const ReceiveResult got = from.receive(frames);
  for (size_t i = 0; i < got.oversize; ++i) direction.count_oversize();
  for (size_t i = 0; i < got.frames; ++i) direction.accept(frames[i], now_ns);
}

void Link::send_due(int64_t now_ns) {
  send_due(a_to_b_, port_b_, now_ns);
  send_due(b_to_a_, port_a_, now_ns);
}

void Link::send_due(Direction& direction, PacketPort& to, int64_t now_ns) {
  std::array<Frame*, kBurst> frames;
  std::array<bool, kBurst> refused;
  size_t n = kBurst;
  while (n == kBurst) {
    n = direction.collect(frames, now_ns);
    to.send(std::span(frames).first(n), refused);
    for (size_t i = 0; i < n; ++i) {
      if (refused[i]) direction.send_failed();
      pool_.give(frames[i]);
    }
  }
}

int64_t Link::next_due_ns() const {
  return std::min(a_to_b_.next_due_ns(), b_to_a_.next_due_ns());
}

std::string Link::show() {
  nlohmann::json a = direction_json(a_to_b_);
  nlohmann::json b = direction_json(b_to_a_);
  const auto add_port = [](nlohmann::json& json, PacketPort& from, const PacketPort& to) {
    json["from"] = from.name();
    json["to"] = to.name();
    json["socket_drops"] = from.socket_drops();
    json["unfinished_checksums"] = from.unfinished_checksums();
  };
  add_port(a, port_a_, port_b_);
  add_port(b, port_b_, port_a_);
  return nlohmann::json{{"a-to-b", a}, {"b-to-a", b}, {"seed", options_.seed}}.dump();
}

std::string Link::command_help() {
  return "set|burst|seed|heal take a direction first: a-to-b, b-to-a or both\n"
         "  set DIR SETTING...       changes rules; frames under way keep their time\n"
         "  burst DIR N              loses the next N matching frames\n"
         "  heal DIR                 back to the rules of the start\n"
         "  reset                    heal both, counters to zero, chance back to its seed\n"
         "  seed N                   chance starts anew from N, both directions\n"
         "  show                     rules and counters as one line of JSON\n";
}

std::string Link::command(std::string_view line) {
  std::vector<std::string> words = split_words(line);
  if (words.empty()) return "error: an empty command";
  const std::string verb = words[0];
  if (verb == "show" && words.size() == 1) return show();
  if (verb == "reset" && words.size() == 1) {
    a_to_b_.reset();
    b_to_a_.reset();
    return "ok";
  }
  if (verb == "seed" && words.size() == 2) {
    const auto seed = parse_count(words[1], ~uint64_t{0});
    if (!seed) return "error: '" + words[1] + "' is no seed";
    options_.seed = *seed;
    a_to_b_.seed(*seed);
    b_to_a_.seed(*seed ^ kOtherWay);
    return "ok";
  }
  if (words.size() < 2 || (verb != "set" && verb != "burst" && verb != "heal")) {
    return "error: '" + std::string(line) + "' is no command (set, burst, heal, reset, seed, show)";
  }
  const bool a = words[1] == "a-to-b" || words[1] == "both";
  const bool b = words[1] == "b-to-a" || words[1] == "both";
  if (!a && !b) return "error: '" + words[1] + "' is no direction (a-to-b, b-to-a, both)";
  words.erase(words.begin(), words.begin() + 2);
  Rules rules_a = a_to_b_.rules();
  Rules rules_b = b_to_a_.rules();
  if (verb == "set") {
    if (words.empty()) return "error: set needs at least one setting";
    std::string error = apply_settings(rules_a, words);
    if (error.empty()) error = apply_settings(rules_b, words);
    if (!error.empty()) return "error: " + error;
    if (a) a_to_b_.set_rules(rules_a);
    if (b) b_to_a_.set_rules(rules_b);
  } else if (verb == "burst") {
    const auto n = words.size() == 1 ? parse_count(words[0], kMaxBurstLoss) : std::nullopt;
    if (!n) return "error: burst needs a number of frames, at most 1000000";
    if (a) a_to_b_.drop_next(*n);
    if (b) b_to_a_.drop_next(*n);
  } else {
    if (!words.empty()) return "error: heal takes a direction only";
    if (a) a_to_b_.heal();
    if (b) b_to_a_.heal();
  }
  return "ok";
}

}  // namespace holdfast::lab
