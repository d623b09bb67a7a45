// SPDX-License-Identifier: Apache-2.0
// Sofia-SIP's transaction layer, with our types in the place of its opaque contexts.
#pragma once

namespace holdfast::lab {
class Server;
struct Dialog;
struct Exchange;
struct Branch;
}  // namespace holdfast::lab

#define NTA_LEG_MAGIC_T holdfast::lab::Dialog
#define NTA_INCOMING_MAGIC_T holdfast::lab::Exchange
#define NTA_OUTGOING_MAGIC_T holdfast::lab::Branch
#define SU_ROOT_MAGIC_T holdfast::lab::Server
#define SU_TIMER_ARG_T holdfast::lab::Server
#define SU_WAKEUP_ARG_T holdfast::lab::Server

#include <sofia-sip/auth_digest.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_wait.h>

namespace holdfast::lab {

// Text where Sofia takes a URI parsed or as text: it tells them apart by their first byte.
inline const url_string_t* url_text(const char* text) {
  return static_cast<const url_string_t*>(static_cast<const void*>(text));
}

}  // namespace holdfast::lab
