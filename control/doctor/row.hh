// SPDX-License-Identifier: Apache-2.0
// What a check says: a line with its state, the reason, and what to do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::doctor {

enum class State : uint8_t { ok, warning, not_usable };

constexpr std::string_view to_string(State state) {
  return state == State::ok ? "ok" : state == State::warning ? "warning" : "not usable";
}

struct Row {
  std::string group;  // "driver", "memory", "interface lan", ...
  std::string name;
  State state = State::ok;
  std::string why;
  std::string todo;     // empty: nothing
  bool needed = false;  // by the configuration: not usable then means that a start would fail
};

// The rows of one group, as they are found.
class Rows {
 public:
  Rows(std::vector<Row>& all, std::string group) : all_(all), group_(std::move(group)) {}

  void ok(std::string name, std::string why) {
    all_.push_back({group_, std::move(name), State::ok, std::move(why), "", false});
  }
  void warn(std::string name, std::string why, std::string todo) {
    all_.push_back(
        {group_, std::move(name), State::warning, std::move(why), std::move(todo), false});
  }
  void refuse(std::string name, std::string why, std::string todo, bool needed) {
    all_.push_back(
        {group_, std::move(name), State::not_usable, std::move(why), std::move(todo), needed});
  }

 private:
  std::vector<Row>& all_;
  std::string group_;
};

}  // namespace holdfast::doctor
