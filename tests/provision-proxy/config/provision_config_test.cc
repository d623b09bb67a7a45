// SPDX-License-Identifier: Apache-2.0
// The sections of holdfast-provision: what each key takes, and the one clear line that each mistake
// gets.
#include "provision-proxy/config/provision_config.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "dataplane/config/section.hh"

namespace holdfast::config {
namespace {

// Lines 1 to 4.
const std::string kInterface =
    "[[interface]]\nname = \"lan\"\ndevice = \"e0\"\nmedia-addresses = [\"198.18.1.2\", "
    "\"2001:db8:1::2\"]\n";
// Lines 5 to 7.
const std::string kOrigin =
    "[[provision-origin]]\nname = \"centre\"\nurl = \"http://provision.lab.voip:8088\"\n";
// Lines 8 and 9; what follows begins on line 10.
const std::string kListener = "[[provision-listener]]\ninterface = \"lan\"\n";

std::string whole(const std::string& more = "") {
  return kInterface + kOrigin + kListener + more + "\n";
}
// Options of the origin, from line 8.
std::string origin(const std::string& options) {
  return kInterface + kOrigin + options + "\n" + kListener;
}
std::string errors_of(const std::string& text) {
  const auto file = parse_provision(text, "hf.toml");
  return file ? "no error" : file.error().to_string();
}

TEST(ProvisionConfig, DefaultsAreThoseOfThePage) {
  const auto file = parse_provision(whole(), "hf.toml");
  ASSERT_TRUE(file) << file.error().to_string();
  const auto& s = file->sections;
  EXPECT_EQ(s.provision.directory, "/var/lib/holdfast/provision");
  EXPECT_EQ(s.provision.dscp, 8);
  EXPECT_EQ(s.provision.generations, 2U);
  ASSERT_EQ(s.listeners.size(), 1U);
  EXPECT_EQ(s.listeners[0].addresses, file->dataplane.interfaces[0].media_addresses);
  EXPECT_EQ(s.listeners[0].port, 8088);
  EXPECT_EQ(s.listeners[0].origin, "centre");
  EXPECT_FALSE(s.listeners[0].tls);
  ASSERT_EQ(s.origins.size(), 1U);
  EXPECT_EQ(s.origins[0].url.to_string(), "http://provision.lab.voip:8088");
  EXPECT_EQ(s.origins[0].profile, CacheProfile::kPhone);
  EXPECT_EQ(s.origins[0].store, StoreContract::kRfc);
  EXPECT_EQ(s.origins[0].serve_stale, StaleContract::kRfc);
  EXPECT_EQ(s.origins[0].answer_ms, 1500U);
  EXPECT_EQ(s.origins[0].owner_check, OwnerCheck::kStrict);
  EXPECT_TRUE(s.tftps.empty()) << "nothing is served by TFTP that was not asked for";
  EXPECT_TRUE(s.classes.empty());
  EXPECT_EQ(file->dns.tries, 2);
}

// What the kernel gets of an interface it gets from there.
TEST(ProvisionConfig, AListenerIsAtTheDeviceOfItsInterface) {
  const struct {
    const char* interface;  // "e0", more of it
    const char* listener;
    const char* device;
  } rows[] = {
      {"device = \"e0\"", "", "e0"},
      {"device = \"e0\"\ndriver = \"af_packet\"\ntake = \"owned\"", "", "hf-lan"},
      {"device = \"e0\"\ntake = \"owned\"", "", "hf-lan"},
      {"device = \"e0\"\ntake = \"owned\"\ntap = \"t0\"\nvlan = 7", "", "t0"},
      {"device = \"e0\"\nvlan = 7", "", ""},
      {"device = \"e0\"\nvlan = 7", "device = \"e0.7\"", "e0.7"},
      {"device = \"e0\"", "device = \"\"", ""},
  };
  for (const auto& row : rows) {
    std::string text = "[[interface]]\nname = \"lan\"\nmedia-addresses = [\"198.18.1.2\"]\n";
    text.append(row.interface).append("\n").append(kOrigin).append(kListener);
    text.append(row.listener).append("\n[[provision-tftp]]\ninterface = \"lan\"\n");
    text.append(row.listener).append("\n");
    const auto file = parse_provision(text, "hf.toml");
    ASSERT_TRUE(file) << file.error().to_string();
    EXPECT_EQ(file->sections.listeners.at(0).device, row.device) << row.interface;
    EXPECT_EQ(file->sections.tftps.at(0).device, row.device) << row.interface;
  }
}

TEST(ProvisionConfig, EverythingSet) {
  const auto file = parse_provision(
      kInterface +
          "[provision]\ndirectory = \"/d\"\nsocket = \"/s\"\nmax-store-mib = 16\ngenerations = 3\n"
          "max-connections = 10\nmax-connections-per-address = 2\nbandwidth-kbit = 64\ndscp = 0\n"
          "request-s = 3\nstall-s = 4\n"
          "[[provision-listener]]\ninterface = \"lan\"\naddresses = [\"198.18.1.3\"]\norigin = "
          "\"b\"\ntls = true\ncertificate = \"/c\"\nkey = \"/k\"\nclient-ca = \"/a\"\n"
          "client-certificate = \"require\"\nignore-expiry = true\nlegacy = true\n"
          "[[provision-origin]]\nname = \"a\"\nurl = \"http://[2001:db8::1]/\"\n"
          "[[provision-origin]]\nname = \"b\"\nurl = \"https://b.example\"\nprofile = \"phone\"\n"
          "store = \"always\"\nserve-stale = \"on-unreachable\"\nanswer-ms = 100\nconnect-ms = "
          "100\nstall-ms = 500\nprobe-s = 1\nca = \"/ca\"\nclient-certificate = \"/cc\"\n"
          "client-key = \"/ck\"\nrevalidate-s = 0\nmax-object-mib = 1\nowner-check = "
          "\"neighbour-if-known\"\nenumeration-limit = 0\n"
          "[[provision-class]]\nmatch = \"*.wav\"\nshared = true\nkind = \"ringtone\"\n"
          "revalidate-s = 9\n[[provision-class]]\nmatch = \"/x\"\n"
          "[dns]\nservers = [\"198.18.3.53\"]\n[sip]\nleft-to-holdfastd = 1\n",
      "hf.toml");
  ASSERT_TRUE(file) << file.error().to_string();
  const auto& s = file->sections;
  EXPECT_EQ(s.provision.max_connections_per_address, 2U);
  EXPECT_EQ(s.provision.bandwidth_kbit, 64U);
  EXPECT_EQ(s.provision.request_s, 3U);
  EXPECT_EQ(s.provision.stall_s, 4U);
  const auto& l = s.listeners.at(0);
  EXPECT_EQ(l.port, 8089);  // that of HTTPS
  EXPECT_EQ(l.addresses.at(0).to_string(), "198.18.1.3");
  EXPECT_EQ(l.client_certificate, ClientCertificate::kRequire);
  EXPECT_TRUE(l.tls && l.ignore_expiry && l.legacy);
  EXPECT_EQ(s.origins.at(0).url.to_string(), "http://[2001:db8::1]:80");
  const auto& o = s.origins.at(1);
  EXPECT_EQ(o.url.to_string(), "https://b.example:443");
  EXPECT_EQ(o.profile, CacheProfile::kPhone);
  EXPECT_EQ(o.enumeration_limit, 0U);
  EXPECT_EQ(o.store, StoreContract::kAlways);
  EXPECT_EQ(o.serve_stale, StaleContract::kOnUnreachable);
  EXPECT_EQ(o.owner_check, OwnerCheck::kNeighbourIfKnown);
  EXPECT_EQ(o.client_key, "/ck");
  EXPECT_EQ(s.find_origin("b"), &o);
  EXPECT_EQ(s.find_origin("c"), nullptr);
  ASSERT_EQ(s.classes.size(), 2U);
  EXPECT_EQ(s.classes[0].shared, true);
  EXPECT_EQ(s.classes[0].kind, "ringtone");
  EXPECT_EQ(s.classes[0].revalidate_s, 9U);
  EXPECT_FALSE(s.classes[1].shared || s.classes[1].revalidate_s);
  EXPECT_EQ(s.classes[1].kind, "");
  EXPECT_EQ(file->dns.servers.size(), 1U);
}

TEST(ProvisionConfig, TftpTakesWhatItLeavesOutFromItsInterface) {
  const auto file = parse_provision(
      "[[interface]]\nname = \"voice\"\ndevice = \"e1\"\nmedia-addresses = [\"198.18.4.2\"]\nmtu = "
      "3500\nmedia-ports = \"40000-40999\"\n" +
          whole("[[provision-tftp]]\ninterface = \"lan\"\n[[provision-tftp]]\ninterface = "
                "\"voice\"\naddresses = [\"198.18.4.3\"]\nport = 6969\norigin = \"centre\"\nroot = "
                "\"/firmware/old/\"\nmax-transfers = 4\nmax-transfers-per-address = 1\n"
                "max-window-blocks = 1\n[[provision-tftp]]\ninterface = \"voice\"\nroot = \"/\"\n"
                "max-block-bytes = 512"),
      "hf.toml");
  ASSERT_TRUE(file) << file.error().to_string();
  const auto& tftps = file->sections.tftps;
  ASSERT_EQ(tftps.size(), 3U);
  EXPECT_EQ(tftps[0].addresses, file->dataplane.interfaces[1].media_addresses);
  EXPECT_EQ(tftps[0].port, 69);
  EXPECT_EQ(tftps[0].origin, "centre");
  EXPECT_EQ(tftps[0].root, "");
  EXPECT_EQ(tftps[0].max_transfers, 64U);
  EXPECT_EQ(tftps[0].max_transfers_per_address, 8U);
  EXPECT_EQ(tftps[0].max_block_bytes, 1468);
  EXPECT_EQ(tftps[0].max_window_blocks, 16);
  EXPECT_EQ(tftps[1].addresses.at(0).to_string(), "198.18.4.3");
  EXPECT_EQ(tftps[1].port, 6969);
  EXPECT_EQ(tftps[1].root, "/firmware/old");
  EXPECT_EQ(tftps[1].max_transfers, 4U);
  EXPECT_EQ(tftps[1].max_block_bytes, 3468);  // of a mtu of 3500
  EXPECT_EQ(tftps[1].max_window_blocks, 1);
  EXPECT_EQ(tftps[1].media_ports.first, 40000);
  EXPECT_EQ(tftps[2].root, "");
  EXPECT_EQ(tftps[2].max_block_bytes, 512);
}

TEST(ProvisionConfig, AFileThatNeedsNoProvisioningIsToldFromAWrongOne) {
  const auto needs_none = [](const std::string& text) {
    const std::string path = testing::TempDir() + "holdfast-serves-" + std::to_string(::getpid());
    std::ofstream(path) << text;
    const bool none = serves_nothing(path);
    ::unlink(path.c_str());
    return none;
  };
  EXPECT_TRUE(needs_none(kInterface));
  EXPECT_FALSE(needs_none(whole()));
  EXPECT_FALSE(needs_none(kInterface + "[provision]\n"));
  EXPECT_FALSE(needs_none("[[interface"));
  EXPECT_FALSE(serves_nothing("/nowhere.toml"));
}

TEST(ProvisionConfig, AFileWithoutItsSectionsHasNone) {
  EXPECT_EQ(errors_of(kInterface),
            "hf.toml: provision-listener: is missing; holdfast-provision needs a "
            "[[provision-listener]]");
  Faults faults("hf.toml");
  const auto document = read_config_document(kInterface, "hf.toml");
  ASSERT_TRUE(document);
  EXPECT_FALSE(read_provision_sections(*document, {}, faults));
  EXPECT_TRUE(faults.none());
}

TEST(ProvisionConfig, TheDataplaneLeavesItsContentAlone) {
  for (const auto name : kProvisionSections)
    EXPECT_TRUE(parse_config(kInterface + "[" + std::string(name) + "]\nx = 1\n", "f")) << name;
}

struct Case {
  std::string text;
  std::string expected;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.text;
}
class ProvisionErrors : public testing::TestWithParam<Case> {};

TEST_P(ProvisionErrors, OneLineEach) {
  EXPECT_EQ(errors_of(GetParam().text), GetParam().expected) << GetParam().text;
}

#define L(n) "hf.toml:" #n ": "
const Case kListeners[] = {
    {whole("port = 0"), L(10) "provision-listener.1.port: 0 is out of bounds; choose 1 to 65535"},
    {whole("addresses = []"),
     L(10) "provision-listener.1.addresses: names no address; leave it out for those of the "
           "interface"},
    {whole("addresses = [\"0.0.0.0\"]"),
     L(10) "provision-listener.1.addresses: \"0.0.0.0\" is no unicast IPv4 or IPv6 address"},
    {whole("origin = \"center\""), L(10) "provision-listener.1.origin: no [[provision-origin]] is "
                                         "called \"center\"; there are centre"},
    {whole("tls = 1"), L(10) "provision-listener.1.tls: needs true or false, not a whole number"},
    {whole("tls = true\nkey = \"/k\""),
     L(8) "provision-listener.1.certificate: is missing; tls needs it"},
    {whole("certificate = \"/c\""), L(10) "provision-listener.1.certificate: is for TLS; set tls = "
                                          "true, or remove this line"},
    {whole("legacy = true"),
     L(10) "provision-listener.1.legacy: is for TLS; set tls = true, or remove this line"},
    {whole("tls = true\ncertificate = \"c\"\nkey = \"/k\""),
     L(11) "provision-listener.1.certificate: \"c\" is not an absolute path; begin it with /"},
    {whole("tls = true\ncertificate = \"/c\"\nkey = \"/k\"\nclient-certificate = \"ask\""),
     L(13) "provision-listener.1.client-certificate: \"ask\" needs client-ca, else no certificate "
           "is a good one"},
    {whole("tls = true\ncertificate = \"/c\"\nkey = \"/k\"\nclient-ca = \"/a\""),
     L(13) "provision-listener.1.client-ca: is not used; set client-certificate = \"ask\" or "
           "\"require\""},
    {whole("tls = true\ncertificate = \"/c\"\nkey = \"/k\"\nignore-expiry = true"),
     L(13) "provision-listener.1.ignore-expiry: is about the phones' certificates; set "
           "client-certificate = \"ask\" or \"require\""},
    {whole("[[provision-listener]]\ninterface = \"dmz\""),
     L(11) "provision-listener.2.interface: no [[interface]] is called \"dmz\"; there are lan"},
    {whole("[[provision-listener]]\ninterface = \"lan\"\naddresses = [\"2001:db8:1::2\"]"),
     L(12) "provision-listener.2.addresses: [2001:db8:1::2]:8088 is taken by an earlier "
           "[[provision-listener]] too; choose another"},
    {whole("[[provision-listener]]\nport = 80"),
     L(10) "provision-listener.2.interface: is missing"},
    {whole("[[provision-origin]]\nname = \"b\"\nurl = \"http://b\""),
     L(8) "provision-listener.1.origin: is missing; say which of the origins is served: centre, b"},
    {kInterface + kOrigin,
     "hf.toml: provision-listener: is missing; holdfast-provision needs a "
     "[[provision-listener]]"},
    {kInterface + "[provision-listener]\ninterface = \"lan\"\n",
     L(5) "provision-listener: is a list; write [[provision-listener]] with two pairs of brackets"},
};
INSTANTIATE_TEST_SUITE_P(Listeners, ProvisionErrors, testing::ValuesIn(kListeners));

// Its options begin on line 12.
std::string tftp(const std::string& options) {
  return whole("[[provision-tftp]]\ninterface = \"lan\"\n" + options);
}
const Case kTftps[] = {
    {tftp("port = 69"), "no error"},
    {tftp("port = 8088"), "no error"},  // the HTTP listener's is TCP
    {tftp("port = 0"), L(12) "provision-tftp.1.port: 0 is out of bounds; choose 1 to 65535"},
    {tftp("port = 20000"), L(12) "provision-tftp.1.port: 20000 is one of the interface's "
                                 "media-ports, which the kernel does not see; choose another"},
    {tftp("port = 20000\naddresses = [\"198.18.1.9\"]"), "no error"},  // no media address
    {tftp("addresses = [\"224.0.0.1\"]"),
     L(12) "provision-tftp.1.addresses: \"224.0.0.1\" is no unicast IPv4 or IPv6 address"},
    {tftp("origin = \"hq\""), L(12) "provision-tftp.1.origin: no [[provision-origin]] is called "
                                    "\"hq\"; there are centre"},
    {tftp("tls = true"), L(12) "provision-tftp.1.tls: is not an option; remove it"},
    {tftp("root = \"firmware\""),
     L(12) "provision-tftp.1.root: \"firmware\" is not an absolute path; begin it with /"},
    {tftp("root = \"/a/../b\""),
     L(12) "provision-tftp.1.root: \"/a/../b\" is no plain path: it has an empty part, . or .."},
    {tftp("root = \"/a//b\""),
     L(12) "provision-tftp.1.root: \"/a//b\" is no plain path: it has an empty part, . or .."},
    {tftp("root = \"/a%2fb\""), L(12) "provision-tftp.1.root: \"/a%2fb\" has a character that a "
                                      "path of the origin does not have"},
    {tftp("max-transfers = 4"), "no error"},
    {tftp("max-transfers = 4\nmax-transfers-per-address = 5"),
     L(13) "provision-tftp.1.max-transfers-per-address: 5 is above max-transfers; lower it"},
    {tftp("max-block-bytes = 511"),
     L(12) "provision-tftp.1.max-block-bytes: 511 is out of bounds; choose 512 to 65464"},
    {tftp("max-window-blocks = 65"),
     L(12) "provision-tftp.1.max-window-blocks: 65 is out of bounds; choose 1 to 64"},
    {tftp("[[provision-tftp]]\ninterface = \"lan\"\naddresses = [\"198.18.1.2\"]"),
     L(14) "provision-tftp.2.addresses: 198.18.1.2:69 is taken by an earlier [[provision-tftp]] "
           "too; choose another"},
    {whole("[[provision-tftp]]\nport = 69"), L(10) "provision-tftp.1.interface: is missing"},
    {whole("[[provision-tftp]]\ninterface = \"dmz\""),
     L(11) "provision-tftp.1.interface: no [[interface]] is called \"dmz\"; there are lan"},
    {whole("[provision-tftp]\ninterface = \"lan\""),
     L(10) "provision-tftp: is a list; write [[provision-tftp]] with two pairs of brackets"},
    {whole("[[provision-tfpt]]\ninterface = \"lan\""),
     L(10) "provision-tfpt: is not a section (did you mean \"provision-tftp\"?)"},
};
INSTANTIATE_TEST_SUITE_P(Tftps, ProvisionErrors, testing::ValuesIn(kTftps));

std::string with_url(const std::string& url) {
  return kInterface + kListener + "[[provision-origin]]\nname = \"a\"\nurl = \"" + url + "\"\n";
}
const Case kOrigins[] = {
    {with_url("https://198.18.3.10"), "no error"},
    {with_url("ftp://a"), L(9) "provision-origin.1.url: \"ftp://a\" is neither http:// nor "
                               "https://; write it like http://provision.example:8088"},
    {with_url("http://a/dir"), L(9) "provision-origin.1.url: \"/dir\" does not belong here: the "
                                    "paths are those that phones ask for"},
    {with_url("http://a?b"), L(9) "provision-origin.1.url: \"?b\" does not belong here: the paths "
                                  "are those that phones ask for"},
    {with_url("http://u:p@a"),
     L(9) "provision-origin.1.url: holds a user; phones bring their own, remove it"},
    {with_url("http://a:0"),
     L(9) "provision-origin.1.url: \"a:0\" has no port from 1 to 65535 behind the colon"},
    {with_url("http://10.0.0.300"), L(9) "provision-origin.1.url: \"10.0.0.300\" is neither a host "
                                         "name nor an address"},
    {with_url("http://[2001:db8::1"), L(9) "provision-origin.1.url: \"[2001:db8::1\" is not an "
                                           "address; write it like [2001:db8::10]:80"},
    {with_url("http://"),
     L(9) "provision-origin.1.url: \"\" is neither a host name nor an address"},
    {origin("profile = \"phones\""), L(8) "provision-origin.1.profile: \"phones\" is not one of "
                                          "phone, rfc (did you mean \"phone\"?)"},
    {origin("serve-stale = \"always\""),
     L(8) "provision-origin.1.serve-stale: \"always\" is not one of rfc, on-unreachable"},
    {origin("answer-ms = 99"),
     L(8) "provision-origin.1.answer-ms: 99 is out of bounds; choose 100 to 60000"},
    {origin("answer_ms = 100"),
     L(8) "provision-origin.1.answer_ms: is not an option (did you mean \"answer-ms\"?)"},
    {origin("ca = \"/a\""), L(8) "provision-origin.1.ca: is for an https:// url; remove this line"},
    {with_url("https://a") + "client-certificate = \"/c\"",
     L(7) "provision-origin.1.client-key: is missing; client-certificate and client-key go "
          "together"},
    {with_url("https://a") + "client-key = \"/c\"",
     L(7) "provision-origin.1.client-certificate: is missing; client-certificate and client-key go "
          "together"},
    {origin("[[provision-origin]]\nname = \"centre\"\nurl = \"http://b\"") + "origin = \"centre\"",
     L(9) "provision-origin.2.name: \"centre\" is an earlier origin too; choose another"},
    {kInterface + kListener,
     "hf.toml: provision-origin: is missing; holdfast-provision needs a [[provision-origin]]"},
};
INSTANTIATE_TEST_SUITE_P(Origins, ProvisionErrors, testing::ValuesIn(kOrigins));

const Case kRest[] = {
    {whole("[provision]\ndscp = 64"), L(11) "provision.dscp: 64 is out of bounds; choose 0 to 63"},
    {whole("[provision]\nbandwidth-kbit = 63"),
     L(11) "provision.bandwidth-kbit: 63 is out of bounds; choose 64 to 100000000"},
    {whole("[provision]\nbandwidth-kbit = 0"), "no error"},
    {whole("[provision]\ngenerations = 0"),
     L(11) "provision.generations: 0 is out of bounds; choose 1 to 16"},
    {whole("[provision]\nmax-connections = 10\nmax-connections-per-address = 11"),
     L(12) "provision.max-connections-per-address: 11 is above max-connections; lower it"},
    {whole("[provision]\nmax-connections = 10"), "no error"},
    {whole("[[provision]]\n"),
     L(10) "provision: is a section; write [provision] with one pair of brackets"},
    {whole("[[provision-class]]\nmatch = \"\""),
     L(11) "provision-class.1.match: is empty; write a path, or the last part of one"},
    {whole("[[provision-class]]\nshared = true"), L(10) "provision-class.1.match: is missing"},
    {origin("profile = \"rfc\"\nowner-check = \"off\""),
     L(9) "provision-origin.1.owner-check: does nothing with profile = \"rfc\", which knows "
          "neither "
          "phones nor contracts; remove this line"},
    {whole("[[provision-class]]\nmatch = \"{mac}*.cfg\"\nshared = true"),
     L(12) "provision-class.1.shared: \"{mac}*.cfg\" is about files with a phone's MAC in their "
           "path, which are never shared; remove this line"},
    {whole("[[provision-class]]\nmatch = \"a\"\nkind = \"firmwares\""),
     L(12) "provision-class.1.kind: \"firmwares\" is not one of other, firmware, config, "
           "directory, "
           "license, log, calls, language, ringtone, logo, certificate (did you mean "
           "\"firmware\"?)"},
    {whole("[[provision-class]]\nmatch = \"a\"\n[[provision-class]]\nmatch = \"a\""),
     L(13) "provision-class.2.match: \"a\" is that of line 11 too, which is tried first"},
    {whole("[dns]\nmin-ttl-s = 100\nmax-ttl-s = 99"),
     L(11) "dns.min-ttl-s: 100 is above max-ttl-s; lower it"},
};
INSTANTIATE_TEST_SUITE_P(Rest, ProvisionErrors, testing::ValuesIn(kRest));

}  // namespace
}  // namespace holdfast::config
