// SPDX-License-Identifier: Apache-2.0
// Fuzzes SIP messages: text, views, copies and answers made of them, and streams cut anywhere.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sip/proxy/outgoing.hh"
#include "sip/transport/stream_framer.hh"
#include "sip/transport/view.hh"

namespace {

using namespace holdfast;
using namespace holdfast::sip;

void require(bool holds) {
  if (!holds) abort();
}

std::vector<std::string> messages_of(std::string_view stream, size_t step) {
  StreamFramer framer(4096);
  std::vector<std::string> seen;
  for (size_t at = 0; at < stream.size(); at += step) {
    framer.append(stream.substr(at, step));
    for (auto event = framer.next(); event != StreamFramer::Event::need_more;
         event = framer.next()) {
      if (event == StreamFramer::Event::broken) {
        // Cut smaller, a head that is too long is seen earlier; both end the stream.
        return seen;
      }
      seen.emplace_back(event == StreamFramer::Event::ping ? std::string_view("ping")
                                                           : framer.message());
    }
  }
  return seen;
}

void fuzz_message(std::string_view bytes, const Origin& origin) {
  auto message = Message::parse(bytes, 65536);
  if (!message) return;
  // What we say is what we read: once written, it reads and writes the same again.
  const std::string text = message->serialise();
  auto again = Message::parse(text, 1 << 20);
  require(again.ok());
  require(again->serialise() == text);
  require(again->body() == message->body());

  const Listener listener{"wan", *SocketAddress::parse("198.18.2.2:5060"), Transport::udp, false};
  if (!message->is_request()) {
    const auto view = view_response(*message);
    if (!view) return;
    Message out = *message;
    out.pop_entry(Header::via);
    require(out.entries(Header::via).size() + 1 == view->via.size());
    reply_hop(view->via.front());
    make_in_dialog("BYE", *message, *message, *view, RouteConfig{});
    return;
  }
  const auto view = view_request(*message, origin);
  stamp_via(message.value(), origin);
  if (!view) return;
  const auto stamped = parse_via(message->entries(Header::via).front());
  require(stamped.has_value());
  require(stamped->field.branch == view->via.front().branch);
  Forward forward;
  Target target;
  target.request_uri = view->uri;
  target.request_uri.host = "198.18.9.9";
  target.branch = "z9hG4bKhf";
  target.record_route.push_back(uri_of(listener));
  for (ContactField contact : view->contacts) {
    contact.uri.set(kBindingParameter, "0123456789abcdef");
    target.contacts.push_back(std::move(contact));
  }
  const Message copy = make_copy(*message, *view, forward, target, listener);
  const auto copied = view_request(copy, origin);
  // Only lengths may refuse it now.
  if (copied) {
    require(copied->via.size() == view->via.size() + 1);
    require(copied->contacts.size() == view->contacts.size());
    require(copied->from.tag == view->from.tag && copied->call_id == view->call_id);
  }
  const Message reply = make_reply(*message, 200, "OK", "tag", "Holdfast");
  require(view_response(reply).ok());
  make_cancel(copy, "");
  make_ack(copy, reply);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Origin origin{*SocketAddress::parse("198.18.1.21:5070"), Transport::udp, "lan"};
  fuzz_message(bytes, origin);
  if (size < 4096) require(messages_of(bytes, 1) == messages_of(bytes, size + 1));
  return 0;
}
