// SPDX-License-Identifier: Apache-2.0
// Signs that a body breaks off before its end.
#pragma once

#include "provision-proxy/phone/body_text.hh"

namespace holdfast::provision {

// `known` may be nullptr. Views of the same bodies in both forms.
bool lines_cut(const BodyText& fresh, const BodyText* known);
bool xml_cut(const BodyText& fresh, const BodyText* known);
// Bytes: the beginning of what was known and no more, or a container that says it is longer.
bool bytes_cut(const BodyView& fresh, const BodyView* known);
// A picture or a sound that ends before its own format says.
bool container_cut(const BodyView& body);

}  // namespace holdfast::provision
