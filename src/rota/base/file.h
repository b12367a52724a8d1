#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "rota/base/error.h"

// Small files that are read and replaced as a whole.
namespace rota {

/// Puts the text in the file's place at one moment, on the disk: who reads, now or after a power
/// failure, finds the old text or the new. Makes the directory when it is missing. The draft is
/// PATH.new.
/// @errors io, permission: names the path.
Status replace_file(const std::string& path, std::string_view text, mode_t mode);

/// The whole text; nothing when there is no such file. Only a regular file that nobody but its
/// owner may write, and only this user's or root's: what is in it is believed.
/// @errors permission: another could have written it; bad_input: no file, or longer than `longest`;
/// io.
Result<std::optional<std::string>> read_own_file(const std::string& path, std::size_t longest);

}  // namespace rota
