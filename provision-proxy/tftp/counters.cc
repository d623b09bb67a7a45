// SPDX-License-Identifier: Apache-2.0
// Names and texts of the counters.
#include "provision-proxy/tftp/counters.hh"

namespace holdfast::provision {
namespace {

struct Words {
  std::string_view name, text;
};
constexpr Words kRefusals[] = {
#define HOLDFAST_X(name, text) {#name, text},
    HOLDFAST_TFTP_REFUSALS(HOLDFAST_X)
#undef HOLDFAST_X
};
constexpr Words kFailures[] = {
#define HOLDFAST_X(name, text) {#name, text},
    HOLDFAST_TFTP_FAILURES(HOLDFAST_X)
#undef HOLDFAST_X
};

template <typename Enum, size_t kSize>
Words words_of(const Words (&words)[kSize], Enum which) {
  static_assert(kSize == static_cast<size_t>(Enum::count));
  return which < Enum::count ? words[static_cast<size_t>(which)] : Words{};
}

}  // namespace

std::string_view name_of(TftpRefusal refusal) {
  return words_of(kRefusals, refusal).name;
}
std::string_view text_of(TftpRefusal refusal) {
  return words_of(kRefusals, refusal).text;
}
std::string_view name_of(TftpFailure failure) {
  return words_of(kFailures, failure).name;
}
std::string_view text_of(TftpFailure failure) {
  return words_of(kFailures, failure).text;
}

}  // namespace holdfast::provision
