// SPDX-License-Identifier: Apache-2.0
// Marks of credentials (RFC 9110 section 11, RFC 7616, RFC 7617).
#include "provision-proxy/proxy/credentials.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

Credentials of(std::string_view authorization, std::string_view salt = "salt") {
  Fields fields;
  fields.add("authorization", authorization);
  return credentials_of(fields, salt);
}

TEST(Credentials, NoneHasNoMark) {
  const auto none = credentials_of(Fields(), "salt");
  EXPECT_EQ(none.kind, CredentialKind::none);
  EXPECT_EQ(none.mark, "");
  EXPECT_TRUE(none.tell_again());
}

TEST(Credentials, KindsByScheme) {
  const std::pair<std::string_view, CredentialKind> rows[] = {
      {"Basic cGhvbmU6cHc=", CredentialKind::basic},
      {"bAsIc cGhvbmU6cHc=", CredentialKind::basic},  // schemes have no case
      {"Digest username=\"a\", realm=\"r\"", CredentialKind::digest},
      {"DIGEST", CredentialKind::digest},
      {"Bearer abc", CredentialKind::other},
      {"Digestive abc", CredentialKind::other},
      {"", CredentialKind::other},
      {"Basic", CredentialKind::basic},
  };
  for (const auto& [text, kind] : rows) {
    EXPECT_EQ(of(text).kind, kind) << text;
    EXPECT_EQ(of(text).mark.size(), 32U) << text;
    EXPECT_EQ(of(text).tell_again(), kind != CredentialKind::digest) << text;
  }
}

TEST(Credentials, MarksTellTextsApartAndNothingElse) {
  EXPECT_EQ(of("Basic cGhvbmU6cHc=").mark, of("Basic cGhvbmU6cHc=").mark);
  EXPECT_NE(of("Basic cGhvbmU6cHc=").mark, of("Basic cGhvbmU6cHx=").mark);
  EXPECT_NE(of("Basic cGhvbmU6cHc=").mark, of("Basic cGhvbmU6cHc=", "other").mark);
  EXPECT_EQ(of("Basic cGhvbmU6cHc=").mark.find("cGh"), std::string::npos);
}

TEST(Credentials, DigestIsMarkedByRealmAndUser) {
  const auto mark = of("Digest username=\"a\", realm=\"r\", nonce=\"1\", response=\"x\"").mark;
  EXPECT_EQ(of("Digest realm=\"r\",nonce=\"2\",response=\"y\",username=\"a\"").mark, mark);
  EXPECT_NE(of("Digest username=\"b\", realm=\"r\"").mark, mark);
  EXPECT_NE(of("Digest username=\"a\", realm=\"s\"").mark, mark);
  EXPECT_NE(of("Digest").mark, mark);
}

// Two fields are one that no origin takes for either.
TEST(Credentials, TwoFieldsAreNeither) {
  Fields fields;
  fields.add("Authorization", "Basic cGhvbmU6cHc=");
  fields.add("Authorization", "Basic cGhvbmU6cHg=");
  EXPECT_NE(credentials_of(fields, "salt").mark, of("Basic cGhvbmU6cHc=").mark);
}

}  // namespace
}  // namespace holdfast::provision
