// SPDX-License-Identifier: Apache-2.0
// holdfast phonesim: boots a phone that is not there, or hundreds, against a provisioning server.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/cli/command.hh"
#include "control/cli/table.hh"
#include "provision-proxy/phone/identity.hh"
#include "provision-proxy/phone/mac_text.hh"
#include "provision-proxy/phonesim/fleet.hh"

namespace holdfast::cli {
namespace {

using namespace provision;
using nlohmann::json;

struct PhonesimOptions {
  std::string model = "polycom", mac, source;
  RunOptions run;
  FleetOptions fleet{.count = 0};  // 0: one phone, told in full
  bool as_json = false, secrets = false, all = false;
};

constexpr const char* kHidden = "********";
// Of a table that a person reads: a master configuration has thousands of attributes, and a value
// may be a certificate.
constexpr size_t kShownAttributes = 40;
constexpr size_t kShownBytes = 48;

// The beginning of a long text, at a border of UTF-8, and how long it is.
std::string cut_text(const std::string& text) {
  if (text.size() <= kShownBytes) return text;
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "... (" + std::to_string(text.size()) + " bytes)";
}

std::string range_text(const BootStep& step) {
  if (!step.range) return "";
  return std::to_string(step.range->first) + "-" + std::to_string(step.range->second);
}

std::string method_of(const BootStep& step) {
  return step.upload ? "PUT" : "GET";
}

// ---- one phone ---------------------------------------------------------------------------------

json document_of(const FetchRecord& fetch) {
  json row = {{"phase", fetch.step.phase},
              {"kind", fetch.step.kind},
              {"method", method_of(fetch.step)},
              {"target", fetch.step.target},
              {"mandatory", fetch.step.mandatory},
              {"outcome", fetch.outcome},
              {"status", fetch.answer.status},
              {"bytes", fetch.answer.bytes},
              {"started_ms", fetch.started_ms},
              {"ended_ms", fetch.ended_ms},
              {"ms", fetch.answer.ms},
              {"first_byte_ms", fetch.answer.first_byte_ms},
              {"cache_status", fetch.answer.cache_status},
              {"age", fetch.answer.age},
              {"content_type", fetch.answer.content_type}};
  if (fetch.step.range) row["range"] = range_text(fetch.step);
  if (fetch.answer.broken()) row["error"] = fetch.answer.error;
  return row;
}

json document_of(const PhoneRun& run, const PhonesimOptions& options) {
  json document = {{"model", options.model},        {"mac", run.mac},
                   {"url", options.run.client.url}, {"held", run.held},
                   {"requests", json::array()},     {"attributes", json::array()},
                   {"problems", run.problems}};
  for (const auto& fetch : run.fetches) document["requests"].push_back(document_of(fetch));
  for (const auto& a : run.attributes)
    document["attributes"].push_back({{"name", a.name},
                                      {"value", a.secret && !options.secrets ? kHidden : a.value},
                                      {"file", a.file},
                                      {"also", a.also}});
  return document;
}

void print_attributes(const PhoneRun& run, const PhonesimOptions& options) {
  if (run.attributes.empty()) return;
  Table attributes({"ATTRIBUTE", "VALUE", "FROM", "ALSO IN"});
  size_t left_out = 0;
  bool cut = false;
  for (size_t i = 0; i < run.attributes.size(); ++i) {
    if (i >= kShownAttributes && !options.all) {
      left_out = run.attributes.size() - i;
      break;
    }
    const auto& a = run.attributes[i];
    std::string also;
    for (const auto& file : a.also) also += (also.empty() ? "" : " ") + file;
    const std::string value = a.secret && !options.secrets ? kHidden : a.value;
    cut = cut || value.size() > kShownBytes;
    attributes.add({a.name, cut_text(value), a.file, cut_text(also)});
  }
  print("\n" + attributes.to_string());
  if (left_out > 0) print("and " + std::to_string(left_out) + " more: --all shows them\n");
  if (cut) print("long values are cut: --json has them whole\n");
}

void print_run(const PhoneRun& run, const PhonesimOptions& options) {
  Table requests({"PHASE", "KIND", "REQUEST", "RANGE", "OUTCOME", ">STATUS", ">BYTES", ">MS",
                  "CACHE-STATUS", ">AGE"});
  for (const auto& fetch : run.fetches)
    requests.add({std::string(fetch.step.phase), std::string(fetch.step.kind),
                  method_of(fetch.step) + " " + fetch.step.target, range_text(fetch.step),
                  fetch.outcome, std::to_string(fetch.answer.status),
                  std::to_string(fetch.answer.bytes), decimal(fetch.answer.ms, 1),
                  fetch.answer.cache_status, fetch.answer.age});
  print(requests.to_string());
  print_attributes(run, options);
  for (const auto& problem : run.problems) print("\nproblem: " + problem);
  print(run.held ? "\nThe phone would register now.\n" : "\nThe phone did not come up.\n");
}

void run_one(Context& context, const PhonesimOptions& options) {
  const PhoneRun run = run_phone(options.run);
  if (options.as_json) {
    print_json(document_of(run, options));
  } else {
    print_run(run, options);
  }
  if (!run.held)
    context.fail(kDidNotHold, run.problems.empty() ? "did not come up" : run.problems.front());
}

// ---- many --------------------------------------------------------------------------------------

json document_of(const FleetReport& report, const PhonesimOptions& options) {
  json document = {{"model", options.model},
                   {"url", options.run.client.url},
                   {"first_mac", options.mac},
                   {"phones", report.phones},
                   {"parallel", options.fleet.parallel},
                   {"held", report.held},
                   {"elapsed_ms", report.elapsed_ms},
                   {"kinds", json::array()},
                   {"cache", report.cache},
                   {"failures", json::array()}};
  for (const auto& [kind, r] : report.kinds)
    document["kinds"].push_back({{"kind", kind},
                                 {"requests", r.requests},
                                 {"ok", r.ok},
                                 {"absent", r.absent},
                                 {"failed", r.failed},
                                 {"bytes", r.bytes},
                                 {"p50_ms", r.p50_ms},
                                 {"p99_ms", r.p99_ms},
                                 {"max_ms", r.max_ms}});
  for (const auto& failure : report.failures)
    document["failures"].push_back({{"mac", failure.mac}, {"problem", failure.problem}});
  for (const auto& [mac, fetch] : report.requests) {
    document["requests"].push_back(document_of(fetch));
    document["requests"].back()["mac"] = mac;
  }
  return document;
}

void print_fleet(const FleetReport& report) {
  Table kinds({"KIND", ">REQUESTS", ">OK", ">ABSENT", ">FAILED", ">BYTES", ">P50 MS", ">P99 MS",
               ">MAX MS"});
  for (const auto& [kind, r] : report.kinds)
    kinds.add({kind, std::to_string(r.requests), std::to_string(r.ok), std::to_string(r.absent),
               std::to_string(r.failed), std::to_string(r.bytes), decimal(r.p50_ms, 1),
               decimal(r.p99_ms, 1), decimal(r.max_ms, 1)});
  print(kinds.to_string());
  std::string cache;
  for (const auto& [outcome, times] : report.cache)
    cache += (cache.empty() ? "" : ", ") + outcome + " " + std::to_string(times);
  if (!cache.empty()) print("\nCache-Status: " + cache + "\n");
  for (const auto& failure : report.failures) print("\n" + failure.mac + ": " + failure.problem);
  print("\n" + std::to_string(report.held) + " of " + std::to_string(report.phones) +
        " phones came up, in " + decimal(report.elapsed_ms / 1000, 2) + " s\n");
}

void run_many(Context& context, const PhonesimOptions& options) {
  const FleetReport report = run_fleet(options.run, options.fleet);
  if (options.as_json) {
    print_json(document_of(report, options));
  } else {
    print_fleet(report);
  }
  if (report.held < report.phones)
    context.fail(kDidNotHold, std::to_string(report.phones - report.held) + " of " +
                                  std::to_string(report.phones) + " phones did not come up");
}

void run_phonesim(Context& context, PhonesimOptions& options) {
  const auto model = phone_model_of(options.model);
  if (!model) return context.fail(kWrongUse, "--model " + options.model + " is not known");
  options.run.boot.model = *model;
  const auto mac = mac_at(options.mac, 0);
  if (!mac || mac->end != options.mac.size())
    return context.fail(kWrongUse, "--mac " + options.mac + " is no phone's MAC");
  options.mac = options.run.boot.mac = id_of(mac->mac);
  const size_t more = std::max(options.fleet.count, size_t{1}) - 1;
  if (mac_after(options.mac, more).empty())
    return context.fail(kWrongUse, "--count: there are not so many MACs from --mac on");
  if (!options.source.empty()) {
    options.fleet.source = IpAddress::parse(options.source);
    if (!options.fleet.source || !address_after(*options.fleet.source, more))
      return context.fail(
          kWrongUse, "--source " + options.source + " is no address, or not so many follow it");
    options.run.client.source = options.fleet.source->to_string();
  }
  if (options.run.boot.upload && *model != PhoneModel::polycom)
    return context.fail(kWrongUse, "--upload is what Polycom phones do");
  // What cannot be used at all is wrong use, not a phone that did not come up.
  ClientOptions first = options.run.client;
  first.certificate_file = with_mac(first.certificate_file, options.mac);
  first.key_file = with_mac(first.key_file, options.mac);
  if (auto client = HttpClient::open(first); !client)
    return context.fail(kWrongUse, client.error());
  if (options.fleet.count == 0) return run_one(context, options);
  run_many(context, options);
}

}  // namespace

void add_phonesim_command(CLI::App& app, Context& context) {
  auto* sim =
      app.add_subcommand("phonesim", "boots a simulated phone against a provisioning server");
  auto options = std::make_shared<PhonesimOptions>();
  sim->add_option("--model", options->model, "polycom, sip-station or audiocodes")
      ->capture_default_str();
  sim->add_option("--mac", options->mac, "the phone's, or the first one's")->required();
  sim->add_option("--url", options->run.client.url, "the server, as DHCP option 160 gives it")
      ->required();
  sim->add_option("--user-agent", options->run.client.user_agent,
                  "in place of the model's; {mac} and {MAC} stand for the phone's");
  sim->add_option("--part", options->run.boot.part, "Polycom's part number of the phone")
      ->capture_default_str();
  sim->add_option("--boot-file", options->run.boot.boot_file,
                  "firmware image of the others, as DHCP option 67 gives it");
  sim->add_option("--timeout-ms", options->run.client.timeout_ms, "of one request")
      ->check(CLI::Range(int64_t{1}, int64_t{3'600'000}))
      ->capture_default_str();
  sim->add_option("--ca", options->run.client.ca_file, "https: whose signature counts, PEM");
  sim->add_flag("--insecure", options->run.client.insecure, "https: do not check the server");
  auto* certificate = sim->add_option("--cert", options->run.client.certificate_file,
                                      "https: the phone's certificate, PEM; may hold {mac}");
  sim->add_option("--key", options->run.client.key_file, "https: its key, PEM; may hold {mac}")
      ->needs(certificate);
  sim->add_option("--save", options->run.save_folder, "write the files below DIR/MAC");
  sim->add_flag("--upload", options->run.boot.upload,
                "then upload logs and overrides by PUT, as Polycom phones do");
  sim->add_option("--source", options->source,
                  "the address to send from, one of this machine; of many phones the first one's, "
                  "the others count up");
  auto* count = sim->add_option("--count", options->fleet.count,
                                "so many phones, MACs counting up: prints a summary")
                    ->check(CLI::Range(size_t{1}, kMaxPhones));
  sim->add_option("--parallel", options->fleet.parallel, "of them at a time")
      ->check(CLI::Range(size_t{1}, kMaxParallel))
      ->capture_default_str();
  sim->add_flag("--secrets", options->secrets, "show passwords");
  sim->add_flag("--all", options->all, "every attribute in the table, not the first 40");
  auto* json = sim->add_flag("--json", options->as_json, "print one JSON document");
  sim->add_flag("--each", options->fleet.each_request,
                "each request of the many in it, with its times")
      ->needs(count)
      ->needs(json);
  sim->callback([&context, options] { run_phonesim(context, *options); });
}

}  // namespace holdfast::cli
