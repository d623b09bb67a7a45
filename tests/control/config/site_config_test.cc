// SPDX-License-Identifier: Apache-2.0
// The sections of holdfastd: what each key takes, and the one clear line that each mistake gets.
#include "control/config/site_config.hh"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/config/section.hh"

namespace holdfast::config {
namespace {

// Lines 1 to 8: two interfaces.
const std::string kInterfaces =
    "[[interface]]\nname = \"lan\"\ndevice = \"e0\"\nmedia-addresses = [\"198.18.1.2\", "
    "\"2001:db8:1::2\"]\n"
    "[[interface]]\nname = \"wan\"\ndevice = \"e1\"\nmedia-addresses = [\"198.18.2.2\"]\n";
// Lines 9 to 14.
const std::string kListeners =
    "[[sip-listener]]\ninterface = \"lan\"\n"
    "[[sip-listener]]\ninterface = \"wan\"\nfaces = \"centre\"\ntransports = [\"udp\", \"tcp\"]\n";
// Lines 15 to 18; what follows begins on line 19.
const std::string kCentre =
    "[centre]\ndomain = \"centre.example\"\ninterface = \"wan\"\nservers = [\"198.18.3.10\"]\n";

std::string whole(const std::string& more = "") {
  return kInterfaces + kListeners + kCentre + more + "\n";
}
// Six lines.
std::string listener_by_tls(const std::string& interface) {
  return "[[sip-listener]]\ninterface = \"" + interface +
         "\"\ntransports = [\"tls\"]\ncertificate = \"/c\"\nkey = \"/k\"\nclient-ca = \"/p\"\n";
}
std::string errors_of(const std::string& text) {
  const auto site = parse_site(text, "hf.toml");
  return site ? "no error" : site.error().to_string();
}

TEST(SiteConfig, DefaultsAreThoseOfThePage) {
  const auto site = parse_site(whole(), "hf.toml");
  ASSERT_TRUE(site) << site.error().to_string();
  const auto& c = *site->daemon;
  EXPECT_EQ(c.sip.dscp, 24);
  EXPECT_EQ(c.sip.register_mode, sip::RegisterMode::path);
  ASSERT_EQ(c.listeners.size(), 2U);
  EXPECT_EQ(c.listeners[0].addresses, site->dataplane.interfaces[0].media_addresses);
  EXPECT_EQ(c.listeners[0].port, 5060);
  EXPECT_EQ(c.listeners[0].faces, Faces::kPhones);
  EXPECT_EQ(c.listeners[1].faces, Faces::kCentre);
  ASSERT_EQ(c.centre.servers.size(), 1U);
  EXPECT_EQ(c.centre.servers[0].to_string(), "198.18.3.10:5060");
  EXPECT_EQ(c.centre.limits, sip::LinkLimits{});
  EXPECT_EQ(c.centre.health.lost_to_fail, sip::HealthConfig{}.lost_to_fail);
  EXPECT_TRUE(c.dial_plan);
  EXPECT_EQ(c.storage.database(), "/var/lib/holdfast/holdfast.db");
  EXPECT_EQ(c.admin.listen.to_string(), "127.0.0.1:8070");
  EXPECT_EQ(c.dns.tries, 2);
}

TEST(SiteConfig, EverythingSet) {
  const auto site = parse_site(
      whole("transport = \"tcp\"\nlost-to-fail = 5\nhold-down-ms = 0\nmax-calls = 20\n"
            "max-kbit = 2000\nlink-overhead-bytes = 18\nwhen-full = \"gateway\"\n"
            "[sip]\naliases = [\"proxy.branch\"]\ndscp = 0\nregister-mode = \"rewrite\"\n"
            "[[gateway]]\nname = \"pstn\"\naddress = \"[2001:db8:1::20]:5070\"\ninterface = "
            "\"lan\"\ntransport = \"tcp\"\nmax-calls = 8\nmax-kbit = 700\n"
            "[dial-plan]\nemergency = [\"911\", {dialled = \"9911\", sent = \"911\"}]\n"
            "outbound = [{prefix = \"9\", strip = 1, prepend = \"+1\", min-digits = 8, max-digits "
            "= 12}]\nreject-code = 404\n"
            "[media]\nvideo = \"refuse\"\nfax = \"pass\"\nmedia-timeout-s = 0\n"
            "[admin]\nlisten = \"0.0.0.0:80\"\nallow-remote = true\n"
            "[dns]\nservers = [\"198.18.3.53\", \"[2001:db8::53]:5353\"]\n"),
      "hf.toml");
  ASSERT_TRUE(site) << site.error().to_string();
  const auto& c = *site->daemon;
  EXPECT_EQ(c.centre.transport, sip::Transport::tcp);
  EXPECT_EQ(c.centre.health.lost_to_fail, 5U);
  EXPECT_EQ(c.gateways.at(0).address.to_string(), "[2001:db8:1::20]:5070");
  EXPECT_EQ(c.centre.limits, (sip::LinkLimits{20, 2000, 18, sip::WhenFull::gateway}));
  EXPECT_EQ(c.gateways.at(0).limits, (sip::LinkLimits{8, 700, 0, sip::WhenFull::refuse}));
  EXPECT_EQ(c.media.policy.video, media::MediaAction::refuse);
  EXPECT_EQ(c.media.policy.fax, media::MediaAction::pass);
  EXPECT_EQ(c.media.media_timeout_s, 0U);
  EXPECT_EQ(c.sip.register_mode, sip::RegisterMode::rewrite);
  EXPECT_EQ(c.dns.servers.size(), 2U);
  const auto dialled = c.dial_plan->outbound(*sip::Uri::parse("sip:92125550100@b"),
                                             [](const std::string&) { return false; });
  EXPECT_EQ(dialled.kind, sip::DialKind::gateway);
  EXPECT_EQ(dialled.number, "+12125550100");
  EXPECT_EQ(c.dial_plan->emergency(*sip::Uri::parse("sip:9911@b")), "911");
}

TEST(SiteConfig, AFileOfTheDataplaneAloneHasNoDaemon) {
  const auto site = parse_site(kInterfaces, "hf.toml");
  ASSERT_TRUE(site);
  EXPECT_FALSE(site->daemon);
}

TEST(SiteConfig, TlsToTheCentre) {
  const std::string servers = "\"198.18.3.10\", \"a.centre.example:5071\"";
  std::string text = whole("transport = \"tls\"\nca = \"/ca.pem\"\n" + listener_by_tls("wan") +
                           "faces = \"centre\"\ntls-port = 5063\n");
  text.replace(text.find("\"198.18.3.10\""), 13, servers);
  const auto site = parse_site(text, "hf.toml");
  ASSERT_TRUE(site) << site.error().to_string();
  const auto& c = *site->daemon;
  ASSERT_EQ(c.centre.servers.size(), 2U);
  EXPECT_EQ(c.centre.servers[0].to_string(), "198.18.3.10:5061");
  EXPECT_EQ(c.centre.servers[1].to_string(), "a.centre.example:5071");
  EXPECT_EQ(c.centre.tls_names,
            (std::vector<std::string>{"centre.example", "198.18.3.10", "a.centre.example"}));
  EXPECT_EQ(c.listeners[2].port_of(sip::Transport::tls), 5063);
  EXPECT_FALSE(c.listeners[2].has(sip::Transport::udp));
  EXPECT_EQ(c.listeners[2].client_ca, "/p");
}

TEST(SiteConfig, TheDataplaneLeavesTheContentOfOtherSectionsAlone) {
  EXPECT_TRUE(parse_config(whole("[sip]\nno-such-option = 1\n"), "hf.toml"));
  const auto mistyped = parse_config(kInterfaces + "[centr]\n", "hf.toml");
  ASSERT_FALSE(mistyped);
  EXPECT_EQ(mistyped.error().to_string(),
            "hf.toml:9: centr: is not a section (did you mean \"centre\"?)");
  for (const auto name : kDaemonSections)
    EXPECT_TRUE(parse_config(kInterfaces + "[" + std::string(name) + "]\n", "hf.toml")) << name;
}

const std::string kProvisionAtSip =
    "[[provision-origin]]\nname = \"centre\"\nurl = \"http://centre.example\"\n"
    "[[provision-listener]]\ninterface = \"lan\"\nport = 5060\n";

TEST(SiteConfig, NoTwoDaemonsHaveOnePort) {
  const auto errors = errors_of(whole(kProvisionAtSip));
  EXPECT_NE(errors.find("hf.toml:9: sip-listener.1.port: 198.18.1.2:5060 (tcp) is taken by a "
                        "[[provision-listener]] of interface lan too; choose another"),
            std::string::npos)
      << errors;
  EXPECT_EQ(errors.find("udp"), std::string::npos) << errors;
  const std::string page = "[admin]\nallow-remote = true\nlisten = \"";
  EXPECT_NE(
      errors_of(whole(page + "0.0.0.0:5060\""))
          .find("hf.toml:21: admin.listen: 0.0.0.0:5060 (tcp) is taken by a [[sip-listener]] of "
                "interface lan too"),
      std::string::npos);
  EXPECT_EQ(errors_of(whole(page + "198.18.1.2:5070\"")), "no error");
}

TEST(SiteConfig, NextHopsAreNotOurselves) {
  std::string text = whole();
  text.replace(text.find("198.18.3.10"), 11, "198.18.2.2");
  EXPECT_EQ(errors_of(text),
            "hf.toml:18: centre.servers: 198.18.2.2:5060 (udp) is our own [[sip-listener]] of "
            "interface wan: what is sent there comes back; name the address of the centre");
  const auto gateway = [](const std::string& address) {
    return errors_of(whole("[[gateway]]\nname = \"pstn\"\ninterface = \"lan\"\naddress = \"" +
                           address + "\"\n[dial-plan]\nemergency = [\"911\"]\n"));
  };
  EXPECT_EQ(gateway("198.18.1.2:5060"),
            "hf.toml:22: gateway.1.address: 198.18.1.2:5060 (udp) is our own [[sip-listener]] of "
            "interface lan: what is sent there comes back; name the address of the gateway");
  EXPECT_EQ(gateway("198.18.1.2:5080"), "no error");  // another program of this machine
}

TEST(SiteConfig, NoTwoSocketsAreOne) {
  EXPECT_EQ(errors_of(whole("[admin]\nsocket = \"/run/holdfast/./dataplane.sock\"")),
            "hf.toml:20: admin.socket: /run/holdfast/./dataplane.sock is "
            "dataplane.control-socket too; each needs a socket of its own");
  EXPECT_EQ(errors_of(kInterfaces + kProvisionAtSip +
                      "[provision]\nsocket = \"/run/holdfast/dataplane.sock\""),
            "hf.toml: provision.socket: /run/holdfast/dataplane.sock is "
            "dataplane.control-socket too; each needs a socket of its own");
}

TEST(SiteConfig, SectionsOfHoldfastProvisionAreReadAndChecked) {
  const std::string provision =
      "[dns]\ntries = 3\n[[provision-listener]]\ninterface = \"lan\"\n"
      "[[provision-origin]]\nname = \"centre\"\nurl = \"http://centre.example\"\n";
  const auto site = parse_site(whole(provision), "hf.toml");
  ASSERT_TRUE(site) << site.error().to_string();
  ASSERT_TRUE(site->provision);
  EXPECT_EQ(site->provision->listeners.at(0).origin, "centre");
  EXPECT_EQ(site->daemon->dns.tries, 3);

  const auto alone = parse_site(kInterfaces + provision, "hf.toml");
  ASSERT_TRUE(alone) << alone.error().to_string();
  EXPECT_TRUE(alone->provision);
  EXPECT_FALSE(alone->daemon) << "it needs no [centre]";

  EXPECT_EQ(errors_of(whole("[provision]\ndcsp = 8\n")),
            "hf.toml:20: provision.dcsp: is not an option (did you mean \"dscp\"?)");
  EXPECT_EQ(errors_of(whole("[provision-orign]\n")),
            "hf.toml:19: provision-orign: is not a section (did you mean \"provision-origin\"?)");
}

struct Case {
  std::string text;
  std::string expected;  // a line of the errors
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.text;
}
class SiteErrors : public testing::TestWithParam<Case> {};

TEST_P(SiteErrors, OneLineEach) {
  EXPECT_EQ(errors_of(GetParam().text), GetParam().expected) << GetParam().text;
}

#define L(n) "hf.toml:" #n ": "
const Case kSip[] = {
    {whole("[sip]\ndscp = 64"), L(20) "sip.dscp: 64 is out of bounds; choose 0 to 63"},
    {whole("[sip]\naliases = [\"a b\"]"),
     L(20) "sip.aliases: \"a b\" is neither a host name nor an address"},
    {whole("[sip]\naliases = [\"10.0.0.300\"]"),
     L(20) "sip.aliases: \"10.0.0.300\" is neither a host name nor an address"},
    {whole("[sip]\naliases = [\"a\", \"a\"]"), L(20) "sip.aliases: names \"a\" twice"},
    {whole("[sip]\nregister-mode = \"paht\""),
     L(20) "sip.register-mode: \"paht\" is not one of path, rewrite (did you mean \"path\"?)"},
    {whole("[sip]\ncall-budget-ms = 499"),
     L(20) "sip.call-budget-ms: 499 is out of bounds; choose 500 to 30000"},
    {whole("[sip]\nsurvival-expiry-min-s = 121"),
     L(20) "sip.survival-expiry-min-s: 121 is above survival-expiry-max-s; lower it"},
    {whole("[sip]\nregister_mode = \"path\""),
     L(20) "sip.register_mode: is not an option (did you mean \"register-mode\"?)"},
    {whole("[[sip]]\ndscp = 1"), L(19) "sip: is a section; write [sip] with one pair of brackets"},
    {whole("[[sip-listener]]\nport = 70000\ninterface = \"lan\""),
     L(20) "sip-listener.3.port: 70000 is out of bounds; choose 1 to 65535"},
    {whole("[[sip-listener]]\nport = 5070"), L(19) "sip-listener.3.interface: is missing"},
    {whole("[[sip-listener]]\ninterface = \"dmz\""),
     L(20) "sip-listener.3.interface: no [[interface]] is called \"dmz\"; there are lan, wan"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\nport = 20000"),
     L(21) "sip-listener.3.port: 20000 lies within the media-ports of interface lan; choose a port "
           "outside of them"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\ntransports = [\"tls\"]\ncertificate = \"/c\""),
     L(19) "sip-listener.3.key: is missing; TLS needs it"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\nport = 5070\nkey = \"/k\""),
     L(22) "sip-listener.3.key: is of TLS; add tls to the transports, or take it out"},
    {whole(listener_by_tls("lan") + listener_by_tls("lan") + "tls-port = 5062"),
     L(27) "sip-listener.4.transports: an earlier [[sip-listener]] of interface lan has tls too; "
           "an "
           "interface has one certificate"},
    {whole(listener_by_tls("lan") + "tls-port = 5060"),
     L(19) "sip-listener.3.addresses: 198.18.1.2:5060 (tls) is taken by an earlier "
           "[[sip-listener]] too; choose another\n" L(
               19) "sip-listener.3.addresses: [2001:db8:1::2]:5060 (tls) is taken by an earlier "
                   "[[sip-listener]] too; choose another"},
    {whole("transport = \"tls\"\nca = \"/ca\"\n" + listener_by_tls("lan")),
     L(17) "centre.interface: no [[sip-listener]] of interface wan faces the centre over tls; add "
           "one, or change faces"},
    {whole("transport = \"tls\"\n" + listener_by_tls("wan") + "faces = \"centre\""),
     L(15) "centre.ca: is missing; without it nobody is believed to be the centre"},
    {whole("tls-names = [\"a.example\"]"),
     L(19) "centre.tls-names: is of TLS; set transport = \"tls\", or take it out"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\nport = 20000\ntransports = [\"tcp\"]"),
     "no error"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\naddresses = [\"198.18.1.2\"]\ntransports = "
           "[\"udp\"]"),
     L(21) "sip-listener.3.addresses: 198.18.1.2:5060 (udp) is taken by an earlier "
           "[[sip-listener]] "
           "too; choose another"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\nport = 5070\naddresses = [\"224.0.0.1\"]"),
     L(22) "sip-listener.3.addresses: \"224.0.0.1\" is no unicast IPv4 or IPv6 address"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\nport = 5070\ntransports = []"),
     L(22) "sip-listener.3.transports: names nothing; give one at least"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\nport = 5070\ntransports = [\"tlp\"]"),
     L(22) "sip-listener.3.transports: \"tlp\" is not one of udp, tcp, tls (did you mean "
           "\"tcp\"?)"},
    {whole("[[sip-listener]]\ninterface = \"lan\"\nport = 5070\nfaces = \"phone\""),
     L(22) "sip-listener.3.faces: \"phone\" is not one of phones, centre, both (did you mean "
           "\"phones\"?)"},
    {kInterfaces + "[sip-listener]\ninterface = \"lan\"\n" + kCentre,
     L(9) "sip-listener: is a list; write [[sip-listener]] with two pairs of brackets"},
    {kInterfaces + kListeners, "hf.toml: centre: is missing; holdfastd needs a [centre] section"},
};
INSTANTIATE_TEST_SUITE_P(Sip, SiteErrors, testing::ValuesIn(kSip));

const std::string kWithListeners = kInterfaces + kListeners + "[centre]\n";  // 15; options from 16
const std::string kRest = "domain = \"c.example\"\ninterface = \"wan\"\n";   // 16 and 17
const Case kCentreCases[] = {
    {kWithListeners + kRest,
     L(15) "centre.servers: is missing; name the centre's servers, or an srv-name"},
    {kWithListeners + kRest + "servers = [\"a\"]\nsrv-name = \"b\"",
     L(19) "centre.srv-name: stands beside servers; keep one of the two"},
    {kWithListeners + kRest + "srv-name = \"198.18.3.10\"",
     L(18) "centre.srv-name: is an address; write it into servers instead"},
    {kWithListeners + kRest + "servers = []",
     L(18) "centre.servers: names no server; give one, or an srv-name instead"},
    {kWithListeners + kRest + "servers = [\"a:0\"]",
     L(18) "centre.servers: \"a:0\" has no port from 1 to 65535 behind the colon"},
    {kWithListeners + kRest + "servers = [\"[2001:db8::1:5060\"]",
     L(18) "centre.servers: \"[2001:db8::1:5060\" is not an address; write it like "
           "[2001:db8::10]:5060"},
    {kWithListeners + kRest + "servers = [\"2001:db8::1\"]",
     L(18) "centre.servers: [2001:db8::1]:5060 is IPv6, but no [[sip-listener]] of interface wan "
           "faces the centre with such an address"},
    {kWithListeners + kRest + "servers = [\"a\"]\nfamilies = \"ipv6\"",
     L(19) "centre.families: no [[sip-listener]] of interface wan faces the centre with such an "
           "address"},
    {kWithListeners + "domain = \"c.example\"\ninterface = \"lan\"\nservers = [\"a\"]",
     L(17) "centre.interface: no [[sip-listener]] of interface lan faces the centre over udp; add "
           "one, or change faces"},
    {kWithListeners + "interface = \"wan\"\nservers = [\"a\"]", L(15) "centre.domain: is missing"},
    {whole("when-full = \"gateway\""),
     L(19) "centre.when-full: no [[gateway]] could take the call; add one, or refuse"},
    {whole("when-full = \"queue\""),
     L(19) "centre.when-full: \"queue\" is not one of refuse, gateway"},
    {whole("max-calls = -1"), L(19) "centre.max-calls: -1 is out of bounds; choose 0 to 65536"},
    {whole("lost-to-fail = 0"), L(19) "centre.lost-to-fail: 0 is out of bounds; choose 1 to 20"},
    {whole("probe-timeout-ms = \"1s\""),
     L(19) "centre.probe-timeout-ms: needs a whole number, not text; leave the quotes out"},
    {whole("[dns]\nservers = [\"ns.example\"]"),
     L(20) "dns.servers: \"ns.example\" is not an address; write it like 198.18.3.53 or "
           "198.18.3.53:53"},
    {whole("[dns]\nmin-ttl-s = 100\nmax-ttl-s = 99"),
     L(20) "dns.min-ttl-s: 100 is above max-ttl-s; lower it"},
};
INSTANTIATE_TEST_SUITE_P(Centre, SiteErrors, testing::ValuesIn(kCentreCases));

// The gateway's section takes lines 19 to 22; the dial plan's options begin on line 24.
std::string dial(const std::string& plan) {
  return whole(
      "[[gateway]]\nname = \"g\"\naddress = \"198.18.1.20\"\ninterface = \"lan\"\n"
      "[dial-plan]\n" +
      plan);
}
const std::string kHelp = "emergency = [\"911\"]\n";
const Case kPlan[] = {
    {dial(kHelp), "no error"},
    {dial(""), L(23) "dial-plan.emergency: name the emergency numbers that the gateway takes"},
    {whole("[dial-plan]\nemergency = [\"911\"]"),
     L(20) "dial-plan.emergency: \"911\": configure a gateway, or leave out numbers that need one"},
    {dial("emergency = [911]"), L(24) "dial-plan.emergency: row 1 (line 24): needs a number in "
                                      "quotes, or {dialled = \"9911\", "
                                      "sent = \"911\"}"},
    {dial("emergency = [\"help\"]"),
     L(24) "dial-plan.emergency: row 1 (line 24): dialled: \"help\": write digits, * and #, with "
           "a + in front at most\n" L(24) "dial-plan.emergency: row 1 (line 24): sent: \"help\": "
                                          "write digits, * and #, with a + "
                                          "in front at most"},
    {dial(kHelp + "outbound = [\n{prefix = \"9\"},\n{prefix = \"9\"}]"),
     L(27) "dial-plan.outbound: row 2 (line 27): prefix: \"9\": write each number or prefix once"},
    {dial(kHelp + "outbound = [{prefx = \"9\"}]"),
     L(25) "dial-plan.outbound: row 1 (line 25): \"prefx\" is not an option (did you mean "
           "\"prefix\"?)"},
    {dial(kHelp + "outbound = [{strip = 33}]"),
     L(25) "dial-plan.outbound: row 1 (line 25): strip: 33 is out of bounds; choose 0 to 32"},
    {dial(kHelp + "outbound = [{strip = 2}]"),
     L(25) "dial-plan.outbound: row 1 (line 25): strip: \"2\": strip no more digits than the "
           "shortest number of "
           "the row has"},
    {dial(kHelp + "inbound = [{min-digits = 5, max-digits = 4}]"),
     L(25) "dial-plan.inbound: row 1 (line 25): min-digits: \"5\": have min-digits from 1 to "
           "max-digits, and max-digits up to 32"},
    {dial(kHelp + "reject-code = 503"),
     L(25) "dial-plan.reject-code: \"503\": choose a code from 400 to 699; 503 would make phones "
           "leave the box"},
    {whole("[[gateway]]\nname = \"g\"\naddress = \"pstn.example\"\ninterface = \"lan\"\n"
           "[dial-plan]\nemergency = [\"911\"]"),
     L(21) "gateway.1.address: \"pstn.example\" is not an address with a port; write it like "
           "198.18.1.20:5060 or [2001:db8::20]:5060"},
    {whole("[[gateway]]\nname = \"g\"\naddress = \"2001:db8::20\"\ninterface = \"wan\"\n"
           "[dial-plan]\nemergency = [\"911\"]"),
     L(22) "gateway.1.interface: no [[sip-listener]] of interface wan reaches [2001:db8::20]:5060 "
           "over udp"},
    {whole("[[gateway]]\nname = \"g\"\naddress = \"198.18.1.20\"\ninterface = \"lan\"\n"
           "tls-names = [\"pstn.example\"]\n[dial-plan]\nemergency = [\"911\"]"),
     L(23) "gateway.1.tls-names: is of TLS; set transport = \"tls\", or take it out"},
    {whole("[[gateway]]\nname = \"g\"\naddress = \"198.18.1.20\"\ninterface = \"lan\"\n"
           "transport = \"tls\"\nca = \"/x.pem\"\n[dial-plan]\nemergency = [\"911\"]"),
     L(22) "gateway.1.interface: no [[sip-listener]] of interface lan reaches 198.18.1.20:5061 "
           "over tls"},
};
INSTANTIATE_TEST_SUITE_P(DialPlan, SiteErrors, testing::ValuesIn(kPlan));

const Case kRestCases[] = {
    {whole("[media]\ndtls = \"anchor\""),
     L(20) "media.dtls: \"anchor\" is not one of refuse, pass"},
    {whole("[media]\nmedia-timeout-s = 9"),
     L(20) "media.media-timeout-s: 9 is out of bounds; choose 10 to 86400"},
    {whole("[storage]\ndirectory = \"var\""),
     L(20) "storage.directory: \"var\" is not an absolute path; begin it with /"},
    {whole("[storage]\nretention-days = 0"),
     L(20) "storage.retention-days: 0 is out of bounds; choose 1 to 3660"},
    {whole("[admin]\nlisten = \"198.18.1.2:80\""),
     L(20) "admin.listen: 198.18.1.2:80 is not of the loopback; whoever reaches it reads who "
           "called whom: set allow-remote = true if that is meant"},
    {whole("[admin]\nallow-remote = 1"),
     L(20) "admin.allow-remote: needs true or false, not a whole number"},
    {whole("[admin]\nlisten = \"[::1]:8070\""), "no error"},
    {"[[interface]]\nname = \"pstn\"\ndevice = \"e2\"\nmedia-addresses = [\"198.18.4.2\"]\n"
     "srtp = \"require\"\n" +
         whole(),
     "hf.toml: interface.pstn.srtp: is \"require\", and no [[sip-listener]] of the interface has "
     "tls, so that every call would be refused: give it one, or set srtp-without-tls = true"},
};
INSTANTIATE_TEST_SUITE_P(Rest, SiteErrors, testing::ValuesIn(kRestCases));

TEST(SiteConfig, ErrorsOfBothPartsComeTogetherInTheOrderOfTheFile) {
  const auto text = "[sip]\ndscp = 99\n" + whole() + "[dataplane]\nmax-legs = 1\n";
  const auto errors = errors_of(text);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
  EXPECT_LT(errors.find("sip.dscp"), errors.find("dataplane.max-legs"));
}

TEST(SiteConfig, SeventeenListenersAreTooMany) {
  std::string text = whole();
  for (int i = 0; i < 14; ++i)
    text += "[[sip-listener]]\ninterface = \"lan\"\nport = " + std::to_string(6000 + i) + "\n";
  EXPECT_EQ(errors_of(text), "no error");
  text += "[[sip-listener]]\ninterface = \"lan\"\nport = 7000\n";
  EXPECT_NE(errors_of(text).find("17 sections; at most 16 are possible"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::config
