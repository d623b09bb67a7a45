// SPDX-License-Identifier: Apache-2.0
// holdfast capture: frames of a call or a leg, from inside the dataplane, into a file.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "control/cli/capture_file.hh"
#include "control/cli/command.hh"
#include "control/cli/daemon_client.hh"
#include "control/cli/documents.hh"
#include "control/cli/table.hh"

namespace holdfast::cli {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr auto kPollEvery = std::chrono::milliseconds(100);
constexpr uint32_t kMaxSeconds = 7 * 86'400;

struct CaptureOptions {
  std::vector<std::string> calls;
  std::vector<uint32_t> legs;
  std::optional<uint32_t> seconds;
  std::optional<uint64_t> packets;
  uint16_t snap = control::kMaxSnapBytes;
  std::string path;
  bool as_json = false;
};

struct Counts {
  uint64_t frames = 0, in = 0, out = 0, missed = 0, refused = 0;
  std::string ended;
};

// Ctrl-C ends a capture, it does not tear it: the signals wait until they are asked for.
class EndSignals {
 public:
  EndSignals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set_, signal);
    ::sigprocmask(SIG_BLOCK, &set_, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // a reader that has left is an error of the write
  }
  // True when one came within this time.
  bool wait(std::chrono::nanoseconds most) const {
    const auto ns = std::max<int64_t>(0, most.count());
    const timespec timeout{ns / 1'000'000'000, ns % 1'000'000'000};
    return ::sigtimedwait(&set_, nullptr, &timeout) > 0;
  }

 private:
  sigset_t set_;
};

void note(const std::string& line) {
  std::fputs(("holdfast: " + line + "\n").c_str(), stderr);
}

