// SPDX-License-Identifier: Apache-2.0
// Keeps bindings. A REGISTER is applied in whole or not at all.
#include "lab/b2bua/registrar.hh"

#include <algorithm>
#include <cstring>

namespace holdfast::lab {

namespace {

std::string path_of(const sip_t* request, su_home_t* home) {
  std::string value;
  for (const sip_path_t* path = request->sip_path; path != nullptr; path = path->r_next) {
    const char* url = url_as_string(home, path->r_url);
    if (url == nullptr) continue;
    value += (value.empty() ? "<" : ", <") + std::string(url) + ">";
  }
  return value;
}

uint32_t expires_of(const sip_t* request, const sip_contact_t* contact) {
  uint32_t asked = Registrar::kDefaultExpires_s;
  if (request->sip_expires != nullptr)
    asked = static_cast<uint32_t>(request->sip_expires->ex_delta);
  if (contact->m_expires != nullptr) {
    asked = static_cast<uint32_t>(std::strtoul(contact->m_expires, nullptr, 10));
  }
  return std::min(asked, Registrar::kMaxExpires_s);
}

}  // namespace

int Registrar::apply(const std::string& user, const sip_t* request, int64_t now_s) {
  std::vector<RegisteredContact> next = contacts(user, now_s);
  const std::string call_id = request->sip_call_id->i_id;
  const uint32_t cseq = request->sip_cseq->cs_seq;
  su_home_t home[1] = {SU_HOME_INIT(home)};
  int status = 200;
  for (const sip_contact_t* contact = request->sip_contact; contact != nullptr && status == 200;
       contact = contact->m_next) {
    if (contact->m_url->url_type == url_any) {
      const bool alone = contact->m_next == nullptr && contact == request->sip_contact;
      if (!alone || request->sip_expires == nullptr || request->sip_expires->ex_delta != 0)
        status = 400;
      next.clear();
      continue;
    }
    const char* url = url_as_string(home, contact->m_url);
    const uint32_t lasts_s = expires_of(request, contact);
    const auto known = std::find_if(next.begin(), next.end(), [&](const auto& binding) {
      return url != nullptr && binding.uri == url;
    });
    if (url == nullptr) {
      status = 400;
    } else if (lasts_s != 0 && lasts_s < kMinExpires_s) {
      status = 423;
    } else if (known != next.end() && known->call_id == call_id && cseq <= known->cseq) {
      status = 500;  // out of order: RFC 3261 section 10.3 step 7
    } else {
      if (known != next.end()) next.erase(known);
      if (lasts_s != 0) {
        next.insert(next.begin(), {url, takes_path_ ? path_of(request, home) : "", call_id, cseq,
                                   now_s + int64_t{lasts_s}});
      }
    }
  }
  su_home_deinit(home);
  if (status == 200 && next.size() > kMaxContacts) status = 503;
  if (status == 200) bindings_[user] = next;
  return status;
}

std::vector<RegisteredContact> Registrar::contacts(const std::string& user, int64_t now_s) {
  const auto found = bindings_.find(user);
  if (found == bindings_.end()) return {};
  std::erase_if(found->second, [now_s](const auto& binding) { return binding.expires_s <= now_s; });
  return found->second;
}

}  // namespace holdfast::lab
