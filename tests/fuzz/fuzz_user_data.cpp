#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/config/file.h"
#include "rota/instance/instance_tags.h"
#include "rota/instance/user_data.h"

// User data, the TOML in it, and a list of tags: whoever launches an instance writes them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    using namespace rota;
    const std::string_view text{reinterpret_cast<const char*>(octets), size};
    static_cast<void>(instance::why_opaque(text));
    if (const auto toml = instance::settings_in_user_data(text); !toml) {
        ROTA_ASSERT(toml.error().kind == ErrorKind::config);
    } else if (*toml) {
        const auto lines = [](std::string_view all) { return std::ranges::count(all, '\n'); };
        ROTA_ASSERT(lines(**toml) == lines(text) || lines(**toml) == lines(text) + 1);
        if (const auto table = config::parse(**toml, "user data"); !table) {
            ROTA_ASSERT(table.error().message.starts_with("user data:"));
        }
    }
    const auto tags = instance::read_instance_tags(
        [text](std::string_view path) -> Result<std::optional<std::string>> {
            ROTA_ASSERT(path.find("..") == std::string_view::npos);
            return std::string{text};
        });
    if (!tags) {
        ROTA_ASSERT(tags.error().kind == ErrorKind::config);
    }
    return 0;
}