bool is_key(const std::string& text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// When the call with this key ended, as its record has it, or among the newest the one with this
// Call-ID; empty: not known.
std::string end_of(const Context& context, const std::string& id) {
  const auto answer = ask_daemon(
      context.daemon_socket, "GET",
      is_key(id) ? "/api/calls?limit=1&call=" + id : std::string("/api/calls?limit=1000"));
  if (!answer) return {};
  for (const auto& record : list(*answer, "records"))
    if (text(record, "call") == id || text(record, "call_id") == id)
      return time_text(record, "ended");
  return {};
}

// The keys of the live SIP calls with this Call-ID, as holdfastd has them.
std::vector<std::string> keys_of_call_id(const Context& context, const std::string& call_id,
                                         std::string& trouble) {
  std::vector<std::string> keys;
  const auto answer = ask_daemon(context.daemon_socket, "GET", "/api/calls?limit=1");
  if (!answer) {
    trouble = answer.error().message;
    return keys;
  }
  for (const auto& call : list(*answer, "live")) {
    if (text(call, "call_id") == call_id) keys.push_back(text(call, "call"));
  }
  return keys;
}

// `id` as the dataplane knows it, or a call of holdfastd by its key or Call-ID: such a call has a
// name here for each of its streams, "hf-KEY-...". Empty after fail().
std::vector<std::string> find_calls(Context& context, control::DataplaneClient& client,
                                    const std::string& id) {
  const auto live = client.calls(false);
  if (!live) {
    context.fail(live.error());
    return {};
  }
  std::vector<std::string> found;
  const auto take = [&](const auto& fits) {
    for (const auto& call : *live) {
      if (fits(call.call)) found.push_back(call.call);
    }
  };
  take([&](const std::string& name) { return name == id; });
  const auto take_streams = [&](const std::string& key) {
    take([&](const std::string& name) { return name.starts_with("hf-" + key + "-"); });
  };
  if (found.empty()) take_streams(id);
  if (!found.empty()) return found;
  std::string trouble;
  const auto keys = keys_of_call_id(context, id, trouble);
  for (const std::string& key : keys) take_streams(key);
  if (!found.empty()) return found;
  if (!keys.empty()) {
    context.fail(kDidNotHold, "call " + id + " has no media in the dataplane");
  } else if (!trouble.empty()) {
    context.fail(
        kDidNotHold,
        "no call " + id + " in the dataplane, and nobody to ask about SIP calls: " + trouble);
  } else if (const std::string ended = end_of(context, id); !ended.empty()) {
    context.fail(kDidNotHold, "call " + id + " ended at " + ended + " UTC");
  } else {
    context.fail(kDidNotHold, "no call " + id + ": see holdfast calls and holdfast relay list");
  }
  return found;
}

json summary(const CaptureOptions& options, const control::CaptureBegun& begun,
             const Counts& counts) {
  json j = control::to_json(begun);
  j.erase("capture");
  j.update({{"file", options.path},
            {"frames", counts.frames},
            {"in", counts.in},
            {"out", counts.out},
            {"missed", counts.missed},
            {"refused", counts.refused},
            {"ended", counts.ended}});
  return j;
}

std::string how_it_went(const CaptureOptions& options, const control::CaptureBegun& begun,
                        const Counts& counts) {
  std::string line = options.path + ": " + std::to_string(counts.frames) + " frames of " +
                     std::to_string(begun.legs.size()) + " legs, " + std::to_string(counts.in) +
                     " in and " + std::to_string(counts.out) + " out";
  if (counts.missed > 0) line += "; " + std::to_string(counts.missed) + " frames did not fit";
  if (counts.refused > 0) {
    line += "; " + std::to_string(counts.refused) +
            " that were to leave were not taken by the port (tx_full, handover_full)";
  }
  return line + "; ended: " + counts.ended;
}

// What of `frames` is wanted goes into the file; empty, or the error.
std::string keep(CaptureFile& file, const CaptureOptions& options,
                 std::vector<control::CaptureFrame>& frames, Counts& counts) {
  if (options.packets && frames.size() > *options.packets - counts.frames)
    frames.resize(static_cast<size_t>(*options.packets - counts.frames));
  uint64_t taken = 0;
  std::string wrong = file.add(frames, taken);
  for (size_t i = 0; i < taken; ++i) ++(frames[i].out ? counts.out : counts.in);
  counts.frames += taken;
  return wrong;
}

// Until something ends it; false after fail().
bool fetch(Context& context, control::DataplaneClient& client, CaptureFile& file,
           const CaptureOptions& options, uint64_t capture, const EndSignals& signals,
           Counts& counts) {
  const auto end = Clock::now() + std::chrono::seconds(options.seconds.value_or(kMaxSeconds));
  bool stopping = false;
  for (;;) {
    auto page = stopping && counts.ended.empty() ? client.stop({capture}) : client.read({capture});
    if (stopping && counts.ended.empty()) counts.ended = Clock::now() >= end ? "time" : "signal";
    if (!page) {
      context.fail(page.error());
      return false;
    }
    counts.missed = page->missed;
    counts.refused = page->refused;
    if (const auto wrong = keep(file, options, page->frames, counts); !wrong.empty()) {
      context.fail(kDidNotHold, wrong);
      return false;
    }
    if (options.packets && counts.frames >= *options.packets) {
      counts.ended = "packets";
      return true;
    }
    if (!page->ended.empty()) {
      if (counts.ended.empty()) counts.ended = "call ended";
      return true;
    }
    if (page->more || stopping) continue;
    const auto left = end - Clock::now();
    stopping = signals.wait(std::min<Clock::duration>(left, kPollEvery)) || Clock::now() >= end;
  }
}

void run_capture(Context& context, const CaptureOptions& options) {
  if (options.calls.empty() && options.legs.empty())
    return context.fail(kWrongUse, "name what to capture: --call ID or --leg N");
  if (options.as_json && options.path == "-")
    return context.fail(kWrongUse, "--json and -w - would both write to standard output");
  const EndSignals signals;
  const auto client = context.connect();
  if (!client) return;
  control::CaptureStart request{{}, options.legs, options.snap};
  for (const std::string& id : options.calls) {
    const auto found = find_calls(context, *client, id);
    if (found.empty()) return;
    request.calls.insert(request.calls.end(), found.begin(), found.end());
  }
  const auto begun = client->start(request);
  if (!begun) return context.fail(begun.error());
  auto file = CaptureFile::create(options.path, options.snap);
  if (!file) return context.fail(kDidNotHold, file.error());
  if (const auto wrong = (*file)->begin(begun->legs); !wrong.empty())
    return context.fail(kDidNotHold, wrong);
  for (const auto& leg : begun->legs) {
    note("capturing leg " + std::to_string(leg.leg) + " of call " + leg.call + ": " +
         leg.interface + " " + leg.local.to_string());
  }
  Counts counts;
  const bool whole = fetch(context, *client, **file, options, begun->capture, signals, counts);
  if (!whole) counts.ended = "error";
  if (const auto wrong = (*file)->close(); !wrong.empty()) context.fail(kDidNotHold, wrong);
  if (options.as_json) {
    print_json(summary(options, *begun, counts));
  } else {
    note(how_it_went(options, *begun, counts));
  }
}

}  // namespace

void add_capture_command(CLI::App& app, Context& context) {
  auto* capture = app.add_subcommand("capture",
                                     "write the frames of a call or a leg, as the dataplane sees "
                                     "them, into a file for tcpdump, tshark and Wireshark");
  auto options = std::make_shared<CaptureOptions>();
  capture
      ->add_option("--call", options->calls,
                   "call: its name in relay list, its key or SIP Call-ID in calls; may be repeated")
      ->allow_extra_args(false);
  capture->add_option("--leg", options->legs, "leg: its number in relay list; may be repeated")
      ->allow_extra_args(false);
  capture
      ->add_option("-w,--write", options->path, "file; .pcapng has legs and directions; -: stdout")
      ->required();
  capture->add_option("--seconds", options->seconds, "end after so long")
      ->check(CLI::Range(uint32_t{1}, kMaxSeconds));
  capture->add_option("--packets", options->packets, "end after so many frames")
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
  capture->add_option("--snap", options->snap, "octets of each frame that are kept")
      ->check(CLI::Range(control::kMinSnapBytes, control::kMaxSnapBytes));
  capture->add_flag("--json", options->as_json, "print one JSON document when it has ended");
  capture->callback([&context, options] { run_capture(context, *options); });
}

}  // namespace holdfast::cli
