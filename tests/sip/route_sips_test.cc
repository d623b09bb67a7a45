// SPDX-License-Identifier: Apache-2.0
// sips: goes by TLS on every hop or not at all (RFC 3261 section 26.2.2, RFC 5630), and what TLS
// hops are checked for.
#include <gtest/gtest.h>

#include "sip/route.hh"
#include "tests/sip/route_fixture.hh"

namespace holdfast::sip {
namespace {

// The branch with TLS listeners; alice has a sips: Contact and came by TLS, bob is the UDP phone.
class SipsTest : public testing::Test {
 protected:
  static constexpr char kByTls[] = "198.18.1.21:40001";

  SipsTest() {
    branch.config.listeners.push_back(listener("lan", "198.18.1.2:5061", Transport::tls, true));
    branch.config.listeners.push_back(listener("wan", "198.18.2.2:5061", Transport::tls, false));
    branch.know("1002", B::kBob);
    const Request r = registration("sips:1003@centre.example.com", "sips:1003@198.18.1.21:5061",
                                   from(kByTls, "lan", Transport::tls));
    EXPECT_FALSE(branch.bindings.learn(B::kNow, r, granted(r)));
  }
  void centre_by(Transport transport) {
    for (Upstream& upstream : branch.state.upstreams) upstream.transport = transport;
    branch.state.candidates = branch.state.upstreams;
  }
  Request call(std::string_view uri, Transport by) const {
    return request("INVITE", uri, from(by == Transport::tls ? kByTls : B::kBob, "lan", by));
  }
  using B = Branch;
  Branch branch;
};

TEST_F(SipsTest, GoesToTheCentreByTlsAlone) {
  centre_by(Transport::tls);
  const Forward forward = branch.forwarded(call("sips:1009@centre.example.com", Transport::tls));
  ASSERT_FALSE(forward.targets.empty());
  for (const Target& target : forward.targets) {
    EXPECT_EQ(target.hop.transport, Transport::tls);
    EXPECT_EQ(target.hop.tls_name, "centre.example.com");
    EXPECT_EQ(target.request_uri.scheme, Scheme::sips);
    ASSERT_EQ(target.record_route.size(), 2U);
    for (const Uri& ours : target.record_route) {
      EXPECT_EQ(ours.scheme, Scheme::sips) << ours.to_string();
      EXPECT_EQ(ours.port, 5061);
      EXPECT_EQ(ours.find("transport"), nullptr);
    }
  }
  // sip: by TLS promises nothing.
  const Forward plain = branch.forwarded(call("sip:1009@centre.example.com", Transport::tls));
  EXPECT_EQ(plain.targets.front().record_route.front().to_string().find("sip:198.18.2.2:5061"), 0U);
  for (const Transport other : {Transport::udp, Transport::tcp}) {
    centre_by(other);
    const Reply reply = branch.replied(call("sips:1009@centre.example.com", Transport::tls));
    EXPECT_EQ(reply.name, ReplyName::sips_not_allowed);
    EXPECT_EQ(reply.code, 480);
  }
}

TEST_F(SipsTest, IsRefusedWhenItHasComeInTheOpen) {
  centre_by(Transport::tls);
  for (const Transport by : {Transport::udp, Transport::tcp})
    EXPECT_EQ(branch.name(call("sips:1009@centre.example.com", by)), "reply_sips_not_allowed");
}

TEST_F(SipsTest, ReachesPhonesThatHaveASipsContact) {
  branch.state.health = HealthState::survival;
  const Forward forward = branch.forwarded(call("sips:1003@centre.example.com", Transport::tls));
  ASSERT_EQ(forward.targets.size(), 1U);
  EXPECT_EQ(forward.targets[0].hop.address.to_string(), kByTls);
  EXPECT_EQ(forward.targets[0].hop.tls_name, "");  // nobody but the phone opens that connection
  EXPECT_EQ(branch.name(call("sips:1002@centre.example.com", Transport::tls)),
            "reply_sips_not_allowed");
  // The other way round TLS is used all the same.
  EXPECT_EQ(branch.forwarded(call("sip:1003@centre.example.com", Transport::udp))
                .targets.front()
                .hop.transport,
            Transport::tls);
}

TEST_F(SipsTest, NeverLeavesByTheGatewayButForHelp) {
  branch.state.health = HealthState::survival;
  EXPECT_EQ(branch.name(call("sips:912125551000@centre.example.com", Transport::tls)),
            "reply_sips_not_allowed");
  EXPECT_EQ(branch.name(call("sips:911@centre.example.com", Transport::tls)), "emergency");
}

TEST_F(SipsTest, RegistersWithASecurePath) {
  centre_by(Transport::tls);
  Request r = registration("sips:1004@centre.example.com", "sips:1004@198.18.1.24:5061",
                           from("198.18.1.24:40004", "lan", Transport::tls));
  r.uri = uri("sips:centre.example.com");
  const Forward by_path = branch.forwarded(r);
  ASSERT_TRUE(by_path.targets.front().path);
  EXPECT_EQ(by_path.targets.front().path->to_string(), "sips:198.18.2.2:5061;lr");
  branch.config.register_mode = RegisterMode::rewrite;
  const Forward rewritten = branch.forwarded(r);
  ASSERT_EQ(rewritten.targets.front().contacts.size(), 1U);
  EXPECT_EQ(rewritten.targets.front().contacts[0].uri.scheme, Scheme::sips);
}

TEST_F(SipsTest, WhatHopsAreCheckedFor) {
  centre_by(Transport::tls);
  branch.state.names = {{"elsewhere.example", *SocketAddress::parse("198.18.9.9:0")}};
  const auto name_of_hop = [&](std::string_view text) {
    const auto hop = resolve(branch.state, uri(text));
    return hop ? hop->tls_name : std::string("nowhere");
  };
  // A Record-Route of the centre names an address: it is the centre's certificate all the same.
  EXPECT_EQ(name_of_hop("sip:198.18.3.10:8060;transport=tls;lr"), "centre.example.com");
  EXPECT_EQ(name_of_hop("sips:centre.example.com"), "centre.example.com");
  EXPECT_EQ(name_of_hop("sips:198.18.9.9"), "198.18.9.9");
  EXPECT_EQ(name_of_hop("sips:elsewhere.example"), "elsewhere.example");
  EXPECT_EQ(resolve(branch.state, uri("sips:198.18.9.9"))->address.port, 5061);
  centre_by(Transport::udp);
  EXPECT_EQ(name_of_hop("sips:centre.example.com"), "nowhere");
}

TEST_F(SipsTest, AGatewayByTlsIsCheckedAsItself) {
  Gateway& gateway = branch.config.gateways.front();
  const Origin by_udp{gateway.address, Transport::udp, gateway.interface};
  Origin by_tls = by_udp;
  by_tls.transport = Transport::tls;
  const Uri contact = uri("sip:" + gateway.address.ip.to_string() + ";transport=tls");
  EXPECT_EQ(hop_to(gateway).tls_name, "");
  EXPECT_EQ(peer_of(branch.state, by_udp), Peer::gateway);
  EXPECT_EQ(resolve(branch.state, contact)->tls_name, gateway.address.ip.to_string());
  gateway.transport = Transport::tls;
  EXPECT_EQ(hop_to(gateway).tls_name, "gateway pstn");
  EXPECT_EQ(resolve(branch.state, contact)->tls_name, "gateway pstn");
  EXPECT_EQ(peer_of(branch.state, by_tls), Peer::gateway);
  EXPECT_NE(peer_of(branch.state, by_udp), Peer::gateway) << "anybody there could say so";
}

}  // namespace
}  // namespace holdfast::sip
