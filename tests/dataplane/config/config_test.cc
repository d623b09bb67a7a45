// SPDX-License-Identifier: Apache-2.0
// The configuration: what each key takes, and the one clear line that each mistake gets.
#include "dataplane/config/config.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace holdfast::config {
namespace {

// A complete interface "lan"; `more` follows as its last lines (the first of them is line 5).
std::string lan(const std::string& more = "") {
  return "[[interface]]\nname = \"lan\"\ndevice = \"eth0\"\nmedia-addresses = [\"198.18.1.2\"]\n" +
         more + "\n";
}
std::string virtual_lan(const std::string& more) {
  return "[[interface]]\nname = \"lan\"\ntake = \"owned\"\nmedia-addresses = [\"198.18.1.2\"]\n" +
         more + "\n";
}
std::string dataplane(const std::string& more) {
  return "[dataplane]\n" + more + "\n" + lan();
}

std::string errors_of(const std::string& text) {
  const auto config = parse_config(text, "hf.toml");
  return config ? "no error" : config.error().to_string();
}

TEST(Config, DefaultsAreThoseOfThePage) {
  const auto config = parse_config(lan(), "hf.toml");
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->control_socket, "/run/holdfast/dataplane.sock");
  EXPECT_EQ(config->cpus, std::vector<uint16_t>{0});
  EXPECT_EQ(config->max_legs, 4096U);
  EXPECT_EQ(config->idle_sleep_us, 1000U);
  EXPECT_EQ(config->huge_pages, HugePages::kAuto);
  const auto* interface = config->find_interface("lan");
  ASSERT_NE(interface, nullptr);
  EXPECT_EQ(interface->take, Take::kShared);
  EXPECT_EQ(interface->driver, Driver::kAfXdp);
  EXPECT_EQ(interface->tap, "");
  EXPECT_EQ(interface->audio.dscp, (DscpRule{false, 46}));
  EXPECT_EQ(interface->video.dscp, (DscpRule{false, 34}));
  EXPECT_EQ(interface->fax.dscp, (DscpRule{false, 46}));
  EXPECT_EQ(interface->dscp_rtcp, std::nullopt);
  EXPECT_EQ(interface->audio.pcp, 5);
  EXPECT_EQ(interface->video.pcp, 4);
  EXPECT_EQ(interface->pcp_rtcp, std::nullopt);
  EXPECT_EQ(interface->media_ports.pairs(), 5000U);
  EXPECT_EQ(interface->leg_capacity(), 5000U);
  EXPECT_EQ(config->find_interface("wan"), nullptr);
}

TEST(Config, OwnedInterfaceWithEverythingSet) {
  const auto config = parse_config(
      "[dataplane]\ncpus = [2, 3]\nmax-legs = 10\nhuge-pages = \"no\"\nidle-sleep-us = 0\n"
      "port-rest-s = 0\n"
      "[[interface]]\nname = \"v\"\ntake = \"owned\"\ndriver = \"virtio_user\"\n"
      "device = \"/run/v.sock\"\nmac = \"02:00:00:00:00:01\"\nvlan = 100\npcp-audio = 6\nmtu = "
      "1400\n"
      "tap = \"voice0\"\nexception-pps = 500\nexception-mbps = 40\nqueues = 2\nmedia-ports = "
      "\"30000-30010\"\ndscp-audio = 0\n"
      "dscp-video = \"copy\"\ndscp-rtcp = 26\npcp-rtcp = 3\n"
      "media-addresses = [\"198.18.1.2\", \"2001:db8::2\"]\n"
      "static-neighbors = [{address = \"198.18.1.1\", mac = \"02:00:00:00:00:02\"}]\n",
      "hf.toml");
  ASSERT_TRUE(config) << config.error().to_string();
  const auto& i = config->interfaces[0];
  EXPECT_EQ(i.driver, Driver::kVirtioUser);
  EXPECT_EQ(config->port_rest_s, 0u);
  EXPECT_EQ(i.exception_mbps, 40u);
  EXPECT_EQ(i.queues, 2u);
  EXPECT_EQ(i.tap, "voice0");
  EXPECT_EQ(i.audio.dscp, (DscpRule{false, 0}));
  EXPECT_EQ(i.video.dscp, (DscpRule{true, 0}));
  EXPECT_EQ(i.dscp_rtcp, (DscpRule{false, 26}));
  EXPECT_EQ(i.audio.pcp, 6);
  EXPECT_EQ(i.pcp_rtcp, 3);
  EXPECT_EQ(i.vlan, 100);
  EXPECT_EQ(i.mac->to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(i.media_ports.last, 30009) << "an even last port has no partner";
  EXPECT_EQ(i.leg_capacity(), 10U);
  ASSERT_EQ(i.static_neighbors.size(), 1U);
  EXPECT_EQ(i.static_neighbors[0].mac.to_string(), "02:00:00:00:00:02");
  EXPECT_EQ(config->cpus, (std::vector<uint16_t>{2, 3}));
}

TEST(Config, OwnedInterfaceTakesAfXdpUnlessToldOtherwise) {
  const auto config = parse_config(lan("take = \"owned\""), "hf.toml");
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->interfaces[0].driver, Driver::kAfXdp);
  EXPECT_EQ(config->interfaces[0].tap, "hf-lan");
}

