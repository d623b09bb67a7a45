// SPDX-License-Identifier: Apache-2.0
// The words that operators meet in status, alarms and Cache-Status, each with what it means.
#pragma once

#include <string>

namespace holdfast::provision {

// docs/provisioning-words.md.
std::string words_markdown();

}  // namespace holdfast::provision
