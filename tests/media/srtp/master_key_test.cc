// SPDX-License-Identifier: Apache-2.0
// Master keys: random, of the right length, wiped, and of no printable form.
#include "media/srtp/master_key.hh"

#include <gtest/gtest.h>
#include <spdlog/fmt/ostr.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <ostream>
#include <set>
#include <string>
#include <type_traits>

#include "media/core_dumps.hh"
#include "media/srtp/sdes.hh"

namespace holdfast::media {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <typename T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};
template <typename T>
concept Text = std::is_convertible_v<T, std::string> ||
    std::is_convertible_v<T, std::string_view> || std::is_convertible_v<T, const char*>;

template <typename T>
constexpr bool kKeepsItsSecret = !Printable<T> && !fmt::is_formattable<T>::value && !Text<T> &&
                                 !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

// The test can tell: each of the ways is seen where it exists.
static_assert(Printable<int> && fmt::is_formattable<int>::value && Text<const char*>);
static_assert(kKeepsItsSecret<SrtpMasterKey> && !Comparable<SrtpMasterKey>);
static_assert(kKeepsItsSecret<SdesKey> && !Comparable<SdesKey>);
static_assert(!Printable<SdesCrypto> && !fmt::is_formattable<SdesCrypto>::value &&
              !Text<SdesCrypto>);

constexpr SrtpSuite kAll[] = {
    SrtpSuite::aes_cm_128_hmac_sha1_80, SrtpSuite::aes_cm_128_hmac_sha1_32,
    SrtpSuite::aes_256_cm_hmac_sha1_80, SrtpSuite::aes_256_cm_hmac_sha1_32,
    SrtpSuite::aead_aes_128_gcm,        SrtpSuite::aead_aes_256_gcm};

TEST(SrtpMasterKey, IsRandomAndAsLongAsTheSuiteAsks) {
  const size_t key_bytes[] = {16, 16, 32, 32, 16, 32};
  const size_t salt_bytes[] = {14, 14, 14, 14, 12, 12};
  std::set<std::string> seen;
  for (size_t i = 0; i < std::size(kAll); ++i)
    for (int n = 0; n < 50; ++n) {
      const auto key = SrtpMasterKey::generate(kAll[i]);
      ASSERT_TRUE(key);
      EXPECT_EQ(key->key().size(), key_bytes[i]);
      EXPECT_EQ(key->salt().size(), salt_bytes[i]);
      EXPECT_EQ(key->bytes().size(), key_bytes[i] + salt_bytes[i]);
      EXPECT_TRUE(seen.insert(std::string(key->key().begin(), key->key().end())).second);
      EXPECT_TRUE(seen.insert(std::string(key->salt().begin(), key->salt().end())).second);
    }
}

TEST(SrtpMasterKey, IsWipedWhereItWas) {
  alignas(SrtpMasterKey) std::array<uint8_t, sizeof(SrtpMasterKey)> memory{};
  const std::array<uint8_t, 30> bytes = [] {
    std::array<uint8_t, 30> filled{};
    filled.fill(0xa7);
    return filled;
  }();
  const auto held = [&] { return std::count(memory.begin(), memory.end(), 0xa7); };
  const auto made = [&] {
    return new (memory.data())
        SrtpMasterKey(*SrtpMasterKey::from_bytes(SrtpSuite::aes_cm_128_hmac_sha1_80, bytes));
  };
  SrtpMasterKey* key = made();
  EXPECT_EQ(held(), 30);
  std::destroy_at(key);
  EXPECT_EQ(held(), 0);

  key = made();
  const SrtpMasterKey moved(std::move(*key));
  EXPECT_EQ(held(), 0);
  EXPECT_EQ(moved.bytes()[29], 0xa7);
  std::destroy_at(key);

  key = made();
  SrtpMasterKey other = SrtpMasterKey::generate(SrtpSuite::aead_aes_256_gcm).value();
  other = std::move(*key);
  EXPECT_EQ(held(), 0);
  EXPECT_TRUE(other.same_as(moved));
  std::destroy_at(key);
}

TEST(SrtpMasterKey, OfAnotherLengthIsNone) {
  std::array<uint8_t, 64> bytes{};
  for (const SrtpSuite suite : kAll)
    for (size_t size = 0; size <= bytes.size(); ++size)
      EXPECT_EQ(SrtpMasterKey::from_bytes(suite, std::span(bytes).first(size)).has_value(),
                size == traits_of(suite).master_bytes());
}

TEST(SrtpMasterKey, SameAsLooksAtSuiteAndAllBytes) {
  std::array<uint8_t, 30> bytes{};
  const auto key = SrtpMasterKey::from_bytes(SrtpSuite::aes_cm_128_hmac_sha1_80, bytes);
  EXPECT_TRUE(key->same_as(key->clone()));
  EXPECT_FALSE(key->same_as(*SrtpMasterKey::from_bytes(SrtpSuite::aes_cm_128_hmac_sha1_32, bytes)));
  bytes[29] = 1;
  EXPECT_FALSE(key->same_as(*SrtpMasterKey::from_bytes(SrtpSuite::aes_cm_128_hmac_sha1_80, bytes)));
}

// In a child, since nothing but root's right brings the limit back.
TEST(CoreDumps, AreForbiddenForGood) {
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_CORE, &limit);
    const rlim_t before = limit.rlim_max;
    forbid_core_dumps();
    ::getrlimit(RLIMIT_CORE, &limit);
    ::_exit(limit.rlim_cur == limit.rlim_max && limit.rlim_max == std::min<rlim_t>(before, 1) ? 0
                                                                                              : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace holdfast::media
