// SPDX-License-Identifier: Apache-2.0
// Every bound of the SIP side in one place, with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::sip {

// A URI longer than this is refused. Real ones with GRUU and record-route tokens stay under 400.
inline constexpr size_t kMaxUriBytes = 1024;
// Parameters of one URI. RFC 4475's longest torture message has fewer.
inline constexpr size_t kMaxUriParameters = 32;
// Route, Record-Route and Path entries of one message that are looked at.
inline constexpr size_t kMaxRouteEntries = 32;
// Digits of a dialled number: E.164 allows 15, feature codes and outside prefixes are longer.
inline constexpr size_t kMaxNumberDigits = 32;
// Members of the centre's group: a switchover pair on two address families and two transports.
inline constexpr size_t kMaxUpstreams = 8;
// Targets of one request: contacts of a callee, gateways or upstreams.
inline constexpr size_t kMaxTargets = 8;
// Contacts under one address-of-record.
inline constexpr size_t kMaxContactsPerAor = 8;
// Bindings of a branch: ten times the largest branch of the field guide, some 4 MB.
inline constexpr size_t kMaxBindings = 4096;
// Characters of a device's +sip.instance, its Call-ID and other texts kept in a binding.
inline constexpr size_t kMaxBindingTextBytes = 512;
// Header fields of one message: a large real one has 60, with a Via and Record-Route for each hop.
inline constexpr size_t kMaxHeaderFields = 256;
// One header field: as long as a Call-ID, a credential or a certificate's URL ever gets.
inline constexpr size_t kMaxHeaderFieldBytes = 16384;
// Via entries that are looked at. Max-Forwards starts at 70.
inline constexpr size_t kMaxViaEntries = 71;
// Rows of each list of the dial plan.
inline constexpr size_t kMaxDialPlanRows = 256;

}  // namespace holdfast::sip
