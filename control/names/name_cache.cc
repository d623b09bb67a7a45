// SPDX-License-Identifier: Apache-2.0
// Reads and writes the file of last good answers.
#include "control/names/name_cache.hh"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/state_file.hh"

namespace holdfast::names {
namespace {

using nlohmann::json;

constexpr size_t kMaxFileBytes = 256 * 1024;
constexpr size_t kMaxKept = 64;  // answers of a file; a round asks fewer questions

json to_json(const GoodAnswer& answer) {
  json addresses = json::array(), servers = json::array();
  for (const auto& ip : answer.addresses) addresses.push_back(ip.to_string());
  for (const auto& s : answer.servers)
    servers.push_back(
        {{"priority", s.priority}, {"weight", s.weight}, {"port", s.port}, {"target", s.target}});
  return {{"at", answer.at_unix_s}, {"addresses", addresses}, {"servers", servers}};
}

// Throws json's exceptions on anything that is not what to_json writes.
GoodAnswer answer_of(const json& text) {
  GoodAnswer answer;
  answer.at_unix_s = text.at("at").get<int64_t>();
  for (const auto& item : text.at("addresses")) {
    if (const auto ip = IpAddress::parse(item.get<std::string>())) answer.addresses.push_back(*ip);
  }
  for (const auto& s : text.at("servers"))
    answer.servers.push_back({s.at("priority").get<uint16_t>(), s.at("weight").get<uint16_t>(),
                              s.at("port").get<uint16_t>(), s.at("target").get<std::string>()});
  return answer;
}

}  // namespace

std::string NameCache::key_of(const Question& question) {
  return std::string(name_of(question.type)) + " " + question.name;
}

void NameCache::load(const std::string& path) {
  const auto text = read_state_file(path, kMaxFileBytes);
  if (!text) return;
  try {
    const auto document = json::parse(*text);
    for (const auto& [key, value] : document.items()) {
      if (answers_.size() < kMaxKept) answers_.emplace(key, answer_of(value));
    }
  } catch (const json::exception&) {
    answers_.clear();
  }
}

bool NameCache::save(const std::string& path) const {
  json document = json::object();
  for (const auto& [key, answer] : answers_) document[key] = to_json(answer);
  const auto text = document.dump(1, ' ', false, json::error_handler_t::replace);
  return write_state_file(path, text + "\n").empty();
}

const GoodAnswer* NameCache::find(const Question& question) const {
  const auto found = answers_.find(key_of(question));
  return found == answers_.end() ? nullptr : &found->second;
}

bool NameCache::put(const Question& question, GoodAnswer answer) {
  auto& kept = answers_[key_of(question)];
  const bool changed = kept.addresses != answer.addresses || kept.servers != answer.servers;
  kept = std::move(answer);
  return changed;
}

}  // namespace holdfast::names
