#pragma once

#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/instance/address.h"

namespace rota::instance {

/// A tag of the instance whose key begins with "rota:".
struct InstanceTag {
    std::string name;  ///< the key without "rota:"
    std::string value;

    friend bool operator==(const InstanceTag&, const InstanceTag&) = default;
};

/// The instance's own tags "rota:…", in the order of the list; none where the instance does not
/// allow tags in its metadata.
/// @errors config: a key with other characters than a setting has, a value that is empty or not one
/// line of text; and the metadata's own.
/// @source EC2 User Guide, "View tags for your EC2 instances using instance metadata".
Result<std::vector<InstanceTag>> read_instance_tags(const Metadata& metadata);

}  // namespace rota::instance
