// SPDX-License-Identifier: Apache-2.0
// A value or the reason why there is none: what parsers and start-up steps return instead of a
// half-filled struct.
#pragma once

#include <cassert>
#include <utility>
#include <variant>

namespace holdfast {

// Holds a T or an E, never both. T and E must differ. Reading the side that is not there is a bug
// and asserts.
template <typename T, typename E>
class [[nodiscard]] Result {
 public:
  constexpr Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT
  constexpr Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  constexpr explicit operator bool() const { return state_.index() == 0; }
  constexpr bool ok() const { return state_.index() == 0; }

  constexpr const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  constexpr T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  constexpr T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  constexpr const E& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  constexpr const T* operator->() const { return &value(); }
  constexpr T* operator->() { return &value(); }
  constexpr const T& operator*() const { return value(); }

 private:
  std::variant<T, E> state_;
};

}  // namespace holdfast
