// SPDX-License-Identifier: Apache-2.0
// Rewrites an SDP body so that media flows through us.
#include "media/sdp_anchor.hh"

#include <algorithm>
#include <utility>

#include "media/sdp_attributes.hh"
#include "media/sdp_text.hh"

namespace holdfast::media {
namespace {

std::string address_text(const IpAddress& ip) {
  return (ip.is_v6() ? "IN IP6 " : "IN IP4 ") + ip.to_string();
}

// Keeps a hold of RFC 2543 a hold: the unspecified address, of our family.
std::string connection_text(const IpAddress& ours, const std::optional<SdpConnection>& theirs) {
  if (!theirs || theirs->ip.is_none() || !theirs->ip.is_unspecified()) return address_text(ours);
  IpAddress unspecified;
  unspecified.family = ours.family;
  return address_text(unspecified);
}

// RTP/AVP, RTP/AVPF, RTP/SAVP or RTP/SAVPF, of which it is one.
std::string proto_text(std::string_view proto, std::optional<bool> secure) {
  if (!secure || (transport_from(proto) == MediaTransport::srtp) == *secure)
    return std::string(proto);
  const bool feedback = lower(proto.back()) == 'f';
  return std::string(*secure ? "RTP/SAVP" : "RTP/AVP") + (feedback ? "F" : "");
}

// The m= line with another port, and maybe protocol; everything else of it as it came.
std::string with_port(const SdpMedia& media, std::string_view value, uint16_t port,
                      std::optional<bool> secure) {
  const auto before = static_cast<size_t>(media.port_text.data() - value.data());
  const auto proto_at = static_cast<size_t>(media.proto.data() - value.data());
  const size_t port_end = before + media.port_text.size();
  std::string text(value.substr(0, before));
  text += std::to_string(port);
  text += value.substr(port_end, proto_at - port_end);
  text += proto_text(media.proto, secure);
  text += value.substr(proto_at + media.proto.size());
  return text;
}

bool has_rtcp_attribute(std::span<const SdpLine> lines) {
  return std::any_of(lines.begin(), lines.end(), [](const SdpLine& each) {
    return each.type == 'a' && same_word(attribute_of(each).name, "rtcp");
  });
}

// The value of the a=rtcp line that the section needs, or nothing: always where there was one (RFC
// 3605 lets the reader do without only when RTCP is on the next port). Beside a=rtcp-mux it names
// the port to fall back to (RFC 8035), which may be left out when it is the next.
std::string rtcp_value(const Sdp& sdp, const SdpMedia& media, const AnchorMedia& ours) {
  const MediaTransport transport = transport_from(media.proto);
  if (transport == MediaTransport::udptl || transport == MediaTransport::other) return {};
  const uint32_t next_port = uint32_t{ours.local.port} + 1;
  const uint32_t port = ours.local_rtcp_port != 0 ? ours.local_rtcp_port : next_port;
  const bool was_named = has_rtcp_attribute(sdp.lines_of(media)) && !ours.rtcp_mux;
  if (port == next_port && !was_named) return {};
  return "rtcp:" + std::to_string(port);
}

class Writer {
 public:
  Writer(const Sdp& sdp, const AnchorPlan& plan) : sdp_(sdp), plan_(plan) {}

  std::optional<SdpReject> check();
  std::string write();

 private:
  void line(char type, std::string_view value) {
    out_ += type;
    out_ += '=';
    out_ += value;
    out_ += "\r\n";
  }
  bool any(MediaAction action) const {
    return std::find(actions_.begin(), actions_.end(), action) != actions_.end();
  }
  std::string connection_for(size_t index) const;
  std::string origin_value() const;
  void choose_session_connection();
  void write_session();
  void write_section(size_t index);
  bool stays(const SdpAttribute& attribute, size_t index) const;
  // Whether the section's SRTP is ours to say.
  bool has_keys(size_t index) const {
    const MediaTransport transport = transport_from(sdp_.media()[index].proto);
    return actions_[index] == MediaAction::anchor && plan_.media[index].secure &&
           (transport == MediaTransport::rtp || transport == MediaTransport::srtp);
  }
  size_t room() const;
  // Whether the section is written with a=rtcp-mux; it can only be one of RTP.
  bool has_mux(size_t index) const {
    return actions_[index] == MediaAction::anchor && plan_.media[index].rtcp_mux &&
           is_rtp(transport_from(sdp_.media()[index].proto));
  }

