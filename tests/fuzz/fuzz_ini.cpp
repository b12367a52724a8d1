#include <cstdint>
#include <string_view>

#include "rota/aws/ini.h"
#include "rota/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    const auto file = rota::aws::parse_ini({reinterpret_cast<const char*>(octets), size}, "config");
    if (!file) {
        ROTA_ASSERT(file.error().kind == rota::ErrorKind::config);
        ROTA_ASSERT(file.error().message.starts_with("config:"));
        return 0;
    }
    for (const auto& section : file->sections) {
        ROTA_ASSERT(!section.name.empty());
        ROTA_ASSERT(file->section(section.name) == &section);
        for (const auto& property : section.properties) {
            ROTA_ASSERT(!property.key.empty());
            ROTA_ASSERT(find(section.properties, property.key) != nullptr);
        }
    }
    return 0;
}
