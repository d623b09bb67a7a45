// SPDX-License-Identifier: Apache-2.0
// The client's typed operations, and the paging of lists.
#include <nlohmann/json.hpp>

#include "dataplane/client/answers.hh"
#include "dataplane/client/client.hh"
#include "dataplane/control/key_texts.hh"

namespace holdfast::control {
namespace {

using nlohmann::json;

constexpr size_t kMaxCalls = 65536;  // far above max-legs; a server that pages on is at fault

// Performs one operation and reads its answer into a T.
template <typename T>
Result<T, ClientError> perform(DataplaneClient& client, const Operation& operation,
                               Result<T, std::string> (*read)(const json&)) {
  json params = to_json(operation);
  const auto answer = client.call(operation_name(operation), params);
  wipe_keys(params);
  if (!answer) return answer.error();
  auto value = read(*answer);
  if (!value) return senseless_answer(value.error());
  return std::move(value).value();
}

}  // namespace

Result<CallReport, ClientError> DataplaneClient::add(const CallAdd& request) {
  return perform<CallReport>(*this, request, call_report_from);
}

Result<LegReport, ClientError> DataplaneClient::update(const LegUpdate& request) {
  return perform<LegReport>(*this, request, leg_report_from);
}

Result<CallReport, ClientError> DataplaneClient::remove(const CallDelete& request) {
  return perform<CallReport>(*this, request, call_report_from);
}

Result<StatusReport, ClientError> DataplaneClient::status() {
  return perform<StatusReport>(*this, StatusGet{}, status_report_from);
}

Result<MinutePage, ClientError> DataplaneClient::minutes(const MinuteList& request) {
  return perform<MinutePage>(*this, request, minute_page_from);
}

Result<CaptureBegun, ClientError> DataplaneClient::start(const CaptureStart& request) {
  return perform<CaptureBegun>(*this, request, capture_begun_from);
}

Result<CapturePage, ClientError> DataplaneClient::read(const CaptureRead& request) {
  return perform<CapturePage>(*this, request, capture_page_from);
}

Result<CapturePage, ClientError> DataplaneClient::stop(const CaptureStop& request) {
  return perform<CapturePage>(*this, request, capture_page_from);
}

Result<CheckpointPage, ClientError> DataplaneClient::checkpoints(const CheckpointList& request) {
  return perform<CheckpointPage>(*this, request, checkpoint_page_from);
}

Result<std::vector<CallReport>, ClientError> DataplaneClient::calls(bool finished) {
  std::vector<CallReport> all;
  CallList page{0, kMaxPageCalls, finished};
  for (;;) {
    const auto answer = call("call.list", to_json(Operation(page)));
    if (!answer) return answer.error();
    auto list = read_list(*answer, page.after);
    if (!list) return list.error();
    for (CallReport& call : list->calls) all.push_back(std::move(call));
    if (!list->next) return all;
    if (all.size() > kMaxCalls) return senseless_answer("the list does not end");
    page.after = *list->next;
  }
}

}  // namespace holdfast::control