TEST(Config, PortsOnSocketsKeepTheirAddressFromStartToStart) {
  const auto mac_of = [](const std::string& driver, const std::string& device) {
    const auto config = parse_config(
        virtual_lan("driver = \"" + driver + "\"\ndevice = \"" + device + "\""), "hf.toml");
    return config && config->interfaces[0].mac ? config->interfaces[0].mac->to_string() : "none";
  };
  const std::string first = mac_of("memif", "/run/a.sock");
  EXPECT_EQ(first.substr(0, 3), "02:");
  EXPECT_EQ(mac_of("memif", "/run/a.sock"), first);
  EXPECT_NE(mac_of("memif", "/run/b.sock"), first);
  EXPECT_EQ(mac_of("virtio_user", "/run/a.sock").substr(0, 3), "02:");
  EXPECT_EQ(mac_of("vhost", "/run/a.sock"), "none");
}

TEST(Config, PciAddressIsWrittenAsDpdkDoes) {
  for (const std::string device : {"0A:00.1", "0a:00.1", "0000:0A:00.1"}) {
    const auto config =
        parse_config(virtual_lan("driver = \"pci\"\ndevice = \"" + device + "\""), "hf.toml");
    ASSERT_TRUE(config) << config.error().to_string();
    EXPECT_EQ(config->interfaces[0].device, "0000:0a:00.1") << device;
  }
}

struct Case {
  std::string text;
  std::string error;  // the whole output, "no error" when it is good
};

class ConfigBounds : public testing::TestWithParam<Case> {};
TEST_P(ConfigBounds, HasThisAnswer) {
  EXPECT_EQ(errors_of(GetParam().text), GetParam().error);
}

