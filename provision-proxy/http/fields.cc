// SPDX-License-Identifier: Apache-2.0
// Keeps header fields in one piece of memory.
#include "provision-proxy/http/fields.hh"

#include <functional>
#include <utility>

#include "provision-proxy/http/text.hh"

namespace holdfast::provision {
namespace {

// Removed fields leave their bytes behind; from here on they are taken back.
constexpr size_t kWasteBytes = 1024;

bool lies_in(std::string_view view, const std::string& bytes) {
  const std::less_equal<> before;
  return !view.empty() && before(bytes.data(), view.data()) &&
         before(view.data(), bytes.data() + bytes.size());
}

}  // namespace

Fields::Slot Fields::append(std::string_view name, std::string_view value) {
  const Slot slot{static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(name.size()),
                  static_cast<uint32_t>(value.size())};
  // Either may be a view of bytes_ itself, which moves as it grows.
  if (lies_in(name, bytes_) || lies_in(value, bytes_)) {
    const std::string both = std::string(name).append(value);
    bytes_ += both;
  } else {
    bytes_.append(name).append(value);
  }
  for (size_t i = slot.at + slot.name_size; i < bytes_.size(); ++i) {
    char& c = bytes_[i];
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  return slot;
}

void Fields::add(std::string_view name, std::string_view value) {
  if (!is_token(name)) return;
  slots_.push_back(append(name, strip_ows(value)));
}

void Fields::set(std::string_view name, std::string_view value) {
  if (!is_token(name)) return;
  const Slot slot = append(name, strip_ows(value));
  const std::string_view named(bytes_.data() + slot.at, slot.name_size);
  size_t kept = 0;
  bool placed = false;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!same_word(at(i).name, named)) {
      slots_[kept++] = slots_[i];
    } else if (!placed) {
      slots_[kept++] = slot;
      placed = true;
    }
  }
  slots_.resize(kept);
  if (!placed) slots_.push_back(slot);
  compact_if_wasteful();
}

size_t Fields::remove(std::string_view name) {
  return remove_if([&](const Field& field) { return same_word(field.name, name); });
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Field field : *this)
    if (same_word(field.name, name)) return field.value;
  return std::nullopt;
}

size_t Fields::count(std::string_view name) const {
  size_t n = 0;
  for (const Field field : *this) n += same_word(field.name, name) ? 1 : 0;
  return n;
}

std::string Fields::combined(std::string_view name) const {
  std::string all;
  bool first = true;
  for (const Field field : *this) {
    if (!same_word(field.name, name)) continue;
    if (!first) all += ", ";
    all += field.value;
    first = false;
  }
  return all;
}

Field Fields::at(size_t index) const {
  const Slot& slot = slots_[index];
  const std::string_view bytes(bytes_);
  return {bytes.substr(slot.at, slot.name_size),
          bytes.substr(slot.at + slot.name_size, slot.value_size)};
}

std::string Fields::text() const {
  std::string text;
  text.reserve(bytes_.size() + slots_.size() * 4);
  for (const Field field : *this)
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  return text;
}

bool Fields::operator==(const Fields& other) const {
  if (size() != other.size()) return false;
  for (size_t i = 0; i < size(); ++i) {
    const Field a = at(i), b = other.at(i);
    if (a.name != b.name || a.value != b.value) return false;
  }
  return true;
}

void Fields::compact_if_wasteful() {
  size_t used = 0;
  for (const Slot& slot : slots_) used += slot.name_size + slot.value_size;
  if (bytes_.size() < used * 2 + kWasteBytes) return;
  std::string packed;
  packed.reserve(used);
  for (Slot& slot : slots_) {
    const auto at = static_cast<uint32_t>(packed.size());
    packed.append(bytes_, slot.at, slot.name_size + slot.value_size);
    slot.at = at;
  }
  bytes_ = std::move(packed);
}

}  // namespace holdfast::provision
