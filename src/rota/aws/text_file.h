#pragma once

#include <expected>
#include <string>

namespace rota::aws {

/// The whole of a small file.  @errors an errno; EFBIG when it is larger than 1 MiB.
std::expected<std::string, int> read_text_file(const std::string& path);

}  // namespace rota::aws