#define D "hf.toml:2: dataplane."
#define I "hf.toml:5: interface.lan."
const Case kDataplane[] = {
    {dataplane("memory-mib = 64"), "no error"},
    {dataplane("memory-mib = 65536"), "no error"},
    {dataplane("memory-mib = 63"), D "memory-mib: 63 is out of bounds; choose 64 to 65536"},
    {dataplane("memory-mib = \"512\""),
     D "memory-mib: needs a whole number, not text; leave the quotes out"},
    {dataplane("memory-mib = 1.5"),
     D "memory-mib: needs a whole number, not a value of another type"},
    {dataplane("max-legs = 2"), "no error"},
    {dataplane("max-legs = 8\ncpus = [0, 1, 2, 3]"), "no error"},
    {dataplane("max-legs = 7\ncpus = [0, 1, 2, 3]"),
     D "max-legs: 7 legs are too few: 4 CPUs need 8, 2 each; raise it or name fewer cpus"},
    {dataplane("max-legs = 1"), D "max-legs: 1 is out of bounds; choose 2 to 65536"},
    {dataplane("max-legs = 65537"), D "max-legs: 65537 is out of bounds; choose 2 to 65536"},
    {dataplane("max-legs = 5001"),
     D "max-legs: the media-ports of all interfaces hold 5000 legs, not 5001; widen media-ports or "
       "lower max-legs"},
    {dataplane("idle-sleep-us = 10000"), "no error"},
    {dataplane("idle-sleep-us = -1"), D "idle-sleep-us: -1 is out of bounds; choose 0 to 10000"},
    {dataplane("huge-pages = \"yes\""), "no error"},
    {dataplane("huge-pages = true"), D "huge-pages: needs text in quotes, not true or false"},
    {dataplane("huge-pages = \"atuo\""),
     D "huge-pages: \"atuo\" is not one of auto, yes, no (did you mean \"auto\"?)"},
    {dataplane("cpus = [0, 1023]"), "no error"},
    {dataplane("cpus = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]"), "no error"},
    {dataplane("cpus = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]"),
     D "cpus: names 17 CPUs; give 1 to 16"},
    {dataplane("cpus = []"), D "cpus: names 0 CPUs; give 1 to 16"},
    {dataplane("cpus = 1"), D "cpus: needs a list of CPU numbers, for example [1, 2]"},
    {dataplane("cpus = [1, 1]"), D "cpus: names CPU 1 twice; give each lcore a CPU of its own"},
    {dataplane("cpus = [1024]"), D "cpus: 1024 is out of bounds; choose 0 to 1023"},
    {dataplane("control-socket = \"run\""),
     D "control-socket: \"run\" is not an absolute path; begin it with /"},
    {dataplane("control-socket = \"/" + std::string(107, 'x') + "\""),
     D "control-socket: is longer than 107 bytes; choose a shorter one"},
    {dataplane("control-socket = \"/a\\nb\""),
     D "control-socket: holds a control character; remove it"},
    {dataplane("state-dir = \"/run\""), D "state-dir: is not an option; remove it"},
    {dataplane("xdp-program = \"\""), "no error"},
    {dataplane("xdp-program = \"x.o\""),
     D "xdp-program: \"x.o\" is not an absolute path; begin it with /"},
    {dataplane("controlsocket = \"/x\""),
     D "controlsocket: is not an option (did you mean \"control-socket\"?)"},
    {dataplane("max_legs = 2"), D "max_legs: is not an option (did you mean \"max-legs\"?)"},
    {dataplane("\"a\\u0007\\nb\" = 2"), D "a\\x07\\x0ab: is not an option; remove it"},
};
INSTANTIATE_TEST_SUITE_P(Dataplane, ConfigBounds, testing::ValuesIn(kDataplane));

