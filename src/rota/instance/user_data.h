#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rota/base/error.h"

// Settings in the user data of an instance, which belongs to others too: to cloud-init above all.
//   #rota-agent                 a first line like this: all of it is rota's, TOML
//   # rota-agent begin          or a part of anything that has comments by #: a script, a
//   # name = "www.example.com"  cloud-config, a part of a multipart message
//   # rota-agent end
// docs/install.md tells how to use it.
namespace rota::instance {

/// The settings as TOML, every line where it is in the user data, so that a complaint can name it;
/// nothing where rota is not meant.
/// @errors config: "user data:LINE: …", a part without its end, a second part, a line in it that is
/// no comment, other characters than those of printable ASCII in it; more than 64 KiB.
Result<std::optional<std::string>> settings_in_user_data(std::string_view user_data);

/// Why settings in it cannot be seen: "is compressed", "is partly base64"; empty when they can.
std::string_view why_opaque(std::string_view user_data) noexcept;

}  // namespace rota::instance
