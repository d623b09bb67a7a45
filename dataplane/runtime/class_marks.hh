// SPDX-License-Identifier: Apache-2.0
// With what the media of each class leaves an interface, by its configuration. Start-up only.
#pragma once

#include "dataplane/config/config.hh"
#include "dataplane/relay/switchboard.hh"

namespace holdfast::dataplane {

ClassMarks marks_of(const config::InterfaceConfig& interface);

}  // namespace holdfast::dataplane
