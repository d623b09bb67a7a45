// SPDX-License-Identifier: Apache-2.0
// Bodies from a table: named ones, and what is done to them.
#include "plausible_table.hh"

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "provision-proxy/phone/ascii.hh"
#include "provision-proxy/phone/identity.hh"

namespace holdfast::provision {
namespace {

using nlohmann::json;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  int high = -1;
  for (const char c : hex) {
    if (is_space(c)) continue;
    const int digit = hex_digit(c);
    if (digit < 0) throw std::runtime_error("no hex: " + hex);
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high * 16 + digit);
      high = -1;
    }
  }
  return bytes;
}

std::string random_bytes(size_t size, uint32_t seed) {
  std::minstd_rand numbers(seed);
  std::string bytes;
  while (bytes.size() < size) bytes += static_cast<char>(numbers() >> 8 & 0xff);
  return bytes;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  if (text.find(from) == std::string::npos) throw std::runtime_error("not in the body: " + from);
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string body_of(const json& bodies, const json& told) {
  if (told.is_string()) return told;
  std::string body;
  if (told.contains("of")) body = bodies.at(told["of"].get<std::string>());
  if (told.contains("hex")) body = from_hex(told["hex"]);
  if (told.contains("random")) body = random_bytes(told["random"], told.value("seed", 1U));
  for (const auto& pair : told.value("replace", json::array())) replace_all(body, pair[0], pair[1]);
  if (told.contains("drop_lines")) {
    auto lines = lines_of(body);
    for (const size_t number : told["drop_lines"]) lines.at(number - 1).clear();
    body.clear();
    for (const auto& line : lines) body += line;
  }
  if (told.contains("keep_bytes")) body.resize(told["keep_bytes"].get<size_t>());
  if (told.contains("keep_lines")) {
    auto lines = lines_of(body);
    lines.resize(told["keep_lines"].get<size_t>());
    body.clear();
    for (const auto& line : lines) body += line;
  }
  if (told.contains("grow")) {
    const std::string line = told["grow"][0];
    const size_t at = body.find(line);
    if (at == std::string::npos) throw std::runtime_error("not in the body: " + line);
    for (size_t i = 0; i < told["grow"][1].get<size_t>(); ++i) body.insert(at, line);
  }
  body += told.value("append", "");
  const std::string once = body;
  for (size_t i = 1; i < told.value("repeat", size_t{1}); ++i) body += once;
  return body;
}

}  // namespace

std::vector<PlausibleCase> read_plausible_table(const std::string& file) {
  std::ifstream in(file);
  const json table = json::parse(in);
  const json bodies = table.value("bodies", json::object());
  std::vector<PlausibleCase> cases;
  for (const json& row : table.at("cases")) {
    PlausibleCase c;
    c.name = row.at("name");
    c.kind = row.value("kind", "");
    c.path = row.at("path");
    // Told, or as the proxy finds it.
    c.identity = row.contains("identity") ? row["identity"].get<std::string>()
                                          : identify(c.path, "", std::nullopt).id;
    c.encoding = row.value("encoding", "");
    c.want = row.at("want");
    c.status = row.value("status", 200);
    c.whole = row.value("whole", true);
    if (row.contains("declared")) c.declared = row["declared"].get<uint64_t>();
    if (row.contains("old")) c.old_body = body_of(bodies, row["old"]);
    c.new_body = body_of(bodies, row.at("new"));
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace holdfast::provision
