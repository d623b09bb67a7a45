// SPDX-License-Identifier: Apache-2.0
// A branch on loopback: the proxy with real sockets in virtual time, phones, a centre, a gateway.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sip/proxy/proxy.hh"
#include "tests/sip/proxy/test_peer.hh"
#include "tests/sip/virtual_loop.hh"

namespace holdfast::sip {

inline constexpr char kLan[] = "127.0.1.1";
inline constexpr char kWan[] = "127.0.2.1";
inline constexpr char kAlice[] = "127.0.1.21";
inline constexpr char kBob[] = "127.0.1.22";
inline constexpr char kGateway[] = "127.0.1.9";
inline constexpr char kCentre[] = "127.0.3.10";
inline constexpr char kSecond[] = "127.0.3.11";

// What the records would get.
struct Recorder : CallEvents {
  std::vector<CallBegan> begins, founds;
  std::vector<CallAnswered> answers;
  std::vector<CallEnded> ends;
  std::vector<CallRemark> remarks;
  void began(const CallBegan& call) override { begins.push_back(call); }
  void found(const CallBegan& call) override { founds.push_back(call); }
  void answered(const CallAnswered& call) override { answers.push_back(call); }
  void remarked(uint64_t, CallRemark remark) override { remarks.push_back(remark); }
  void ended(const CallEnded& call) override { ends.push_back(call); }
  std::string last_end() const {
    return ends.empty() ? std::string("none") : std::string(name_of(ends.back().end));
  }
};

// Marks each body, at once or when told to, and remembers all that it was asked.
struct MarkingFilter : MediaFilter {
  std::vector<MediaMessage> asked;
  std::vector<std::function<void()>> held;
  std::vector<uint64_t> ended;
  std::vector<std::string> dialogs_ended;
  std::function<void(uint64_t)> silent;
  bool holds = false;
  std::function<MediaVerdict(const MediaMessage&)> judge = [](const MediaMessage& m) {
    MediaVerdict verdict;
    if (m.body.empty()) return verdict;
    verdict.kind = MediaVerdict::Kind::replace;
    verdict.body = m.body + "a=anchored\r\n";
    return verdict;
  };

  void message(const MediaMessage& m, std::function<void(MediaVerdict)> done) override {
    asked.push_back(m);
    const auto answer = [verdict = judge(m), done = std::move(done)] { done(verdict); };
    holds ? held.push_back(answer) : answer();
  }
  void release() {
    const auto all = std::exchange(held, {});
    for (const auto& one : all) one();
  }
  void dialog_ended(uint64_t, const std::string& caller, const std::string& callee) override {
    dialogs_ended.push_back(caller + '/' + callee);
  }
  void call_ended(uint64_t key,
                  std::function<void(std::vector<control::CallReport>)> done) override {
    ended.push_back(key);
    done({});
  }
  void on_silence(std::function<void(uint64_t)> callback) override { silent = std::move(callback); }
  void on_one_way(OneWay callback) override { one_way = std::move(callback); }
  void on_unanchored(std::function<void(uint64_t)> callback) override {
    unanchored = std::move(callback);
  }
  OneWay one_way;
  std::function<void(uint64_t)> unanchored;
};

inline const std::string kSdp = "v=0\r\no=- 1 1 IN IP4 198.18.1.21\r\ns=-\r\n";

class ProxyTest : public testing::Test {
 protected:
  ProxyTest() : plan_(*DialPlan::make(dial_plan())) {}

  static DialPlanConfig dial_plan() {
    DialPlanConfig dial;
    dial.has_gateway = true;
    dial.emergency = {{"911", "911"}};
    dial.outbound = {{"9", 1, "", 8, 20}};
    return dial;
  }
  static Listener listener(const char* interface, const char* ip, Transport transport,
                           bool phones) {
    return {interface, {*IpAddress::parse(ip), 0}, transport, phones};
  }
  virtual ProxyConfig config() {
    ProxyConfig c(plan_);
    c.route.listeners = {
        listener("lan", kLan, Transport::udp, true), listener("lan", kLan, Transport::tcp, true),
        listener("wan", kWan, Transport::udp, false), listener("wan", kWan, Transport::tcp, false)};
    c.route.centre_domain = "centre.example.com";
    c.route.centre_interface = "wan";
    c.route.gateways = {
        {"pstn", {*IpAddress::parse(kGateway), gateway.port()}, Transport::udp, "lan", {}}};
    c.route.keys.current.fill(7);
    c.route.branch_key.fill(9);
    return c;
  }
  // `keep`: on the ports of the proxy before, as after a restart.
  void start(bool keep = false) {
    ProxyConfig c = config();
    if (keep)
      for (size_t i = 0; i < listeners_.size(); ++i)
        c.route.listeners[i].address.port = listeners_[i].address.port;
    proxy =
        std::make_unique<Proxy>(loop, std::move(c), media, &calls,
                                [this](LogLevel, const std::string& line) { log.push_back(line); });
    proxy->set_upstreams(upstreams());
    const auto error = proxy->start();
    ASSERT_FALSE(error) << error->listener << ": " << error->text;
    listeners_ = proxy->listeners();
    settle();
  }
  virtual std::vector<Upstream> upstreams() {
    return {{"centre.example.com", {*IpAddress::parse(kCentre), centre.port()}, Transport::udp, 0}};
  }
  uint16_t port(const std::string& interface, Transport transport = Transport::udp) const {
    for (const Listener& l : listeners_)
      if (l.interface == interface && l.transport == transport) return l.address.port;
    return 0;
  }
  std::string lan() const { return std::string(kLan) + ':' + std::to_string(port("lan")); }
  std::string wan() const { return std::string(kWan) + ':' + std::to_string(port("wan")); }
  void settle() { loop.settle(); }

