// SPDX-License-Identifier: Apache-2.0
// hf-link: a link of the lab between two interfaces, with impairments; and the client that talks
// to one that runs.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "lab/link/control_socket.hh"
#include "lab/link/link.hh"
#include "lab/link/units.hh"

namespace {

using namespace holdfast::lab;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int fail(int status, const std::string& what) {
  std::fprintf(stderr, "hf-link: %s\n", what.c_str());
  return status;
}

// The timer wakes the loop when the next frame is due; never when none waits.
void arm(int timer, int64_t due_ns) {
  itimerspec when{};
  if (due_ns != kNever_ns) {
    when.it_value.tv_sec = due_ns / 1'000'000'000;
    when.it_value.tv_nsec = due_ns % 1'000'000'000;
  }
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

int run(const LinkOptions& options, const std::string& control_path) {
  Link link(options);
  ControlSocket control([&](const std::string& line) { return link.command(line); });
  std::string error = link.open();
  if (error.empty()) error = control.open(control_path);
  if (!error.empty()) return fail(kExitFailed, error);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int stop = signalfd(-1, &signals, SFD_CLOEXEC);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {stop, timer, control.fd(), link.a().fd(), link.b().fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
      return fail(kExitFailed, std::string("cannot wait for events: ") + std::strerror(errno));
    }
  }

  int64_t armed_ns = kNever_ns;
  for (;;) {
    bool timer_fired = false;
    std::array<epoll_event, 8> events{};
    const int n = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    if (n < 0 && errno != EINTR) {
      return fail(kExitFailed, std::string("cannot wait for events: ") + std::strerror(errno));
    }
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == stop) return 0;
      if (fd == control.fd()) control.serve();
      if (fd == link.a().fd()) link.receive_a(now_ns());
      if (fd == link.b().fd()) link.receive_b(now_ns());
      if (fd == timer) timer_fired = true;  // arming it again clears it
    }
    link.send_due(now_ns());
    const int64_t due_ns = link.next_due_ns();
    if (due_ns != armed_ns || timer_fired) {
      arm(timer, due_ns);
      armed_ns = due_ns;
    }
  }
}

// Tells "error: ..." answers by the exit status, so that scripts need not read them.
int ask_once(const std::string& path, const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  std::string answer;
  if (!ask(path, line, answer)) return fail(kExitFailed, answer);
  if (answer.starts_with("error: ")) return fail(kExitUsage, answer.substr(7));
  if (answer != "ok") std::printf("%s\n", answer.c_str());
  return 0;
}

int main_with(int argc, char** argv) {
  CLI::App app("A link of the lab: forwards frames between two interfaces and impairs them.");
  LinkOptions options;
  std::string control;
  std::vector<std::string> words_ab;
  std::vector<std::string> words_ba;
  std::vector<std::string> question;
  app.add_option("--a", options.interface_a, "first interface");
  app.add_option("--b", options.interface_b, "second interface");
  app.add_option("--control", control, "path of the control socket")->required();
  app.add_option("--seed", options.seed, "seed of all chance")->capture_default_str();
  app.add_option("--queue-frames", options.queue_frames, "frames that may wait, each direction")
      ->check(CLI::Range(size_t{1}, size_t{1} << 20))
      ->capture_default_str();
  app.add_option("--a-to-b", words_ab, "settings from a to b, kept by heal and reset");
  app.add_option("--b-to-a", words_ba, "settings from b to a, kept by heal and reset");
  app.add_option("--ask", question, "send this command to the stage that runs at --control");
  app.footer("Settings:\n" + settings_help() + "Commands: " + Link::command_help());
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return fail(kExitUsage, error.what());
  }
  if (!question.empty()) return ask_once(control, question);
  if (options.interface_a.empty() || options.interface_b.empty()) {
    return fail(kExitUsage, "--a and --b are required");
  }
  std::string error = apply_settings(options.a_to_b, words_ab);
  if (error.empty()) error = apply_settings(options.b_to_a, words_ba);
  if (!error.empty()) return fail(kExitUsage, error);
  return run(options, control);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return main_with(argc, argv);
  } catch (const std::exception& error) {
    return fail(kExitFailed, error.what());
  }
}