  const Sdp& sdp_;
  const AnchorPlan& plan_;
  std::vector<MediaAction> actions_;               // the plan's, but port 0 stays 0
  std::optional<std::string> session_connection_;  // as it will stand
  std::string out_;
};

std::optional<SdpReject> Writer::check() {
  const auto sections = sdp_.media();
  if (plan_.media.size() != sections.size()) return SdpReject::sdp_plan_mismatch;
  for (size_t i = 0; i < sections.size(); ++i) {
    const AnchorMedia& wanted = plan_.media[i];
    const bool dead = sections[i].port == 0 && wanted.action == MediaAction::anchor;
    actions_.push_back(dead ? MediaAction::refuse : wanted.action);
    if (actions_[i] == MediaAction::pass) continue;
    if (plan_.address.is_none()) return SdpReject::sdp_plan_mismatch;
    if (actions_[i] == MediaAction::refuse) continue;
    if (wanted.local.is_none() || wanted.local.port == 0) return SdpReject::sdp_plan_mismatch;
    if (wanted.local.port == 65535 && wanted.local_rtcp_port == 0)
      return SdpReject::sdp_plan_mismatch;
    if (sections[i].port_count != 1) return SdpReject::sdp_port_count;
  }
  return std::nullopt;
}

// So that the text never moves, which would leave keys behind.
size_t Writer::room() const {
  size_t bytes = 1024;
  for (const SdpLine& each : sdp_.session_lines()) bytes += each.value.size() + 4;
  for (size_t i = 0; i < actions_.size(); ++i) {
    bytes += 256;
    for (const SdpLine& each : sdp_.lines_of(sdp_.media()[i])) bytes += each.value.size() + 4;
    for (const std::string& each : plan_.media[i].crypto) bytes += each.size() + 16;
  }
  return bytes;
}

std::string Writer::write() {
  out_.reserve(room());
  choose_session_connection();
  write_session();
  for (size_t i = 0; i < actions_.size(); ++i) write_section(i);
  return std::move(out_);
}

std::string Writer::connection_for(size_t index) const {
  if (actions_[index] == MediaAction::refuse) return address_text(plan_.address);
  return connection_text(plan_.media[index].local.ip, sdp_.connection_of(sdp_.media()[index]));
}

// The session's c= serves the sections without one: it stays while a passed one lives on it, else
// it becomes what the first section that we anchor needs.
void Writer::choose_session_connection() {
  for (const SdpLine& each : sdp_.session_lines())
    if (each.type == 'c') session_connection_ = std::string(each.value);
  std::optional<size_t> first;
  for (size_t i = 0; i < actions_.size(); ++i) {
    if (actions_[i] == MediaAction::pass && !sdp_.media()[i].own_connection) return;
    if (actions_[i] == MediaAction::anchor && !first) first = i;
  }
  if (!session_connection_ || (!first && !any(MediaAction::refuse))) return;
  session_connection_ = first ? connection_for(*first) : address_text(plan_.address);
}

std::string Writer::origin_value() const {
  const SdpOrigin& theirs = *sdp_.origin();
  std::string value;
  if (plan_.identity)
    value = plan_.identity->user + ' ' + plan_.identity->session_id + ' ' + plan_.identity->version;
  else
    value.append(theirs.user)
        .append(" ")
        .append(theirs.session_id)
        .append(" ")
        .append(theirs.version);
  return value + ' ' + address_text(plan_.address);
}

void Writer::write_session() {
  const bool touched = any(MediaAction::anchor) || any(MediaAction::refuse);
  for (const SdpLine& each : sdp_.session_lines()) {
    if (each.type == 'o' && touched)
      line('o', origin_value());
    else if (each.type == 'c')
      line('c', *session_connection_);
    else if (each.type != 'a' || !touched || any(MediaAction::pass) ||
             !leads_around_anchor(attribute_of(each)))
      line(each.type, each.value);
  }
}

// Whether an attribute of a section that does not pass as it came is written again.
bool Writer::stays(const SdpAttribute& attribute, size_t index) const {
  if (leads_around_anchor(attribute) || same_word(attribute.name, "rtcp") ||
      same_word(attribute.name, "rtcp-mux-only"))
    return false;
  // A line that is refused has no use for keys, and they may not be the reader's to see.
  if (same_word(attribute.name, "crypto"))
    return actions_[index] != MediaAction::refuse && !has_keys(index);
  return !same_word(attribute.name, "rtcp-mux") || has_mux(index);
}

void Writer::write_section(size_t index) {
  const SdpMedia& media = sdp_.media()[index];
  const auto lines = sdp_.lines_of(media);
  if (actions_[index] == MediaAction::pass) {
    const bool without_keys = plan_.media[index].secure == false;
    for (const SdpLine& each : lines)
      if (!without_keys || each.type != 'a' || !same_word(attribute_of(each).name, "crypto"))
        line(each.type, each.value);
    return;
  }
  const bool anchored = actions_[index] == MediaAction::anchor;
  const AnchorMedia& ours = plan_.media[index];
  const std::string connection = connection_for(index);
  // RFC 8866 section 9: m, i, c, b, k, a. What we add goes where the grammar wants it.
  const bool add_connection =
      anchored && !media.own_connection && session_connection_ != connection;
  const size_t connection_after = lines.size() > 1 && lines[1].type == 'i' ? 1 : 0;
  std::string rtcp = anchored ? rtcp_value(sdp_, media, ours) : std::string();
  bool mux_missing = has_mux(index);
  for (size_t i = 0; i < lines.size(); ++i) {
    const SdpLine& each = lines[i];
    if (each.type == 'a' && !rtcp.empty()) line('a', std::exchange(rtcp, {}));
    if (each.type == 'm')
      line('m', with_port(media, each.value, anchored ? ours.local.port : uint16_t{0},
                          has_keys(index) ? ours.secure : std::nullopt));
    else if (each.type == 'c')
      line('c', connection);
    else if (each.type != 'a') {
      line(each.type, each.value);
    } else if (const SdpAttribute attribute = attribute_of(each); stays(attribute, index)) {
      const bool mux = same_word(attribute.name, "rtcp-mux");
      if (!mux || mux_missing) line(each.type, each.value);
      mux_missing = mux_missing && !mux;
    }
    if (i == connection_after && add_connection) line('c', connection);
  }
  if (!rtcp.empty()) line('a', rtcp);
  if (mux_missing) line('a', "rtcp-mux");
  if (!has_keys(index)) return;
  for (const std::string& each : ours.crypto) {
    out_ += "a=crypto:";
    out_ += each;
    out_ += "\r\n";
  }
}

}  // namespace

MediaAction action_for(const MediaDescription& media, const MediaPolicy& policy) {
  if (media.refused()) return MediaAction::refuse;
  MediaAction action = policy.other;
  switch (media.transport) {
    case MediaTransport::rtp:
    case MediaTransport::srtp:
      action = media.media == "audio"   ? policy.audio
               : media.media == "video" ? policy.video
                                        : policy.other_rtp;
      break;
    case MediaTransport::dtls_srtp:
      action = policy.dtls;
      break;
    case MediaTransport::udptl:
      action = policy.fax;
      break;
    case MediaTransport::other:
      if (action == MediaAction::anchor) action = MediaAction::refuse;
      break;
  }
  if (action == MediaAction::anchor && media.port_count != 1) return MediaAction::refuse;
  return action;
}

void apply_plan(std::span<const AnchorMedia> plan, MediaList& media) {
  for (size_t i = 0; i < media.size(); ++i) {
    if (i >= plan.size() || plan[i].action != MediaAction::anchor) media[i].refuse();
  }
}

Result<std::string, SdpReject> anchor_sdp(const Sdp& sdp, const AnchorPlan& plan) {
  Writer writer(sdp, plan);
  if (const auto refused = writer.check()) return *refused;
  return writer.write();
}

}  // namespace holdfast::media
