#pragma once

#include <cstdint>
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

/// A member as the workers answer it.
struct Member {
    MemberIndex index = kNoMember;
    std::uint32_t ttl = 0;
};

/// Finds a member by its zone's id and its key; nothing when it is not answered from this snapshot.
std::optional<Member> find_member(const Snapshot& snapshot, std::string_view zone_id,
                                  const model::RecordKey& key);

/// Which record set an index means: a walk over everything, for diagnosis and tests.
std::optional<model::RecordKey> member_key(const Snapshot& snapshot, MemberIndex member);

}  // namespace rota::zone
