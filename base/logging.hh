// SPDX-License-Identifier: Apache-2.0
// The daemon's log: lines on stderr, with the levels that journald understands.
//
// Written by a thread of its own from a bounded queue, so that a stuck reader of stderr holds up no
// call: the oldest lines go.
#pragma once

#include "base/log.hh"

namespace holdfast {

// Starts the log; `for_journal` puts "<6>" and the like in front instead of a time (sd-daemon(3)).
void start_logging(bool for_journal);
// Writes what is queued and ends the thread.
void stop_logging();

// Any thread.
void log_line(LogLevel level, const std::string& text);

}  // namespace holdfast
