// SPDX-License-Identifier: Apache-2.0
// Folds the log into the states that are allowed.
#include "tests/provision-proxy/store/torture_model.hh"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <random>
#include <sstream>

namespace holdfast::provision::torture {

Key store_key(int key) {
  return {"http://centre.example", "/" + std::to_string(key) + ".cfg", std::to_string(key % 5)};
}

std::string body_of(int key, uint64_t version) {
  std::mt19937 random(static_cast<uint32_t>(version * 64 + static_cast<uint64_t>(key)));
  // Mostly small, some beyond what is kept in memory, few beyond what is checked inline.
  const auto kind = random() % 16;
  const size_t size = kind < 10 ? random() % 6000 : kind < 15 ? random() % 100'000 : 270'000;
  std::string body = "key=" + std::to_string(key) + " version=" + std::to_string(version) + "\n";
  while (body.size() < size) {
    const auto word = static_cast<uint32_t>(random());
    body.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return body;
}

Meta meta_of(int key, uint64_t version, uint64_t checked) {
  Meta meta;
  meta.status = 200;
  meta.reason = "OK";
  meta.fields.add("ETag", "\"" + std::to_string(key) + "-" + std::to_string(version) + "\"");
  meta.fields.add("X-Version", std::to_string(version));
  meta.fields.add("X-Checked", std::to_string(checked));
  meta.request_ms = meta.response_ms = meta.validated_ms = 1'000'000;
  return meta;
}

std::optional<Generation> generation_of(const Entry& entry) {
  const auto number = [&](const char* name) -> std::optional<uint64_t> {
    const auto text = entry.meta.fields.find(name);
    uint64_t value = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
      return std::nullopt;
    return value;
  };
  const auto version = number("X-Version"), checked = number("X-Checked");
  if (!version || !checked) return std::nullopt;
  return Generation{*version, *checked, entry.must_validate};
}

Model::Model(const std::string& log_path) {
  for (int key = 0; key < kKeys; ++key) keys_[key];
  std::ifstream log(log_path);
  for (std::string line; std::getline(log, line);) {
    std::istringstream words(line);
    char what = 0, op = 0;
    int key = 0;
    uint64_t number = 0, result = 0;
    words >> what;
    if (what == 'N') {
      words >> next_;
      continue;
    }
    words >> key;
    KeyState& state = keys_[key];
    if (what == 'B') {
      Generation generation;
      words >> generation.version >> generation.checked >> generation.must_validate;
      state.trusted.push_back(generation);
    } else if (what == 'X') {
      words >> number;
      state.distrusted.push_back(number);
    } else if (what == 'S') {
      words >> op >> number >> result;
      state.begun = KeyState::Begun{static_cast<Op>(op), number, result};
      next_ = std::max(next_, number + 1);
    } else if (what == 'A') {
      words >> op >> number >> result;
      if (result != 0 && state.begun) apply(key, state, *state.begun, result);
      state.begun.reset();
    }
  }
}

void Model::apply(int key, KeyState& state, const KeyState::Begun& begun, uint64_t result) {
  auto& trusted = state.trusted;
  const uint64_t number = begun.number;
  // The newer ones had been evicted when it began.
  while (keep_of(key) == Keep::kNormal && !trusted.empty() &&
         trusted.front().version != begun.version)
    trusted.erase(trusted.begin());
  switch (begun.op) {
    case Op::kCommit:
      for (auto& older : trusted) older.must_validate = true;
      trusted.insert(trusted.begin(), {number, 0, false});
      break;
    case Op::kRenew:
    case Op::kUpdate:
      if (!trusted.empty()) trusted.front() = {trusted.front().version, number, false};
      break;
    case Op::kInvalidate:
      for (auto& each : trusted) each.must_validate = true;
      break;
    case Op::kRollback:
      if (trusted.empty()) break;
      state.distrusted.push_back(trusted.front().version);
      trusted.erase(trusted.begin());
      while (result > 1 && !trusted.empty() && trusted.front().version != result)
        trusted.erase(trusted.begin());
      break;
    case Op::kRemove:
      trusted.clear();
      break;
  }
}

namespace {

// `loose`: which of the older ones is current cannot be known.
std::string differs(const KeyState& wanted, const std::vector<Generation>& found, bool good,
                    bool loose) {
  size_t at = 0;
  for (const auto& generation : found) {
    if (std::count(wanted.distrusted.begin(), wanted.distrusted.end(), generation.version) > 0)
      return "version " + std::to_string(generation.version) + " was rolled back";
    while (at < wanted.trusted.size() && wanted.trusted[at].version != generation.version) ++at;
    if (at == wanted.trusted.size())
      return "version " + std::to_string(generation.version) + " is not expected there";
    const Generation& known = wanted.trusted[at];
    if (known.checked != generation.checked)
      return "version " + std::to_string(known.version) + " has metadata " +
             std::to_string(generation.checked) + " instead of " + std::to_string(known.checked);
    if (known.must_validate && !generation.must_validate)
      return "version " + std::to_string(known.version) + " is believed fresh";
  }
  const bool newest = !found.empty() && !wanted.trusted.empty() &&
                      found.front().version == wanted.trusted.front().version;
  if (good && !loose && !wanted.trusted.empty() && !newest)
    return "version " + std::to_string(wanted.trusted.front().version) + " is lost";
  if (!found.empty() && !newest && !found.front().must_validate)
    return "an older version is believed fresh";
  return "";
}

}  // namespace

std::string Model::compare(int key, const std::vector<EntryPtr>& entries) const {
  const KeyState& before = keys_.at(key);
  std::vector<Generation> found;
  for (const auto& entry : entries) {
    const auto generation = generation_of(*entry);
    if (!generation) return "metadata that nobody wrote";
    if (entry->meta.validated_ms != 0) return "marked as validated in this run";
    if (!entry->distrusted) found.push_back(*generation);
  }
  const bool good = keep_of(key) == Keep::kLastGood;
  std::string error = differs(before, found, good, false);
  if (error.empty() || !before.begun) return error;
  KeyState after = before;
  apply(key, after, *before.begun, 1);
  const std::string other = differs(after, found, good, before.begun->op == Op::kRollback);
  return other.empty() ? "" : error + "; or, had it been done, " + other;
}

}  // namespace holdfast::provision::torture