const Case kInterface[] = {
    {lan("vlan = 4094"), "no error"},
    {lan("vlan = 4095"), I "vlan: 4095 is out of bounds; choose 0 to 4094"},
    {lan("vlna = 100"), I "vlna: is not an option (did you mean \"vlan\"?)"},
    {lan("vlan = 1\npcp-fax = 7"), "no error"},
    {lan("vlan = 1\npcp-rtcp = 7"), "no error"},
    {lan("vlan = 1\npcp-rtcp = \"media\""), "no error"},
    {lan("vlan = 1\npcp-rtcp = \"copy\""),
     "hf.toml:6: interface.lan.pcp-rtcp: needs 0 to 7, or \"media\""},
    {lan("pcp-audio = 5"),
     I "pcp-audio: is carried in a VLAN tag; set vlan too, or remove this line"},
    {lan("pcp-video = 8\nvlan = 1"), I "pcp-video: 8 is out of bounds; choose 0 to 7"},
    {lan("mtu = 576"), "no error"},
    {lan("mtu = 9001"), I "mtu: 9001 is out of bounds; choose 576 to 9000"},
    {lan("mtu = 3500"), "no error"},
    {lan("mtu = 3501"),
     I "mtu: driver af_xdp, which interface lan has, needs packet buffers of less than a page; "
       "choose at most 3500 on every interface"},
    {virtual_lan("mtu = 9000\ndriver = \"memif\"\ndevice = \"/run/m.sock\""), "no error"},
    {virtual_lan("mtu = 9000\ndriver = \"memif\"\ndevice = \"/run/m.sock\"") +
         "[[interface]]\nname = \"wan\"\ndevice = \"eth1\"\nmedia-addresses = [\"198.18.2.2\"]\n",
     "hf.toml:5: interface.lan.mtu: driver af_xdp, which interface wan has, needs packet buffers "
     "of less than a page; choose at most 3500 on every interface"},
    {lan("take = \"owned\"\ndriver = \"af_packet\"\nmtu = 1900"), "no error"},
    {lan("take = \"owned\"\ndriver = \"af_packet\"\nmtu = 1901"),
     "hf.toml:7: interface.lan.mtu: driver af_packet cuts longer packets to its frames of 2048 "
     "bytes; choose at most 1900, or another driver"},
    {lan("dscp-audio = 63"), "no error"},
    {lan("dscp-audio = 64"), I "dscp-audio: needs 0 to 63, or \"copy\""},
    {lan("dscp-fax = \"copy\""), "no error"},
    {lan("dscp-fax = \"media\""), I "dscp-fax: needs 0 to 63, or \"copy\""},
    {lan("srtp = \"require\"\nsrtp-suites = [\"AEAD_AES_128_GCM\"]"), "no error"},
    {lan("srtp = \"sometimes\""),
     I "srtp: \"sometimes\" is not one of pass-through, forbid, offer, require"},
    {lan("srtp-suites = [\"F8_128_HMAC_SHA1_80\"]"),
     I "srtp-suites: \"F8_128_HMAC_SHA1_80\" is no suite that we carry; docs/srtp.md has them"},
    {lan("srtp-suites = []"),
     I "srtp-suites: names no suite; leave it out, or set srtp = \"forbid\""},
    {lan("dscp-rtcp = \"media\""), "no error"},
    {lan("dscp-rtcp = \"copy\""), "no error"},
    {lan("dscp-rtcp = -1"), I "dscp-rtcp: needs 0 to 63, \"copy\" or \"media\""},
    {lan("dscp-media = 46"), I "dscp-media: is not an option (did you mean \"dscp-audio\"?)"},
    {lan("tap = \"x\""),
     I "tap: a shared interface has no tap; remove this line, or set take = \"owned\""},
    {lan("take = \"owned\"\ntap = \"a/b\""),
     "hf.toml:6: interface.lan.tap: \"a/b\" cannot name a network device"},
    {lan("take = \"owned\"\nexception-pps = 100"), "no error"},
    {lan("take = \"owned\"\nexception-pps = 0"),
     "hf.toml:6: interface.lan.exception-pps: 0 is out of bounds; choose 100 to 1000000"},
    {lan("take = \"owned\"\nexception-pps = 99"),
     "hf.toml:6: interface.lan.exception-pps: 99 is out of bounds; choose 100 to 1000000"},
    {lan("take = \"owned\"\nexception-pps = 1000001"),
     "hf.toml:6: interface.lan.exception-pps: 1000001 is out of bounds; choose 100 to 1000000"},
    {lan("take = \"owned\"\nexception-mbps = 10001"),
     "hf.toml:6: interface.lan.exception-mbps: 10001 is out of bounds; choose 0 to 10000"},
    {lan("exception-mbps = 10"),
     I "exception-mbps: a shared interface has no tap; remove this line, or set take = \"owned\""},
    {lan("queues = 1"), "no error"},
    {lan("queues = 2"), I "queues: 2 queues need as many cpus, not 1; name more cpus or lower it"},
    {lan("queues = 0"), I "queues: 0 is out of bounds; choose 1 to 16"},
    {lan("queues = 2\ntake = \"owned\"\ndriver = \"af_packet\""),
     I "queues: driver af_packet has one; remove this line"},
    {lan("take = \"mine\""), I "take: \"mine\" is not one of shared, owned"},
    {lan("driver = \"af_packet\""),
     I "driver: af_packet cannot share a device with the kernel; use af_xdp, or set take = "
       "\"owned\""},
    {lan("driver = \"af-xdp\""),
     I "driver: \"af-xdp\" is not one of af_xdp, af_packet, virtio_user, vhost, memif, ring, "
       "null, pci (did you mean \"af_xdp\"?)"},
    {lan("mac = \"02:00:00:00:00:01\""),
     I "mac: driver af_xdp cannot be given an address, only virtio_user, vhost and memif can; "
       "remove this line"},
    {virtual_lan("mac = \"02:00:00:00:00:01\"\ndriver = \"ring\""),
     I "mac: driver ring cannot be given an address, only virtio_user, vhost and memif can; remove "
       "this line"},
    {virtual_lan("mac = \"02:00:00:00:00:01\"\ndriver = \"virtio_user\"\ndevice = \"/run/v.sock\""),
     "no error"},
    {virtual_lan("mac = \"01:00:00:00:00:01\"\ndriver = \"null\""),
     I "mac: \"01:00:00:00:00:01\" is a group address or zero; give a station's address"},
    {virtual_lan("mac = \"02-00\"\ndriver = \"null\""),
     I "mac: \"02-00\" is not a MAC address; write it like 02:00:00:00:00:01"},
    {virtual_lan("device = \"eth0\"\ndriver = \"null\""),
     I "device: driver null has no device; remove this line"},
    {virtual_lan("device = \"eth0\"\ndriver = \"vhost\""),
     I "device: \"eth0\" does not suit driver vhost; give the absolute path of a UNIX socket"},
    {virtual_lan("device = \"memif.sock\"\ndriver = \"memif\""), I
     "device: \"memif.sock\" does not suit driver memif; give the absolute path of a UNIX socket"},
    {virtual_lan("memif-id = 7\ndriver = \"memif\"\ndevice = \"/run/m.sock\""), "no error"},
    {virtual_lan("memif-id = -1\ndriver = \"memif\"\ndevice = \"/run/m.sock\""),
     I "memif-id: -1 is out of bounds; choose 0 to 4294967295"},
    {virtual_lan("memif-id = 0\ndriver = \"vhost\"\ndevice = \"/run/m.sock\""),
     I "memif-id: is of driver memif only; remove this line"},
    {virtual_lan("driver = \"memif\""),
     "hf.toml:1: interface.lan.device: is missing; driver memif needs it"},
    {"[[interface]]\nname = \"lan\"\ndevice = \"/run/m.sock\"\nmedia-addresses = [\"198.18.1.2\"]\n"
     "driver = \"memif\"\n",
     I "driver: memif cannot share a device with the kernel; use af_xdp, or set take = \"owned\""},
    {virtual_lan("device = \"0000:03:00.0\"\ndriver = \"pci\""), "no error"},
    {virtual_lan("device = \"03:00.0\"\ndriver = \"pci\""), "no error"},
    {virtual_lan("device = \"00000:03:00.0\"\ndriver = \"pci\""),
     I "device: \"00000:03:00.0\" does not suit driver pci; give a PCI address such as "
       "0000:03:00.0"},
    {virtual_lan("device = \"\"\ndriver = \"pci\""),
     I "device: \"\" does not suit driver pci; give a PCI address such as 0000:03:00.0"},
    {virtual_lan("device = \"03:00.8\"\ndriver = \"pci\""),
     I "device: \"03:00.8\" does not suit driver pci; give a PCI address such as 0000:03:00.0"},
    {virtual_lan(""), "hf.toml:1: interface.lan.device: is missing; driver af_xdp needs it"},
    {lan("media-ports = \"30000-30003\""), "no error"},
    {lan("media-ports = \"30000-30007\"\n[dataplane]\ncpus = [0, 1]"), "no error"},
    {lan("media-ports = \"30000-30006\"\n[dataplane]\ncpus = [0, 1]"),
     I "media-ports: holds 3 pairs of ports, but 2 CPUs need 4, 2 each; widen it or name fewer "
       "cpus"},
    {lan("media-ports = \"30000-30002\""),
     I "media-ports: \"30000-30002\" holds 1 leg (a pair of ports each); a call needs 2, widen it"},
    {lan("media-ports = \"30000-30000\""), I
     "media-ports: \"30000-30000\" holds 0 legs (a pair of ports each); a call needs 2, widen it"},
    {lan("media-ports = \"30001-30010\""),
     I "media-ports: \"30001-30010\" begins with an odd port; RTP takes the even port of a pair, "
       "begin with 30002"},
    {lan("media-ports = \"3-2\""), I "media-ports: \"3-2\" ends before it begins"},
    {lan("media-ports = \"65000-65536\""),
     I "media-ports: \"65000-65536\" is not a range of ports; write it like 20000-29999"},
    {lan("media-ports = \"20000\""),
     I "media-ports: \"20000\" is not a range of ports; write it like 20000-29999"},
    {lan("media-ports = 20000"), I "media-ports: needs text in quotes, not a whole number"},
    {lan("media-ports = \"2-65535\""), "no error"},
    {lan("static-neighbors = [{address = \"198.18.1.9\"}]"),
     I "static-neighbors: needs entries like {address = \"198.18.1.10\", mac = "
       "\"02:00:00:00:00:01\"}"},
    {lan("static-neighbors = [{address = \"224.0.0.1\", mac = \"02:00:00:00:00:01\"}]"),
     I "static-neighbors: \"224.0.0.1\" is no unicast address"},
};
INSTANTIATE_TEST_SUITE_P(Interface, ConfigBounds, testing::ValuesIn(kInterface));
#undef D
#undef I

