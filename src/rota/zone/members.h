#pragma once

#include <optional>
#include <string_view>

#include "rota/dns/types.h"
#include "rota/model/record_set.h"
#include "rota/zone/answer.h"

namespace rota::zone {

class Node;
class Snapshot;

/// The index of a rota's member by its set identifier; kNoMember when the node has none of that
/// name.
MemberIndex member_of(const Node& node, dns::Type type, std::string_view set_identifier);

/// Which record set an index means: a walk over everything, for diagnosis and tests.
std::optional<model::RecordKey> member_key(const Snapshot& snapshot, MemberIndex member);

}  // namespace rota::zone
