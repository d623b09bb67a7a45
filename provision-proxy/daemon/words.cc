// SPDX-License-Identifier: Apache-2.0
// Writes the page of words from the lists that the code itself is made of.
#include "provision-proxy/daemon/words.hh"

#include <initializer_list>
#include <string_view>

#include "provision-proxy/phone/owner.hh"
#include "provision-proxy/phone/plausible.hh"
#include "provision-proxy/proxy/alarms.hh"
#include "provision-proxy/proxy/flow_counters.hh"
#include "provision-proxy/server/counters.hh"
#include "provision-proxy/spool/spool.hh"
#include "provision-proxy/tftp/counters.hh"
#include "provision-proxy/upstream/request.hh"

namespace holdfast::provision {
namespace {

struct Word {
  std::string_view name, meaning;
};

void section(std::string& page, std::string_view title, std::string_view where,
             std::initializer_list<Word> words) {
  page.append("\n## ").append(title).append("\n\n").append(where);
  page.append("\n\n| word | meaning |\n|---|---|\n");
  for (const auto& [name, meaning] : words)
    page.append("| `").append(name).append("` | ").append(meaning).append(" |\n");
}

}  // namespace

#define HOLDFAST_PAIR(name, text) Word{#name, text},
#define HOLDFAST_TRIPLE(name, between, text) Word{#name, text},

std::string words_markdown() {
  std::string page =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
      "<!-- Written by holdfast-provision --print-words -->\n"
      "# Words of the provision proxy\n\n"
      "What `holdfast provision status`, alarms, the log and `Cache-Status` on answers say, by "
      "name.\n";
  section(page, "Answers", "`counts` of `holdfast provision status`.",
          {HOLDFAST_FLOW_COUNTS(HOLDFAST_PAIR)});
  section(page, "Cache-Status",
          "`detail` of an answer (RFC 9211), beside `hit` (the centre was not asked) and `fwd` "
          "(why it was). The words of the next three lists occur too: how a transfer ended, what "
          "was wrong with a body, whose file it is.",
          {Word{"unreachable", "the centre is known to be away"},
           Word{"not-allowed", "something is kept that may not be given without the centre"},
           Word{"error", "the centre answered with an error of its own"},
           Word{"slow", "the centre's answer came too slowly"},
           Word{"gone", "the centre denies a file that it had"},
           Word{"rolled-back", "the centre sent a body that was rolled back"},
           Word{"not-stored", "the answer could not be stored"},
           Word{"only-if-cached", "the phone asked for what is kept alone"},
           Word{"spooled", "what the phone wrote itself and the centre does not have yet"},
           Word{"queued", "an upload that went behind others of its phone"},
           Word{"digest", "only the centre can check Digest credentials"},
           Word{"denied", "the centre has refused such an upload before"},
           Word{"cut", "the upload broke off"}});
  section(page, "Ends of a transfer from or to the centre",
          "`ends` of each origin, and `detail` of answers.",
          {HOLDFAST_UPSTREAM_ENDS(HOLDFAST_PAIR)});
  section(page, "What can be wrong with a body", "Alarms, and `detail` of answers.",
          {HOLDFAST_PLAUSIBLE(HOLDFAST_PAIR)});
  section(page, "Whose file it is", "`detail` of an answer 403.",
          {HOLDFAST_OWNER_VERDICTS(HOLDFAST_TRIPLE)});
  section(page, "Alarms", "`alarms` of `holdfast provision status`, and the log.",
          {HOLDFAST_PROVISION_ALARMS(HOLDFAST_PAIR)});
  section(page, "Uploads that wait", "`results` of `uploads`, and `detail` of answers.",
          {HOLDFAST_SPOOL_RESULTS(HOLDFAST_PAIR)});
  section(page, "What a listener has seen", "`counts` of each of `listeners`.",
          {HOLDFAST_LISTENER_COUNTERS(HOLDFAST_PAIR)});
  section(page, "Requests that the gate refused", "The same; the phone gets 4xx or 5xx.",
          {HOLDFAST_GATE_REFUSALS(HOLDFAST_TRIPLE)});
  section(page, "Broken chunks of an upload", "The same.",
          {HOLDFAST_CHUNK_REFUSALS(HOLDFAST_TRIPLE)});
  section(page, "TFTP: how transfers ended", "`ends` of each of `tftp`.",
          {HOLDFAST_TFTP_ENDS(HOLDFAST_PAIR)});
  section(page, "TFTP: transfers that never began", "`failures` and `refusals`.",
          {HOLDFAST_TFTP_FAILURES(HOLDFAST_PAIR) HOLDFAST_TFTP_REFUSALS(HOLDFAST_PAIR)});
  section(page, "TFTP: packets that were none", "`rejects`.",
          {HOLDFAST_TFTP_REJECTS(HOLDFAST_PAIR)});
  return page;
}

#undef HOLDFAST_PAIR
#undef HOLDFAST_TRIPLE

}  // namespace holdfast::provision
