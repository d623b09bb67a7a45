// SPDX-License-Identifier: Apache-2.0
// holdfast relay add, list, update, delete: calls by hand, until SIP makes them.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "control/cli/command.hh"
#include "control/cli/leg_argument.hh"
#include "control/cli/srtp_file.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using control::CallReport;
using control::LegReport;
using nlohmann::json;

std::string text_of(const std::optional<SocketAddress>& address) {
  return address ? address->to_string() : "";
}

std::string next_hop_text(const control::NextHop& hop) {
  if (!hop.mac) return hop.state;
  return hop.mac->to_string() + (hop.gateway ? " via " + hop.gateway->to_string() : "");
}

uint64_t dropped(const LegReport& leg) {
  uint64_t sum = 0;
  for (const auto& drop : leg.drops) sum += drop.count;
  return sum;
}

// The suite of both ways, or each: in / out.
std::string srtp_text(const std::optional<control::SrtpReport>& srtp) {
  if (!srtp) return "";
  const auto name = [](const std::string& suite) { return suite.empty() ? "no key" : suite; };
  return srtp->in == srtp->out ? name(srtp->in) : name(srtp->in) + " / " + name(srtp->out);
}

void print_legs(const std::vector<CallReport>& calls) {
  Table table({"CALL", ">LEG", "INTERFACE", "LOCAL", "LOCAL RTCP", "REMOTE", "SOURCE", "NEXT HOP",
               "SRTP", ">RX", ">TX", ">DROPPED"});
  for (const auto& call : calls) {
    for (const auto& leg : call.legs) {
      table.add({call.call, std::to_string(leg.leg), leg.interface, leg.local.to_string(),
                 leg.local_rtcp.to_string(), text_of(leg.remote), text_of(leg.learned_source),
                 next_hop_text(leg.next_hop), srtp_text(leg.srtp), std::to_string(leg.rx.packets),
                 std::to_string(leg.tx.packets), std::to_string(dropped(leg))});
    }
  }
  print(table.to_string());
}

json calls_to_json(const std::vector<CallReport>& calls) {
  json list = json::array();
  for (const auto& call : calls) list.push_back(control::to_json(call));
  return {{"calls", std::move(list)}};
}

struct AddOptions {
  std::string call;
  std::vector<std::string> legs;
  std::optional<uint8_t> dscp;
  std::string media = "audio";
  uint8_t family = 0;
  bool strict = false, rtcp_mux = false, as_json = false;
};

void run_add(Context& context, const AddOptions& options) {
  if (!control::valid_call_key(options.call)) {
    return context.fail(kWrongUse, "CALL needs 1 to 64 printable ASCII characters");
  }
  if (options.legs.size() != 2)
    return context.fail(kWrongUse, "a call has two legs: give --leg twice");
  control::CallAdd request{options.call, {}};
  bool family_used = options.family == 0;
  for (size_t i = 0; i < 2; ++i) {
    auto leg = parse_leg(options.legs[i]);
    if (!leg) return context.fail(kWrongUse, leg.error());
    request.legs[i] = std::move(leg).value();
    // A remote address has its family; the option is for legs that learn theirs.
    if (!request.legs[i].remote) request.legs[i].family = options.family;
    family_used |= !request.legs[i].remote;
    request.legs[i].dscp = options.dscp;
    request.legs[i].media = control::media_from(options.media).value_or(control::Media::kAudio);
    request.legs[i].rtcp_mux = options.rtcp_mux;
    if (options.strict) request.legs[i].learn = control::Learn::kStrict;
    const auto& remote = request.legs[i].remote;
    family_used |= remote && remote->ip.family == options.family;
  }
  if (!family_used) {
    return context.fail(kWrongUse, "--family contradicts the addresses of both legs");
  }
  const auto client = context.connect();
  if (!client) return;
  const auto added = client->add(request);
  if (!added) return context.fail(added.error());
  if (options.as_json) return print_json(control::to_json(*added));
  print_legs({*added});
}

void run_list(Context& context, bool finished, bool as_json) {
  const auto client = context.connect();
  if (!client) return;
  const auto calls = client->calls(finished);
  if (!calls) return context.fail(calls.error());
  if (as_json) return print_json(calls_to_json(*calls));
  if (calls->empty()) return print(finished ? "no finished calls\n" : "no calls\n");
  print_legs(*calls);
}

struct UpdateOptions {
  control::LegUpdate update;
  std::string remote, remote_rtcp;
  std::string media, rtcp_mux, learn, srtp;  // empty: not given
  bool as_json = false;
};

constexpr std::string_view kNone = "none";

// False when the text is neither an address nor "none".
bool read_remote(const std::string& text, std::optional<SocketAddress>& out, bool& clear) {
  clear = text == kNone;
  return clear || text.empty() || (out = SocketAddress::parse(text)).has_value();
}

