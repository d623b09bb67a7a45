// SPDX-License-Identifier: Apache-2.0
// The header fields of a message: order and spelling kept, names compared without case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provision-proxy/http/field.hh"

namespace holdfast::provision {

// Owns its bytes in one piece. Copies are independent. Not for two threads at once.
class Fields {
 public:
  class Iterator {
   public:
    Iterator(const Fields& fields, size_t at) : fields_(&fields), at_(at) {}
    Field operator*() const { return fields_->at(at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Fields* fields_;
    size_t at_;
  };

  // Behind all others. CR, LF and NUL in the value become blanks (RFC 9110, 5.5): no value can
  // begin a line of its own. `name` is a token; what is none is left out.
  void add(std::string_view name, std::string_view value);
  // In the place of the first of that name, all others of it removed; at the end if there is none.
  void set(std::string_view name, std::string_view value);
  // How many went.
  size_t remove(std::string_view name);

  // The first of that name.
  std::optional<std::string_view> find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name).has_value(); }
  size_t count(std::string_view name) const;
  // All of that name, ", " between them (RFC 9110, 5.3); empty if there is none.
  std::string combined(std::string_view name) const;

  size_t size() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }
  Field at(size_t index) const;  // views that are good until the fields change
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, slots_.size()}; }

  // "Name: value\r\n" for each, without the empty line.
  std::string text() const;

  // The same names (with case), values and order.
  bool operator==(const Fields& other) const;

  template <typename Predicate>  // of a Field
  size_t remove_if(const Predicate& goes) {
    const size_t before = slots_.size();
    size_t kept = 0;
    for (size_t i = 0; i < before; ++i) {
      if (!goes(at(i))) slots_[kept++] = slots_[i];
    }
    slots_.resize(kept);
    compact_if_wasteful();
    return before - kept;
  }

 private:
  struct Slot {
    uint32_t at;  // of the name in bytes_; the value stands behind it
    uint32_t name_size;
    uint32_t value_size;
  };

  Slot append(std::string_view name, std::string_view value);
  void compact_if_wasteful();

  std::string bytes_;
  std::vector<Slot> slots_;
};

}  // namespace holdfast::provision