std::string interface(const std::string& name, const std::string& device,
                      const std::string& addresses) {
  return "[[interface]]\nname = \"" + name + "\"\ndevice = \"" + device +
         "\"\nmedia-addresses = [" + addresses + "]\n";
}

const Case kWhole[] = {
    {"", "hf.toml: interface: no interface is configured; add an [[interface]] section"},
    {"[interface]\nname = \"a\"",
     "hf.toml:1: interface: is a list; write [[interface]] with two brackets"},
    {"[[dataplane]]\n" + lan(),
     "hf.toml:1: dataplane: is a section; write [dataplane] with one pair of brackets"},
    {"[dataplan]\n" + lan(), "hf.toml:1: dataplan: is not a section (did you mean \"dataplane\"?)"},
    {"[zzz]\n" + lan(),
     "hf.toml:1: zzz: is not a section; there are [dataplane], [[interface]], [sip], "
     "[sip-listener], "
     "[centre], [gateway], [dial-plan], [media], [storage], [admin], [dns], [provision], "
     "[provision-listener], [provision-tftp], [provision-origin], [provision-class]"},
    {"[[interface]]\ndevice = \"e\"\nmedia-addresses = [\"198.18.0.1\"]",
     "hf.toml:1: interface.1.name: is missing"},
    {interface("LAN", "e", "\"198.18.0.1\""),
     "hf.toml:2: interface.LAN.name: \"LAN\" is not 1 to 11 of a-z, 0-9 and -"},
    {interface("twelve-chars", "e", "\"198.18.0.1\""),
     "hf.toml:2: interface.twelve-chars.name: is longer than 11 bytes; choose a shorter one"},
    {interface("a", "e", "\"phone.example\""),
     "hf.toml:4: interface.a.media-addresses: \"phone.example\" is not an IPv4 or IPv6 address; "
     "names are not looked up"},
    {interface("a", "e", ""),
     "hf.toml:4: interface.a.media-addresses: names 0 addresses; give 1 to 8"},
    {interface("a", "e", "\"0.0.0.0\""),
     "hf.toml:4: interface.a.media-addresses: \"0.0.0.0\" is no unicast address"},
    {interface("a", "e", "\"255.255.255.255\""),
     "hf.toml:4: interface.a.media-addresses: \"255.255.255.255\" is no unicast address"},
    {interface("a", "e", "\"198.18.0.1\", \"198.18.0.1\""),
     "hf.toml:4: interface.a.media-addresses: 198.18.0.1 is named twice; each address belongs to "
     "one interface"},
    {interface("a", "e", "\"198.18.0.1\"") + interface("b", "f", "\"198.18.0.1\""),
     "hf.toml:8: interface.b.media-addresses: 198.18.0.1 is named twice; each address belongs to "
     "one interface"},
    {interface("a", "e", "\"198.18.0.1\"") + interface("a", "f", "\"198.18.0.2\""),
     "hf.toml:6: interface.a.name: \"a\" is that of line 2 too; choose another"},
    {interface("a", "e", "\"198.18.0.1\"") + interface("b", "e", "\"198.18.0.2\""),
     "hf.toml:7: interface.b.device: \"e\" is that of line 3 too; choose another"},
    {interface("a", "03:00.0", "\"198.18.0.1\"") + "take = \"owned\"\ndriver = \"pci\"\n" +
         interface("b", "0000:03:00.0", "\"198.18.0.2\"") + "take = \"owned\"\ndriver = \"pci\"\n",
     "hf.toml:9: interface.b.device: \"0000:03:00.0\" is that of line 3 too; choose another"},
    {"[dataplane]\ncpus = [0, 1, 2, 3]\nmax-legs = 6\n" + lan("media-ports = \"30000-30005\""),
     "hf.toml:3: dataplane.max-legs: 6 legs are too few: 4 CPUs need 8, 2 each; raise it or name "
     "fewer cpus\n"
     "hf.toml:8: interface.lan.media-ports: holds 3 pairs of ports, but 4 CPUs need 8, 2 each; "
     "widen it or name fewer cpus"},
    {interface("a", "e", "\"2001:db8::1\"") + "mtu = 1279",
     "hf.toml:5: interface.a.mtu: IPv6 needs 1280 bytes or more (RFC 8200 section 5)"},
    {dataplane("memory-mib = 1\ncpus = []"),
     "hf.toml:2: dataplane.memory-mib: 1 is out of bounds; choose 64 to 65536\n"
     "hf.toml:3: dataplane.cpus: names 0 CPUs; give 1 to 16"},
};
INSTANTIATE_TEST_SUITE_P(Whole, ConfigBounds, testing::ValuesIn(kWhole));

