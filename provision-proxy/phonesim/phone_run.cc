// SPDX-License-Identifier: Apache-2.0
// Walks a boot sequence with a client.
#include "provision-proxy/phonesim/phone_run.hh"

#include <chrono>
#include <filesystem>

#include "provision-proxy/phone/ascii.hh"

namespace holdfast::provision {
namespace {

namespace fs = std::filesystem;

bool is_firmware(const BootStep& step) {
  return step.kind == "bootrom" || step.kind == "firmware" || step.kind == "firmware-part";
}

double unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

// The updater asks while it boots, the application afterwards.
std::string user_agent_of(const RunOptions& options, const BootStep& step) {
  std::string agent = options.client.user_agent;
  if (agent.empty()) {
    agent = default_user_agent(options.boot.model);
    const size_t type = agent.find("Type/Application");
    if (type != std::string::npos && step.phase == "boot") agent.replace(type, 16, "Type/Updater");
  }
  return with_mac(agent, options.boot.mac);
}

// The file to save in, its folder made; empty when nothing is saved. Problems are told.
std::string prepare_file(const RunOptions& options, const BootStep& step, PhoneRun& run) {
  if (options.save_folder.empty() || step.range || step.upload) return {};
  const fs::path file = fs::path(options.save_folder) / options.boot.mac / saved_name(step.target);
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) {
    run.problems.push_back("cannot make " + file.parent_path().string() + ": " + error.message());
    run.held = false;
    return {};
  }
  fs::permissions(fs::path(options.save_folder) / options.boot.mac, fs::perms::owner_all, error);
  return file.string();
}

std::string outcome_of(const BootStep& step, const HttpAnswer& answer) {
  if (answer.broken()) return "failed";
  if (step.upload) return answer.status >= 200 && answer.status < 300 ? "ok" : "failed";
  if (answer.status == 200 || (step.range && answer.status == 206)) return "ok";
  if (answer.status == 404) return step.mandatory ? "missing" : "absent";
  return "failed";
}

std::string tell(const FetchRecord& fetch) {
  std::string line = fetch.step.target + ": ";
  if (fetch.answer.broken()) return line + fetch.answer.error;
  line += fetch.outcome == "missing" ? "missing, and the phone needs it" : "refused or failed";
  return line + " (status " + std::to_string(fetch.answer.status) + ")";
}

}  // namespace

std::string saved_name(std::string_view target) {
  std::string name;
  target = target.substr(0, target.find('?'));
  while (!target.empty()) {
    const size_t slash = std::min(target.find('/'), target.size());
    const std::string_view part = target.substr(0, slash);
    target.remove_prefix(std::min(slash + 1, target.size()));
    if (part.empty() || part == "." || part == "..") continue;
    if (!name.empty()) name += '/';
    for (const char c : part)
      name +=
          is_alnum(c) || std::string_view("._-+=,@%").find(c) != std::string_view::npos ? c : '_';
  }
  return name.empty() ? "_" : name;
}

PhoneRun run_phone(const RunOptions& options, HttpClient& client,
                   const std::function<void(const FetchRecord&)>& on_fetch) {
  PhoneRun run;
  run.mac = options.boot.mac;
  AttributeBook book(options.boot.model == PhoneModel::polycom ? AttributeBook::Wins::first
                                                               : AttributeBook::Wins::last);
  const auto sequence = BootSequence::make(options.boot);
  while (const auto step = sequence->next()) {
    HttpQuestion question;
    question.target = step->target;
    question.range = step->range;
    question.keep_bytes = is_firmware(*step) ? kFirmwarePartBytes : kMaxConfigBytes;
    question.save_as = prepare_file(options, *step, run);
    question.upload = step->upload;
    client.set_user_agent(user_agent_of(options, *step));
    FetchRecord fetch{*step, unix_ms(), 0, {}, {}};
    fetch.answer = client.ask(question);
    fetch.ended_ms = unix_ms();
    fetch.outcome = outcome_of(*step, fetch.answer);
    const bool ok = fetch.outcome == "ok";
    if (!fetch.held()) {
      run.held = false;
      run.problems.push_back(tell(fetch));
    }
    if (ok && step->settings) book.add(step->target, fetch.answer.body);
    sequence->answered(*step, {fetch.answer.broken() ? 0 : fetch.answer.status, fetch.answer.body});
    fetch.answer.body.clear();
    if (on_fetch) on_fetch(fetch);
    run.fetches.push_back(std::move(fetch));
  }
  for (const auto& problem : sequence->problems()) {
    run.held = false;
    run.problems.push_back(problem);
  }
  run.attributes = book.all();
  return run;
}

PhoneRun run_phone(const RunOptions& options,
                   const std::function<void(const FetchRecord&)>& on_fetch) {
  ClientOptions own = options.client;
  own.certificate_file = with_mac(own.certificate_file, options.boot.mac);
  own.key_file = with_mac(own.key_file, options.boot.mac);
  auto client = HttpClient::open(own);
  if (client) return run_phone(options, **client, on_fetch);
  PhoneRun run;
  run.mac = options.boot.mac;
  run.held = false;
  run.problems.push_back(client.error());
  return run;
}

}  // namespace holdfast::provision