  void to_lan(TestPeer& peer, const std::string& text) {
    peer.send(kLan, port("lan"), text);
    settle();
  }
  void to_wan(TestPeer& peer, const std::string& text) {
    peer.send(kWan, port("wan"), text);
    settle();
  }
  // The next message that is not one of our OPTIONS; those are answered while the centre lives.
  Text take(TestPeer& peer) {
    for (;;) {
      Text text = peer.next();
      if (text.method() != "OPTIONS" || text.one("User-Agent") != "Holdfast") return text;
      if (centre_lives) to_wan(peer, reply(text, 200, "OK"));
    }
  }
  void answer_probes() {
    while (!take(centre).empty()) {
    }
  }
  // Lets the centre become known as up.
  void go_online() {
    for (int i = 0; i < 5; ++i) {
      answer_probes();
      loop.advance(1000);
    }
    answer_probes();
    ASSERT_EQ(proxy->snapshot().health, HealthState::online);
  }
  void expect_silence(TestPeer& peer) { EXPECT_EQ(take(peer).raw, ""); }

  // Texts.
  static std::string fields(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += line + "\r\n";
    return out;
  }
  static std::string with_body(const std::string& head, const std::string& body) {
    std::string out = head;
    if (!body.empty()) out += "Content-Type: application/sdp\r\n";
    return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  // A request outside a dialog, from that peer.
  std::string request(const std::string& method, const std::string& uri, const TestPeer& from,
                      const std::string& extra = "", const std::string& body = "", int cseq = 1,
                      const char* transport = "UDP") {
    return with_body(
        method + ' ' + uri + " SIP/2.0\r\n" +
            fields({std::string("Via: SIP/2.0/") + transport + ' ' + from.at() +
                        ";rport;branch=z9hG4bK" + branch + std::to_string(cseq),
                    "Max-Forwards: 70", "From: <sip:alice@centre.example.com>;tag=" + from_tag,
                    "To: <" + uri + ">", "Call-ID: " + call_id,
                    "CSeq: " + std::to_string(cseq) + ' ' + method,
                    "Contact: <sip:alice@" + from.at() + ">"}) +
            extra,
        body);
  }
  // The answer to a request that a peer has got.
  static std::string reply(const Text& to, int status, const std::string& phrase,
                           const std::string& to_tag = "", const std::string& extra = "",
                           const std::string& body = "") {
    std::string out = "SIP/2.0 " + std::to_string(status) + ' ' + phrase + "\r\n";
    for (const char* name : {"Via", "Record-Route"})
      for (const std::string& value : to.all(name))
        out += std::string(name) + ": " + value + "\r\n";
    out += "From: " + to.one("From") + "\r\nTo: " + to.one("To");
    if (!to_tag.empty() && to.tag("To").empty()) out += ";tag=" + to_tag;
    out += "\r\nCall-ID: " + to.one("Call-ID") + "\r\nCSeq: " + to.one("CSeq") + "\r\n" + extra;
    return with_body(out, body);
  }
  // A request inside the dialog that `answer` (2xx as the caller got it) has made, by the caller.
  std::string by_caller(const std::string& method, const Text& answer, const TestPeer& from,
                        int cseq, const std::string& body = "", const char* transport = "UDP") {
    std::string contact = answer.one("Contact");
    contact = contact.substr(1, contact.find('>') - 1);
    auto route = answer.all("Record-Route");
    std::reverse(route.begin(), route.end());
    return dialog_request(method, contact, route, answer.one("From"), answer.one("To"),
                          answer.one("Call-ID"), from, cseq, body, transport);
  }
  // By the callee, who got `invite` and answered with that tag.
  std::string by_callee(const std::string& method, const Text& invite, const std::string& tag,
                        const TestPeer& from, int cseq, const std::string& body = "",
                        const char* transport = "UDP") {
    std::string contact = invite.one("Contact");
    contact = contact.substr(1, contact.find('>') - 1);
    return dialog_request(method, contact, invite.all("Record-Route"),
                          invite.one("To") + ";tag=" + tag, invite.one("From"),
                          invite.one("Call-ID"), from, cseq, body, transport);
  }
  static std::string dialog_request(const std::string& method, const std::string& target,
                                    const std::vector<std::string>& route, const std::string& from,
                                    const std::string& to, const std::string& id,
                                    const TestPeer& peer, int cseq, const std::string& body,
                                    const char* transport) {
    static int branches = 0;
    std::string out = method + ' ' + target + " SIP/2.0\r\n" +
                      fields({std::string("Via: SIP/2.0/") + transport + ' ' + peer.at() +
                                  ";rport;branch=z9hG4bKd" + std::to_string(++branches),
                              "Max-Forwards: 70"});
    for (const std::string& hop : route) out += "Route: " + hop + "\r\n";
    out += fields({"From: " + from, "To: " + to, "Call-ID: " + id,
                   "CSeq: " + std::to_string(cseq) + ' ' + method});
    return with_body(out, body);
  }

  // Registers a phone with the centre's consent.
  void know(TestPeer& phone, const std::string& user) {
    const std::string aor = "sip:" + user + "@centre.example.com";
    to_lan(phone,
           with_body("REGISTER sip:centre.example.com SIP/2.0\r\n" +
                         fields({"Via: SIP/2.0/UDP " + phone.at() + ";rport;branch=z9hG4bKr" + user,
                                 "Max-Forwards: 70", "From: <" + aor + ">;tag=r",
                                 "To: <" + aor + ">", "Call-ID: reg-" + user, "CSeq: 1 REGISTER",
                                 "Contact: <sip:" + user + '@' + phone.at() + ">", "Expires: 600"}),
                     ""));
    const Text at_centre = take(centre);
    ASSERT_EQ(at_centre.method(), "REGISTER");
    to_wan(centre, reply(at_centre, 200, "OK", "reg",
                         "Contact: " + at_centre.one("Contact") + ";expires=600\r\n"));
    ASSERT_EQ(take(phone).status(), 200);
  }

  // Makes alice's call to bob by the centre, a proxy that does not record its route, up to the 200
  // at alice and her ACK.
  struct Call {
    Text at_centre, at_alice;
  };
  Call establish(const std::string& sdp = kSdp) {
    Call call;
    to_lan(alice, request("INVITE", "sip:bob@centre.example.com", alice, "", sdp));
    EXPECT_EQ(take(alice).status(), 100);
    call.at_centre = take(centre);
    EXPECT_EQ(call.at_centre.method(), "INVITE");
    to_wan(centre, reply(call.at_centre, 200, "OK", "callee",
                         "Contact: <sip:bob@" + centre.at() + ">\r\n", sdp));
    call.at_alice = take(alice);
    EXPECT_EQ(call.at_alice.status(), 200);
    to_lan(alice, by_caller("ACK", call.at_alice, alice, 1));
    EXPECT_EQ(take(centre).method(), "ACK");
    return call;
  }

  uint64_t counted(const std::string& name) const {
    const auto counters = proxy->snapshot().counters;
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }
  uint64_t dropped(const std::string& name) const {
    const auto drops = proxy->snapshot().drops;
    const auto found = drops.find(name);
    return found == drops.end() ? 0 : found->second;
  }
  uint64_t decided(const std::string& name) const {
    const auto decisions = proxy->snapshot().decisions;
    const auto found = decisions.find(name);
    return found == decisions.end() ? 0 : found->second;
  }
  // After everything has ended nothing may be left.
  void expect_nothing_left() {
    centre_lives = true;
    for (int i = 0; i < 80; ++i) {
      answer_probes();
      loop.advance(1000);
    }
    const ProxySnapshot s = proxy->snapshot();
    EXPECT_EQ(s.transactions, 0u);
    EXPECT_EQ(s.calls.size(), 0u);
  }

  DialPlan plan_;
  VirtualLoop loop;
  TestPeer alice{kAlice}, bob{kBob}, centre{kCentre}, gateway{kGateway};
  MarkingFilter filter;
  MediaFilter* media = &filter;
  Recorder calls;
  std::vector<std::string> log;
  std::unique_ptr<Proxy> proxy;
  bool centre_lives = true;
  std::string branch = "a", from_tag = "caller", call_id = "call-1";

 private:
  std::vector<Listener> listeners_;
};

}  // namespace holdfast::sip
