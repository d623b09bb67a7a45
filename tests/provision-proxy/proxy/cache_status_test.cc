// SPDX-License-Identifier: Apache-2.0
// Cache-Status as RFC 9211 section 2 writes it.
#include "provision-proxy/proxy/cache_status.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

CacheStatus forwarded(ForwardReason reason) {
  CacheStatus status;
  status.forward = reason;
  return status;
}

TEST(CacheStatus, Hits) {
  CacheStatus status;
  EXPECT_EQ(status.text(), "Holdfast");
  status.hit = true;
  EXPECT_EQ(status.text(), "Holdfast; hit");
  status.ttl_s = 30;
  EXPECT_EQ(status.text(), "Holdfast; hit; ttl=30");
  status.ttl_s = -412;  // stale for so long
  status.detail = "unreachable";
  EXPECT_EQ(status.text(), "Holdfast; hit; ttl=-412; detail=unreachable");
}

TEST(CacheStatus, Forwards) {
  const std::pair<ForwardReason, std::string_view> rows[] = {
      {ForwardReason::bypass, "bypass"},     {ForwardReason::method, "method"},
      {ForwardReason::uri_miss, "uri-miss"}, {ForwardReason::vary_miss, "vary-miss"},
      {ForwardReason::miss, "miss"},         {ForwardReason::request, "request"},
      {ForwardReason::stale, "stale"},
  };
  for (const auto& [reason, word] : rows)
    EXPECT_EQ(forwarded(reason).text(), "Holdfast; fwd=" + std::string(word));
  CacheStatus status = forwarded(ForwardReason::stale);
  status.forward_status = 304;
  status.stored = status.collapsed = true;
  EXPECT_EQ(status.text(), "Holdfast; fwd=stale; fwd-status=304; stored; collapsed");
}

}  // namespace
}  // namespace holdfast::provision
