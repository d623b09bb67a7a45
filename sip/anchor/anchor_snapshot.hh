// SPDX-License-Identifier: Apache-2.0
// What media anchoring is doing, as plain values for a page or a command; and its counters by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/control/messages.hh"

namespace holdfast::sip {

// Whether legs can be had: X(name, what it means).
#define HOLDFAST_ANCHOR_STATES(X)                                               \
  X(away, "the dataplane does not answer: new calls pass unanchored")           \
  X(syncing, "it is back: its list is read and what it has lost is built anew") \
  X(up, "calls are anchored")

enum class AnchorState : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_ANCHOR_STATES(HOLDFAST_X)
#undef HOLDFAST_X
};
std::string_view name_of(AnchorState state);

// What is counted: X(name, what happened). Refusals of SDP are counted beside these, by the names
// of media/sdp.hh and media/offer_answer.hh, and those of the dataplane as "dataplane_" and its
// code.
#define HOLDFAST_ANCHOR_COUNTERS(X)                                                          \
  X(offers, "offers that were followed, each copy of a fork")                                \
  X(answers, "answers that were followed, previews among them")                              \
  X(repeats, "offers and answers that had been said before")                                 \
  X(bodies_rewritten, "bodies that were sent on with our addresses")                         \
  X(bodies_not_sdp, "bodies of another kind: passed")                                        \
  X(multipart_not_simple, "multipart bodies with SDP that we do not dare to change: passed") \
  X(answers_not_followed, "answers that do not count: given our addresses, else ignored")    \
  X(unanchored_away, "offers passed as they were: the dataplane was away")                   \
  X(unanchored_refused, "offers passed as they were: the dataplane had no leg for them")     \
  X(unanchored_answers, "answers to such offers, passed as they were")                       \
  X(refused_no_leg, "messages refused: the dataplane had no leg for them")                   \
  X(lines_refused_away, "new m= lines of a call refused: the dataplane was away")            \
  X(queue_full, "messages beyond the bound of those that wait, of a call")                   \
  X(calls_full, "new calls beyond the bound of calls")                                       \
  X(streams_added, "streams for which the dataplane gave legs")                              \
  X(streams_removed, "streams whose legs went")                                              \
  X(legs_updated, "legs that were told of another remote")                                   \
  X(updates_failed, "such steps that the dataplane refused")                                 \
  X(streams_adopted, "streams found in the dataplane from before we started")                \
  X(streams_claimed, "of these, taken over by a message of their call")                      \
  X(streams_restored, "streams that a dataplane started anew was given again")               \
  X(restores_failed, "streams that it did not take again")                                   \
  X(orphans_deleted, "calls whose silence was told and that nobody ended: their legs went")  \
  X(calls_silent, "calls told of because of their silence")                                  \
  X(one_way, "ends of calls that sent nothing while the other did, though not on hold")      \
  X(srtp_lines_refused, "m= lines refused because of SRTP, each counted by its reason too")  \
  X(srtp_offered_alone, "INVITEs sent once more with RTP/SAVP, optional SRTP being refused") \
  X(srtp_keys_removed, "bodies passed unanchored, without keys that may not be told")        \
  X(srtp_pass_refused, "messages or bodies that would have to pass so, and may not")         \
  X(srtp_given_up, "m= lines that went on in plain RTP in a dialog that had SRTP on them")   \
  X(offers_kept, "offers kept in memory files, to know their answers after a restart")       \
  X(offers_not_kept, "of which that could not be done")                                      \
  X(offers_of_before, "offers from before we started, whose answers or repeats came")        \
  X(answers_put_off, "answers to such, while the dataplane was not there: they come again")  \
  X(srtp_keys_spent, "legs that may not be sent to, their key of ours having had its time")  \
  X(checkpoints, "checkpoints of legs with SRTP that were taken")                            \
  X(dataplane_lost, "times the dataplane went away")                                         \
  X(dataplane_back, "times it answered again")

enum class AnchorCounter : uint8_t {
#define HOLDFAST_X(name, text) name,
  HOLDFAST_ANCHOR_COUNTERS(HOLDFAST_X)
#undef HOLDFAST_X
      count
};
std::string_view name_of(AnchorCounter counter);

struct AnchorSnapshot {
  AnchorState state = AnchorState::away;
  std::string dataplane_version;  // empty: never reached
  std::string last_failure;       // one line for a person; why it went away, or never came
  size_t calls_anchored = 0;      // with a stream through the dataplane
  size_t calls_unanchored = 0;    // with media that passes us by
  std::vector<uint64_t>
      adopted;  // keys of calls from before we started, no message of theirs since
  size_t streams = 0;
  size_t streams_joined = 0;  // with an end that is an address of ours: another leg
  size_t messages_waiting = 0;
  std::vector<control::NamedCount> counters;  // zeroes included
};

}  // namespace holdfast::sip
