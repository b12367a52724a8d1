#pragma once

#include <string_view>

#include "rota/base/error.h"
#include "rota/model/record_set.h"
#include "rota/route53/messages.h"

namespace pugi {
class xml_node;  // NOLINT(readability-identifier-naming): pugixml\'s name
}

// Between the wire's record sets and the model's.
namespace rota::route53 {

/// The first thing in a record set that the model cannot hold ("AliasTarget", "Region", …); empty
/// when it can hold all of it.
std::string_view unsupported_feature(const RawRecordSet& record_set) noexcept;

/// @errors bad_input: names what the model cannot hold, or the field that is no number, type or
/// domain name.
Result<model::RecordSet> to_model(const RawRecordSet& raw);

/// Notes a GeoLocation, CidrRoutingConfig or GeoProximityLocation element.
void read_unkept_field(RawRecordSet& into, const pugi::xml_node& element);

}  // namespace rota::route53