void run_update(Context& context, const UpdateOptions& options) {
  auto update = options.update;
  if (!read_remote(options.remote, update.remote, update.clear_remote) ||
      !read_remote(options.remote_rtcp, update.remote_rtcp, update.clear_remote_rtcp)) {
    return context.fail(kWrongUse,
                        "write addresses like 198.18.1.10:4000 or [2001:db8::1]:4000, or none");
  }
  if (!options.rtcp_mux.empty()) update.rtcp_mux = options.rtcp_mux == "on";
  if (!options.learn.empty())
    update.learn = options.learn == "strict" ? control::Learn::kStrict : control::Learn::kLock;
  update.media = control::media_from(options.media);
  update.clear_srtp = options.srtp == kNone;
  if (!options.srtp.empty() && !update.clear_srtp) {
    auto srtp = read_srtp_file(options.srtp);
    if (!srtp) return context.fail(kWrongUse, srtp.error());
    update.srtp = std::move(srtp).value();
  }
  const bool addressed = !options.remote.empty() || !options.remote_rtcp.empty();
  if (!addressed && !update.dscp && !update.media && !update.relearn && !update.rtcp_mux &&
      !update.learn && options.srtp.empty()) {
    return context.fail(kWrongUse,
                        "nothing to change: give --remote, --remote-rtcp, --media, --dscp, "
                        "--rtcp-mux, --learn, --srtp or --relearn");
  }
  const auto client = context.connect();
  if (!client) return;
  const auto leg = client->update(update);
  if (!leg) return context.fail(leg.error());
  if (options.as_json) return print_json(control::to_json(*leg));
  print("leg " + std::to_string(leg->leg) + ": remote " +
        (leg->remote ? leg->remote->to_string() : "to be learned") + ", dscp " +
        (leg->mark.dscp ? std::to_string(*leg->mark.dscp) : "as it comes") + "\n");
}

// The final reports of the deleted calls; stops at the first refusal.
void run_delete(Context& context, const std::string& call, bool all, bool as_json) {
  if (all != call.empty()) return context.fail(kWrongUse, "name one CALL, or give --all");
  const auto client = context.connect();
  if (!client) return;
  std::vector<std::string> keys{call};
  if (all) {
    const auto calls = client->calls(false);
    if (!calls) return context.fail(calls.error());
    keys.clear();
    for (const auto& live : *calls) keys.push_back(live.call);
  }
  std::vector<CallReport> ended;
  for (const auto& key : keys) {
    auto report = client->remove({key});
    // With --all, a call that ended by itself meanwhile is what was wanted.
    if (!report && all && report.error().code == control::ErrorCode::kUnknownCall) continue;
    if (!report) {
      context.fail(report.error());
      break;
    }
    ended.push_back(std::move(report).value());
  }
  if (as_json) return print_json(calls_to_json(ended));
  if (!ended.empty()) print_legs(ended);
  if (all) print(std::to_string(ended.size()) + " calls deleted\n");
}

}  // namespace

void add_relay_commands(CLI::App& app, Context& context) {
  auto* relay =
      app.add_subcommand("relay", "calls that the dataplane relays")->require_subcommand(1);

  auto* add = relay->add_subcommand("add", "add a call and print its local addresses");
  auto add_options = std::make_shared<AddOptions>();
  add->add_option("CALL", add_options->call, "key of the call")->required();
  add->add_option("--leg", add_options->legs, "twice: " + std::string(kLegSyntax))
      ->required()
      ->allow_extra_args(false);
  add->add_option("--media", add_options->media, "what both legs carry: the class of its marks")
      ->check(CLI::IsMember({"audio", "video", "fax"}));
  add->add_option("--dscp", add_options->dscp,
                  "DSCP of both legs in place of the class's; 0 leaves them unmarked")
      ->check(CLI::Range(0, 63));
  add->add_option("--family", add_options->family, "4 or 6, for legs without a remote address")
      ->check(CLI::IsMember({4, 6}));
  add->add_flag("--strict", add_options->strict, "accept media from the remote address only");
  add->add_flag("--rtcp-mux", add_options->rtcp_mux, "RTP and RTCP on one port (RFC 5761)");
  add->add_flag("--json", add_options->as_json, "print one JSON document");
  add->callback([&context, add_options] { run_add(context, *add_options); });

  auto* list = relay->add_subcommand("list", "list the calls");
  auto finished = std::make_shared<bool>(false), list_json = std::make_shared<bool>(false);
  list->add_flag("--finished", *finished, "the kept reports of ended calls instead");
  list->add_flag("--json", *list_json, "print one JSON document");
  list->callback([&context, finished, list_json] { run_list(context, *finished, *list_json); });

  auto* update = relay->add_subcommand("update", "change a leg");
  auto update_options = std::make_shared<UpdateOptions>();
  update->add_option("LEG", update_options->update.leg, "id of the leg, see relay list")
      ->required();
  update->add_option("--remote", update_options->remote, "ADDRESS:PORT of the endpoint, or none");
  update->add_option("--remote-rtcp", update_options->remote_rtcp,
                     "ADDRESS:PORT of its RTCP, or none: beside its RTP");
  update->add_option("--rtcp-mux", update_options->rtcp_mux, "RTCP on the RTP port (RFC 5761)")
      ->check(CLI::IsMember({"on", "off"}));
  update->add_option("--learn", update_options->learn, "whose media is taken")
      ->check(CLI::IsMember({"lock", "strict"}));
  update->add_option(
      "--srtp", update_options->srtp,
      "FILE with keys: a line \"in\" and a line \"out\", each as a=crypto has it; or "
      "none: plain RTP");
  update->add_option("--media", update_options->media, "what it carries")
      ->check(CLI::IsMember({"audio", "video", "fax"}));
  update->add_option("--dscp", update_options->update.dscp, "0 to 63")->check(CLI::Range(0, 63));
  update->add_flag("--relearn", update_options->update.relearn, "learn the source again");
  update->add_flag("--json", update_options->as_json, "print one JSON document");
  update->callback([&context, update_options] { run_update(context, *update_options); });

  auto* del = relay->add_subcommand("delete", "end a call and print its final counters");
  auto call = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false), delete_json = std::make_shared<bool>(false);
  del->add_option("CALL", *call, "key of the call");
  del->add_flag("--all", *all, "every call");
  del->add_flag("--json", *delete_json, "print one JSON document");
  del->callback(
      [&context, call, all, delete_json] { run_delete(context, *call, *all, *delete_json); });
}

}  // namespace holdfast::cli
