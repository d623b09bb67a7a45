// SPDX-License-Identifier: Apache-2.0
// Texts of the store's errors.
#include "provision-proxy/store/store_error.hh"

#include <cerrno>

namespace holdfast::provision {

std::string_view text_of(StoreError error) {
  constexpr std::string_view kTexts[] = {
#define HOLDFAST_X(name, text) text,
      HOLDFAST_STORE_ERRORS(HOLDFAST_X)
#undef HOLDFAST_X
  };
  return kTexts[static_cast<size_t>(error)];
}

StoreError store_error_of(int error_number) {
  if (error_number == 0) return StoreError::kNone;
  if (error_number == ENOSPC || error_number == EDQUOT) return StoreError::kDiskFull;
  return StoreError::kDiskError;
}

}  // namespace holdfast::provision