TEST(Config, MalformedTomlNamesTheLine) {
  for (const std::string text :
       {"[dataplane]\n\nmax-legs = = 2\n", "[dataplane]\n\nmax-legs = \"2\n",
        "a = 1\nb = 2\na = 3\n", "[dataplane]\n[dataplane2]\n[dataplane]\n"}) {
    const auto config = parse_config(text, "hf.toml");
    ASSERT_FALSE(config) << text;
    ASSERT_EQ(config.error().errors.size(), 1U);
    EXPECT_EQ(config.error().errors[0].line, 3U) << config.error().to_string();
    EXPECT_EQ(config.error().to_string().find('\n'), std::string::npos);
  }
}

TEST(Config, BytesThatAreNoUtf8AreAnError) {
  EXPECT_NE(errors_of("# a\n\xff\xfe\n").find("invalid utf-8"), std::string::npos);
  EXPECT_NE(errors_of(std::string("\0\0", 2)), "no error");
}

TEST(Config, ErrorsAreBounded) {
  std::string text = "[dataplane]\n";
  for (int i = 0; i < 1000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  const auto config = parse_config(text, "hf.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().errors.size(), kMaxErrors + 1);
  EXPECT_EQ(config.error().errors.back().what, "and 980 more errors");
}

TEST(Config, SixteenInterfacesAndNoMore) {
  std::string text;
  for (int i = 0; i < 16; ++i) {
    const auto n = std::to_string(i);
    text += interface("i" + n, "e" + n, "\"198.18.0." + std::to_string(i + 1) + "\"");
  }
  EXPECT_EQ(errors_of(text), "no error");
  EXPECT_EQ(errors_of(text + interface("i16", "e16", "\"198.18.0.17\"")),
            "hf.toml:1: interface: 17 interfaces; at most 16 are possible");
}

TEST(Config, DeepNestingIsAnErrorNotACrash) {
  EXPECT_FALSE(parse_config("x = " + std::string(100'000, '['), "hf.toml"));
  EXPECT_FALSE(parse_config("x = " + std::string(200, '[') + std::string(200, ']'), "hf.toml"));
  EXPECT_FALSE(parse_config(std::string(kMaxConfigBytes + 1, '#'), "hf.toml"));
}

TEST(LoadConfig, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(load_config("/nonexistent/hf.toml").error().to_string(),
            "/nonexistent/hf.toml: cannot be read: No such file or directory");
  EXPECT_EQ(load_config("/").error().to_string(), "/: is not a regular file");
}

TEST(LoadConfig, ReadsAFile) {
  const std::string path = testing::TempDir() + "hf-" + std::to_string(getpid()) + ".toml";
  std::ofstream(path) << lan();
  const auto config = load_config(path);
  EXPECT_TRUE(config);
  std::ofstream(path) << lan("vlan = -1");
  EXPECT_EQ(load_config(path).error().to_string(),
            path + ":5: interface.lan.vlan: -1 is out of bounds; choose 0 to 4094");
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace holdfast::config
