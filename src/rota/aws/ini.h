#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"

// The format of ~/.aws/config and ~/.aws/credentials.
// @source AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
namespace rota::aws {

struct IniProperty {
    std::string key;  ///< lower case
    std::string value;
    int line = 0;
    std::vector<IniProperty> nested;  ///< the indented lines under "key ="
};

struct IniSection {
    std::string name;  ///< "default", "profile NAME", "services NAME"; white space folded
    int line = 0;
    std::vector<IniProperty> properties;
};

/// The last property of that name; nullptr when there is none.
const IniProperty* find(const std::vector<IniProperty>& properties, std::string_view key) noexcept;

struct IniFile {
    std::string path;
    std::vector<IniSection> sections;

    /// Sections of the same name are one. nullptr when there is none.
    [[nodiscard]] const IniSection* section(std::string_view name) const noexcept;
};

/// @param path  for messages.  @errors config: names the path and the line.
Result<IniFile> parse_ini(std::string_view text, std::string path);

}  // namespace rota::aws
