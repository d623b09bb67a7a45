// SPDX-License-Identifier: Apache-2.0
// Key slots in the form of libipsec-mb: filled from session keys, and filled again from themselves.
#pragma once

#include <intel-ipsec-mb.h>

#include "media/srtp/key_derivation.hh"
#include "media/srtp/state.hh"

namespace holdfast::media {

// Both forms begin with the session key itself, and the halves of HMAC are those of SHA-1 on any
// machine: a slot can be filled anew for other instructions than those it was made for.
void fill_slot(IMB_MGR& mgr, SrtpSuite suite, const SrtpSessionKey& key, SrtpKeySlot& slot);
void refill_slot(IMB_MGR& mgr, SrtpSuite suite, SrtpKeySlot& slot);

inline const gcm_key_data* gcm_key(const SrtpKeySlot& slot) {
  return reinterpret_cast<const gcm_key_data*>(slot.bytes.data());
}

}  // namespace holdfast::media
