// SPDX-License-Identifier: Apache-2.0
// The order of final answers.
#include "sip/proxy/best_answer.hh"

namespace holdfast::sip {
namespace {

// The lower the better.
int rank(int status) {
  constexpr int kClass = 10;
  if (status >= 600) return 0;  // it speaks for the callee wherever he is
  int within = 2;
  switch (status) {
    case 401:
    case 407:
      within = 0;  // the caller can do something about it
      break;
    case 415:
    case 420:
    case 484:
      within = 1;
      break;
    case 408:
    case 487:
    case 503:
      within = 3;  // a branch that has said nothing, or was told to stop
      break;
    default:
      break;
  }
  return status / 100 * kClass + within;
}

}  // namespace

size_t best_answer(const std::vector<int>& statuses) {
  size_t best = 0;
  for (size_t i = 1; i < statuses.size(); ++i)
    if (rank(statuses[i]) < rank(statuses[best])) best = i;
  return best;
}

CallEnd call_end_of(int status, bool was_cancelled) {
  if (was_cancelled && status == 487) return CallEnd::cancelled;
  switch (status) {
    case 486:
    case 600:
      return CallEnd::busy;
    case 603:
      return CallEnd::declined;
    case 408:
    case 480:
      return CallEnd::no_answer;
    case 404:
    case 410:
    case 484:
    case 604:
      return CallEnd::not_found;
    case 415:
    case 488:
    case 606:
      return CallEnd::media_not_accepted;
    case 401:
    case 403:
    case 407:
      return CallEnd::not_authorised;
    default:
      break;
  }
  if (status >= 300 && status < 400) return CallEnd::redirected;
  return status >= 500 && status < 600 ? CallEnd::server_failed : CallEnd::rejected;
}

}  // namespace holdfast::sip
