// SPDX-License-Identifier: Apache-2.0
// Wraps spdlog.
#include "base/logging.hh"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace holdfast {
namespace {

constexpr size_t kQueuedLines = 4096;

// The syslog priority as journald reads it in front of a line.
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view text = message.level >= spdlog::level::err    ? "<3>"
                                  : message.level >= spdlog::level::warn ? "<4>"
                                                                         : "<6>";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<PriorityFlag>();
  }
};

spdlog::level::level_enum level_of(LogLevel level) {
  return level == LogLevel::error     ? spdlog::level::err
         : level == LogLevel::warning ? spdlog::level::warn
                                      : spdlog::level::info;
}

}  // namespace

void start_logging(bool for_journal) {
  spdlog::init_thread_pool(kQueuedLines, 1);
  auto logger = std::make_shared<spdlog::async_logger>(
      "holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>(), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PriorityFlag>('*');
  formatter->set_pattern(for_journal ? "%*%v" : "%Y-%m-%d %H:%M:%S.%e %l %v");
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void stop_logging() {
  spdlog::shutdown();
}

void log_line(LogLevel level, const std::string& text) {
  // Control characters of the network must not forge lines.
  std::string line;
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (auto* logger = spdlog::default_logger_raw()) logger->log(level_of(level), "{}", line);
}

}  // namespace holdfast
